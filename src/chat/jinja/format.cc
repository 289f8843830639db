// Python's two ways to fill values into a text: '%s of %d' % (a, b), and '{} of {n:>4}'.format(a, n=b).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "chat/jinja/builtins.h"

namespace hadal::jinja {
namespace {

constexpr int64_t kMaxPrecision = 400;

// Of both ways; what a way lacks stays at its default.
struct Spec {
  Text fill = " ";
  char align = 0;  // < > ^ =
  char sign = '-';
  bool alternate = false, zero = false;
  int64_t width = 0, precision = -1;
  char grouping = 0;  // , or _
  char type = 0;
};

void check_sizes(const Spec& spec) {
  if (spec.width > static_cast<int64_t>(kMaxTextBytes)) fail("format: expected a width of at most {}", kMaxTextBytes);
  if (spec.precision > kMaxPrecision && spec.type != 's' && spec.type != 0)
    fail("format: expected a precision of at most {}, found {}", kMaxPrecision, spec.precision);
}

Text padded(Evaluation& evaluation, const Text& text, const Spec& spec, char default_align) {
  const auto n = static_cast<int64_t>(num_characters(text.bytes()));
  if (spec.width <= n) return text;
  const auto missing = static_cast<size_t>(spec.width - n);
  evaluation.charge_bytes(missing * spec.fill.size());
  const char align = spec.align != 0 ? spec.align : default_align;
  const size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  Text out;
  for (size_t i = 0; i < left; ++i) out.append(spec.fill);
  out.append(text);
  for (size_t i = left; i < missing; ++i) out.append(spec.fill);
  return out;
}

std::string grouped(std::string digits, char separator, size_t size) {
  for (size_t at = digits.size(); at > size;) digits.insert(at -= size, 1, separator);
  return digits;
}

// Sign and prefix, then digits; the blanks of '=' and of zeros stand between them.
Text number_text(Evaluation& evaluation, bool negative, const std::string& prefix, std::string digits, Spec spec,
                 Origin origin) {
  if (spec.grouping != 0) {
    const size_t end = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
    digits = grouped(digits.substr(0, end), spec.grouping,
                     spec.type == 'x' || spec.type == 'X' || spec.type == 'b' || spec.type == 'o' ? 4 : 3) +
             digits.substr(end);
  }
  std::string head = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  head += prefix;
  if (spec.zero && spec.align == 0) spec.align = '=', spec.fill = Text("0");
  if (spec.align != '=') return padded(evaluation, Text(head + digits, origin), spec, '>');
  spec.width -= static_cast<int64_t>(head.size());
  Text out(std::move(head), origin);
  out.append(padded(evaluation, Text(std::move(digits), origin), spec, '>'));
  return out;
}

Text format_integer(Evaluation& evaluation, int64_t number, const Spec& spec, Origin origin, bool old_octal = false) {
  const uint64_t magnitude = number < 0 ? ~static_cast<uint64_t>(number) + 1 : static_cast<uint64_t>(number);
  const int base = spec.type == 'x' || spec.type == 'X' ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10;
  char buffer[72];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base);
  std::string digits(buffer, end.ptr), prefix;
  if (spec.type == 'X')
    std::ranges::transform(digits, digits.begin(), [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
  if (spec.alternate && base != 10) prefix = std::string("0") + spec.type;
  if (old_octal && spec.precision > static_cast<int64_t>(digits.size()))
    digits.insert(0, static_cast<size_t>(spec.precision) - digits.size(), '0');
  return number_text(evaluation, number < 0, prefix, std::move(digits), spec, origin);
}

std::string print_float(const char* format, int64_t precision, double magnitude) {
  std::string out(1024, '\0');
  const int n = std::snprintf(out.data(), out.size(), format, static_cast<int>(precision), magnitude);
  out.resize(static_cast<size_t>(std::clamp(n, 0, 1023)));
  return out;
}

Text format_float(Evaluation& evaluation, double number, const Spec& spec, Origin origin) {
  const double magnitude = std::fabs(number);
  std::string digits;
  if (std::isnan(number) || std::isinf(number)) {
    digits = std::isnan(number) ? "nan" : "inf";
    if (spec.type == 'F' || spec.type == 'E' || spec.type == 'G')
      std::ranges::transform(digits, digits.begin(), [](char c) { return static_cast<char>(c - 32); });
  } else if (spec.type == 0 && spec.precision < 0) {
    digits = float_repr(magnitude);
  } else {
    const int64_t precision = spec.precision < 0 ? 6 : spec.precision;
    switch (spec.type) {
      case 'e':
        digits = print_float(spec.alternate ? "%#.*e" : "%.*e", precision, magnitude);
        break;
      case 'E':
        digits = print_float(spec.alternate ? "%#.*E" : "%.*E", precision, magnitude);
        break;
      case 'f':
      case 'F':
        digits = print_float(spec.alternate ? "%#.*f" : "%.*f", precision, magnitude);
        break;
      case '%':
        digits = print_float("%.*f", precision, magnitude * 100) + "%";
        break;
      case 'G':
        digits = print_float(spec.alternate ? "%#.*G" : "%.*G", precision, magnitude);
        break;
      default:
        digits = print_float(spec.alternate ? "%#.*g" : "%.*g", precision, magnitude);
        if (spec.type == 0 && digits.find_first_of(".e") == std::string::npos) digits += ".0";
    }
  }
  return number_text(evaluation, std::signbit(number) && !std::isnan(number), "", std::move(digits), spec, origin);
}

Text cut(const Text& text, int64_t precision) {
  if (precision < 0) return text;
  size_t end = 0;
  int64_t n = 0;
  for_each_character(text.bytes(), [&](std::string_view character) {
    if (n++ < precision) end += character.size();
  });
  return text.part(std::string_view(text.bytes()).substr(0, end));
}

std::string character(int64_t code) {
  if (code < 0 || code > 0x10FFFF) fail("format: expected the code of a character, found {}", code);
  std::string out;
  append_utf8(out, static_cast<uint32_t>(code));
  return out;
}

Text ascii(const Text& text) {
  Text out;
  for_each_character(text.bytes(), [&](std::string_view one) {
    const uint32_t code = read_char(one, 0, char_classes()).code;
    if (code < 0x80 || code == 0xFFFFFFFFu) return out.append(text, one);
    out.append(code < 0x100     ? fmt::format("\\x{:02x}", code)
               : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                                : fmt::format("\\U{:08x}", code),
               text.origin_of(one));
  });
  return out;
}

// --- % ---
class PercentFormat {
 public:
  PercentFormat(Evaluation& evaluation, const Text& format, const Value& arguments)
      : evaluation_(evaluation), format_(format), bytes_(format.bytes()), arguments_(arguments) {
    tuple_ = arguments.is_tuple();
  }

  Text run() {
    Text out;
    while (at_ < bytes_.size()) {
      const size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
      out.append(format_, bytes_.substr(at_, percent - at_));
      at_ = percent;
      if (at_ < bytes_.size()) one(out);
    }
    const bool left = tuple_ ? used_ < arguments_.list()->items.size() : used_ == 0 && !keyed_;
    if (left && arguments_.dict() == nullptr) fail("%: expected as many places as values, found more values");
    return out;
  }

 private:
  char peek() const { return at_ < bytes_.size() ? bytes_[at_] : '\0'; }

  Value next() {
    if (tuple_) {
      if (used_ >= arguments_.list()->items.size()) fail("%: expected as many values as places, found fewer");
      return arguments_.list()->items[used_++];
    }
    if (used_++ > 0) fail("%: expected as many values as places, found fewer");
    return arguments_;
  }

  int64_t number() {
    if (peek() == '*') return ++at_, next().integer("%: *");
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) value = std::min<int64_t>(value * 10 + (peek() - '0'), INT32_MAX);
    return value;
  }

  void one(Text& out) {
    const size_t begin = at_++;
    std::optional<Value> keyed;
    if (peek() == '(') {
      const size_t end = bytes_.find(')', at_);
      if (end == std::string_view::npos) fail("%: expected \")\" behind the name, found none");
      const std::string key(bytes_.substr(at_ + 1, end - at_ - 1));
      const Value* found = arguments_.dict() != nullptr ? arguments_.dict()->find(key) : nullptr;
      if (found == nullptr) fail("%: expected a dict with all names of the format, found none for one of them");
      keyed = *found;
      keyed_ = true;
      at_ = end + 1;
    }
    Spec spec;
    for (;; ++at_) {
      const char c = peek();
      if (c == '-')
        spec.align = '<';
      else if (c == '+')
        spec.sign = '+';
      else if (c == ' ')
        spec.sign = spec.sign == '+' ? '+' : ' ';
      else if (c == '#')
        spec.alternate = true;
      else if (c == '0')
        spec.zero = true;
      else
        break;
    }
    spec.width = number();
    if (spec.width < 0) spec.width = -spec.width, spec.align = '<';
    if (peek() == '.') ++at_, spec.precision = std::max<int64_t>(number(), 0);
    while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++at_;
    if (at_ >= bytes_.size()) fail("%: expected a type behind the last %, found the end");
    spec.type = bytes_[at_++];
    if (spec.type == '%') return out.append(format_, bytes_.substr(begin, 1));
    out.append(converted(keyed ? *keyed : next(), spec));
  }

  Text converted(const Value& value, Spec spec) {
    check_sizes(spec);
    evaluation_.charge(value.weight());
    switch (spec.type) {
      case 's':
        return padded(evaluation_, cut(to_text(value), spec.precision), spec, '>');
      case 'r':
      case 'a':
        return padded(evaluation_, cut(spec.type == 'r' ? to_repr(value) : ascii(to_repr(value)), spec.precision), spec,
                      '>');
      case 'c':
        return padded(evaluation_, value.text() != nullptr ? *value.text() : Text(character(value.integer("%c"))), spec,
                      '>');
      case 'd':
      case 'i':
      case 'u':
        spec.type = 'd';
        [[fallthrough]];
      case 'o':
      case 'x':
      case 'X':
        if (value.is_float() && spec.type == 'd') {
          if (std::fabs(value.number("%")) >= 9.2e18) fail("%d: expected a number below 2^63, found a larger one");
          return format_integer(evaluation_, static_cast<int64_t>(value.number("%")), spec, value.origin(), true);
        }
        return format_integer(evaluation_, value.integer("%"), spec, value.origin(), true);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return format_float(evaluation_, value.number("%"), spec, value.origin());
      default:
        fail("%: expected a type of the format (s, r, d, f, ...), found \"{}\"", spec.type);
    }
  }

  Evaluation& evaluation_;
  const Text& format_;
  std::string_view bytes_;
  const Value& arguments_;
  bool tuple_ = false, keyed_ = false;
  size_t at_ = 0, used_ = 0;
};

// --- {} ---
class BraceFormat {
 public:
  BraceFormat(Evaluation& evaluation, const Text& format, const Arguments& arguments)
      : evaluation_(evaluation), format_(format), arguments_(arguments) {}

  Text run(std::string_view text, int depth) {
    if (depth > 1) fail("format: expected fields nested at most twice, found more");
    Text out;
    for (size_t at = 0; at < text.size();) {
      const size_t brace = std::min(text.find_first_of("{}", at), text.size());
      out.append(format_, text.substr(at, brace - at));
      if (brace == text.size()) break;
      if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {
        out.append(format_, text.substr(brace, 1));
        at = brace + 2;
        continue;
      }
      if (text[brace] == '}') fail("format: expected \"{{\" before \"}}\", found none");
      const size_t end = field_end(text, brace);
      out.append(field(text.substr(brace + 1, end - brace - 1), depth));
      at = end + 1;
    }
    return out;
  }

 private:
  static size_t field_end(std::string_view text, size_t open) {
    int level = 0;
    for (size_t i = open; i < text.size(); ++i) {
      if (text[i] == '{') ++level;
      if (text[i] == '}' && --level == 0) return i;
    }
    fail("format: expected \"}}\" behind \"{{\", found none");
  }

  Text field(std::string_view text, int depth) {
    size_t end = 0;
    for (bool bracket = false; end < text.size() && (bracket || (text[end] != '!' && text[end] != ':')); ++end)
      bracket = text[end] == '[' || (bracket && text[end] != ']');
    Value value = look_up(text.substr(0, end));
    std::string_view rest = text.substr(end);
    if (rest.starts_with('!')) {
      const char how = rest.size() > 1 ? rest[1] : '\0';
      if (how != 'r' && how != 's' && how != 'a') fail("format: expected !r, !s or !a, found another conversion");
      value = how == 's' ? to_text(value) : how == 'r' ? to_repr(value) : ascii(to_repr(value));
      rest.remove_prefix(2);
    }
    if (!rest.empty() && !rest.starts_with(':')) fail("format: expected \":\" behind the name of a field");
    evaluation_.charge(value.weight() + 1);
    const Text spec = rest.empty() ? Text() : run(rest.substr(1), depth + 1);
    return formatted(value, spec);
  }

  Value look_up(std::string_view path) {
    size_t end = std::min(path.find_first_of(".["), path.size());
    const std::string first(path.substr(0, end));
    Value value;
    if (first.empty() || std::ranges::all_of(first, [](char c) { return c >= '0' && c <= '9'; })) {
      size_t index = first.empty() ? automatic_++ : 0;
      if (!first.empty() && std::from_chars(first.data(), first.data() + first.size(), index).ec != std::errc{})
        index = SIZE_MAX;
      if (index >= arguments_.positional.size()) fail("format: expected as many values as places, found fewer");
      value = arguments_.positional[index];
    } else {
      const Value* found = arguments_.get(SIZE_MAX, first);
      if (found == nullptr) fail("format: expected a value for each name, found none for \"{}\"", first.substr(0, 40));
      value = *found;
    }
    while (end < path.size()) {
      if (path[end] == '.') {
        const size_t next = std::min(path.find_first_of(".[", end + 1), path.size());
        value = get_attribute(value, std::string(path.substr(end + 1, next - end - 1)));
        end = next;
        continue;
      }
      const size_t close = path.find(']', end);
      if (path[end] != '[' || close == std::string_view::npos) fail("format: expected an index in brackets");
      const std::string key(path.substr(end + 1, close - end - 1));
      int64_t index = 0;
      const auto read = std::from_chars(key.data(), key.data() + key.size(), index);
      value = get_item(value, !key.empty() && read.ptr == key.data() + key.size() ? Value(index) : Value(key));
      end = close + 1;
    }
    return value;
  }

  static Spec parse(const Text& text) {
    Spec spec;
    const std::string_view bytes = text.bytes();
    size_t at = 0;
    const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
    const size_t first = bytes.empty() ? 0 : read_char(bytes, 0, char_classes()).length;
    if (first < bytes.size() && is_align(bytes[first])) {
      spec.fill = text.part(bytes.substr(0, first));
      spec.align = bytes[first];
      at = first + 1;
    } else if (!bytes.empty() && is_align(bytes[0])) {
      spec.align = bytes[at++];
    }
    const auto peek = [&] { return at < bytes.size() ? bytes[at] : '\0'; };
    const auto number = [&] {
      int64_t value = 0;
      for (; peek() >= '0' && peek() <= '9'; ++at) value = std::min<int64_t>(value * 10 + (peek() - '0'), INT32_MAX);
      return value;
    };
    if (peek() == '+' || peek() == '-' || peek() == ' ') spec.sign = bytes[at++];
    if (peek() == '#') spec.alternate = true, ++at;
    if (peek() == '0') spec.zero = true, ++at;
    spec.width = number();
    if (peek() == ',' || peek() == '_') spec.grouping = bytes[at++];
    if (peek() == '.') ++at, spec.precision = number();
    if (at < bytes.size()) spec.type = bytes[at++];
    if (at != bytes.size()) fail("format: expected a format as [[fill]align][sign][#][0][width][,][.precision][type]");
    check_sizes(spec);
    return spec;
  }

  Text formatted(const Value& value, const Text& text) {
    if (text.empty()) return to_text(value);
    const Spec spec = parse(text);
    if (value.text() != nullptr) {
      if (spec.type != 0 && spec.type != 's') fail("format: expected type s for a text, found \"{}\"", spec.type);
      return padded(evaluation_, cut(*value.text(), spec.precision), spec, '<');
    }
    if (!value.is_number()) fail("format: expected a text or a number to format, found {}", type_name(value));
    const bool as_float = std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos && spec.type != 0;
    if (value.is_float() || as_float) {
      Spec adjusted = spec;
      if (spec.type == 'n') adjusted.type = 'g';
      return format_float(evaluation_, value.number("format"), adjusted, value.origin());
    }
    if (spec.type == 'c') return padded(evaluation_, Text(character(value.integer("format"))), spec, '<');
    if (std::string_view("dbBoxXn").find(spec.type) == std::string_view::npos && spec.type != 0)
      fail("format: expected a type for whole numbers (d, x, f, ...), found \"{}\"", spec.type);
    if (value.is_bool() && spec.type == 0) return padded(evaluation_, to_text(value), spec, '<');
    return format_integer(evaluation_, value.integer("format"), spec, value.origin());
  }

  Evaluation& evaluation_;
  const Text& format_;
  const Arguments& arguments_;
  size_t automatic_ = 0;
};

}  // namespace

Text percent_format(Evaluation& evaluation, const Text& format, const Value& arguments) {
  return PercentFormat(evaluation, format, arguments).run();
}

Text brace_format(Evaluation& evaluation, const Text& format, const Arguments& arguments) {
  return BraceFormat(evaluation, format, arguments).run(format.bytes(), 0);
}

}  // namespace hadal::jinja
