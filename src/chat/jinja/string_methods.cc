// Python's methods of strings.
#include <algorithm>
#include <utility>

#include "chat/jinja/call.h"

namespace hadal::jinja {

// The ends of lines are those of str.splitlines(), more than \n and \r.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const Char c = read_char(text, at, char_classes());
    const bool ends = (c.code >= 0x0A && c.code <= 0x0D) || (c.code >= 0x1C && c.code <= 0x1E) || c.code == 0x85 ||
                      c.code == 0x2028 || c.code == 0x2029;
    size_t next = at + c.length;
    if (c.code == '\r' && next < text.size() && text[next] == '\n') ++next;
    if (ends) {
      lines.push_back(text.substr(begin, (keep_ends ? next : at) - begin));
      begin = next;
    }
    at = next;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

Text justified(const Text& text, size_t left, size_t right, const Text& fill) {
  Text out;
  for (size_t i = 0; i < left; ++i) out.append(fill);
  out.append(text);
  for (size_t i = 0; i < right; ++i) out.append(fill);
  return out;
}

Text centered(const Text& text, size_t width, const Text& fill) {
  const size_t n = num_characters(text.bytes()), margin = width > n ? width - n : 0;
  const size_t left = margin / 2 + (margin & width & 1);
  return justified(text, left, margin - left, fill);
}

Text text_replace(const Call& c, const Text& text, std::string_view from, const Text& to, int64_t count) {
  if (to.size() > from.size()) {
    const size_t times = text.size() / std::max<size_t>(1, from.size()) + 1;
    const size_t bounded = count < 0 ? times : std::min(times, static_cast<size_t>(count));
    if (bounded > 0 && to.size() > kMaxTextBytes / bounded)
      fail("replace: expected a text of at most {} bytes, found what may be longer", kMaxTextBytes);
    c.evaluation.charge_bytes(bounded * to.size());
  }
  return replace_all(text, from, to, count);
}

namespace {

const Text& self(const Call& c) { return *c.self.text(); }
const std::string& bytes(const Call& c) { return self(c).bytes(); }

std::vector<Value> parts_of(const Text& text, const std::vector<std::string_view>& views) {
  std::vector<Value> parts;
  for (const std::string_view view : views) parts.emplace_back(text.part(view));
  return parts;
}

std::vector<std::string_view> split_spaces(std::string_view text, int64_t max_splits) {
  std::vector<std::string_view> parts;
  text = strip_left(text);
  while (!text.empty()) {
    size_t end = max_splits == 0 ? text.size() : 0;
    while (end < text.size()) {
      const Char c = read_char(text, end, char_classes());
      if (is_python_space(c)) break;
      end += c.length;
    }
    --max_splits;
    parts.push_back(text.substr(0, end));
    text = strip_left(text.substr(end));
    if (max_splits == -1) break;
  }
  return parts;
}

std::vector<std::string_view> rsplit_spaces(std::string_view text, int64_t max_splits) {
  std::vector<std::string_view> parts;
  text = strip_right(text);
  while (!text.empty()) {
    if (max_splits-- == 0) {
      parts.push_back(text);
      break;
    }
    std::string_view head = text;  // becomes what stands before the last word
    while (!head.empty()) {
      size_t start = head.size() - 1;
      while (start > 0 && (static_cast<uint8_t>(head[start]) & 0xC0) == 0x80) --start;
      if (is_python_space(read_char(head, start, char_classes()))) break;
      head = head.substr(0, start);
    }
    parts.push_back(text.substr(head.size()));
    text = strip_right(head);
  }
  std::ranges::reverse(parts);
  return parts;
}

Value split(const Call& c) {
  const int64_t max_splits = c.integer(1, "maxsplit", -1);
  if (c.some(0, "sep") == nullptr) return parts_of(self(c), split_spaces(bytes(c), max_splits));
  const std::string_view separator = c.string(0, "sep");
  if (separator.empty()) fail("split: expected a separator, found an empty one");
  std::vector<std::string_view> parts;
  std::string_view rest = bytes(c);
  int64_t left = max_splits;
  for (size_t found; left != 0 && (found = rest.find(separator)) != std::string_view::npos; --left) {
    parts.push_back(rest.substr(0, found));
    rest.remove_prefix(found + separator.size());
  }
  parts.push_back(rest);
  return parts_of(self(c), parts);
}

Value rsplit(const Call& c) {
  int64_t max_splits = c.integer(1, "maxsplit", -1);
  if (c.some(0, "sep") == nullptr) return parts_of(self(c), rsplit_spaces(bytes(c), max_splits));
  const std::string_view separator = c.string(0, "sep");
  if (separator.empty()) fail("rsplit: expected a separator, found an empty one");
  std::vector<std::string_view> parts;
  std::string_view rest = bytes(c);
  for (size_t found; max_splits != 0 && (found = rest.rfind(separator)) != std::string_view::npos; --max_splits) {
    parts.push_back(rest.substr(found + separator.size()));
    rest = rest.substr(0, found);
  }
  parts.push_back(rest);
  std::ranges::reverse(parts);
  return parts_of(self(c), parts);
}

template <bool kLast>
Value partition(const Call& c) {
  const std::string_view separator = c.string(0, "sep"), text = bytes(c);
  if (separator.empty()) fail("{}: expected a separator, found none", c.name);
  const size_t found = kLast ? text.rfind(separator) : text.find(separator);
  std::vector<Value> parts(3, Value(Text()));
  if (found == std::string_view::npos) {
    parts[kLast ? 2 : 0] = c.self;
  } else {
    const std::string_view views[] = {text.substr(0, found), text.substr(found, separator.size()),
                                      text.substr(found + separator.size())};
    for (size_t i = 0; i < 3; ++i) parts[i] = self(c).part(views[i]);
  }
  return {std::move(parts), ListKind::tuple};
}

Value splitlines(const Call& c) { return parts_of(self(c), split_lines(bytes(c), c.flag(0, "keepends"))); }

// The part of the text that arguments 1 and 2 (start, end) choose, in characters; `before` gets the characters before
// it. False where start lies behind the end of the text.
bool window(const Call& c, std::string_view& text, size_t& before) {
  before = 0;
  if (c.some(1, "start") == nullptr && c.some(2, "end") == nullptr) return true;
  const auto n = static_cast<int64_t>(num_characters(text));
  const auto bound = [n](int64_t i) { return i < 0 ? std::max<int64_t>(i + n, 0) : i; };
  const int64_t start = bound(c.integer(1, "start", 0)), end = std::min(bound(c.integer(2, "end", n)), n);
  if (start > n || start > end) return false;
  size_t begin_byte = text.size(), end_byte = text.size(), at = 0;
  int64_t i = 0;
  for_each_character(text, [&](std::string_view character) {
    if (i == start) begin_byte = at;
    if (i == end) end_byte = at;
    at += character.size();
    ++i;
  });
  before = static_cast<size_t>(start);
  text = text.substr(begin_byte, end_byte - begin_byte);
  return true;
}

template <bool kEnd>
Value starts_or_ends(const Call& c) {
  std::string_view text = bytes(c);
  size_t before = 0;
  if (!window(c, text, before)) return false;
  const auto fits = [&](const std::string& affix) { return kEnd ? text.ends_with(affix) : text.starts_with(affix); };
  const Value& affix = c.required(0, kEnd ? "suffix" : "prefix");
  if (affix.list() == nullptr) return fits(affix.string(c.name));
  return std::ranges::any_of(affix.list()->items, [&](const Value& one) { return fits(one.string(c.name)); });
}

// In characters; -1: not found, or an Error where kMust.
template <bool kLast, bool kMust>
Value find(const Call& c) {
  const std::string& wanted = c.required(0, "sub").string(c.name);
  std::string_view text = bytes(c);
  size_t before = 0;
  const bool inside = window(c, text, before);
  const size_t found = !inside ? std::string_view::npos : kLast ? text.rfind(wanted) : text.find(wanted);
  if (found != std::string_view::npos) return Value::of(before + num_characters(text.substr(0, found)));
  if (kMust) fail("{}: expected a text that holds the one that is looked for, found none", c.name);
  return int64_t{-1};
}

Value count(const Call& c) {
  const std::string& part = c.required(0, "sub").string(c.name);
  std::string_view text = bytes(c);
  size_t before = 0;
  if (!window(c, text, before)) return int64_t{0};
  if (part.empty()) return Value::of(num_characters(text) + 1);
  int64_t times = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++times;
  return times;
}

Value join(const Call& c) {
  Text out;
  bool first = true;
  for (const Value& item : items_of(c.required(0, "iterable"))) {
    if (!std::exchange(first, false)) out.append(self(c));
    out.append(item.text(c.name));
    c.evaluation.charge_bytes(self(c).size());
  }
  return out;
}

Text fill_of(const Call& c) {
  const Value* given = c.some(1, "fillchar");
  if (given == nullptr) return " ";
  if (num_characters(given->string(c.name)) != 1) fail("{}: expected one character to fill with", c.name);
  return *given->text();
}

size_t missing(const Call& c) {
  const size_t width = c.width(0, "width", 0), n = num_characters(bytes(c));
  return width > n ? width - n : 0;
}

Value center(const Call& c) { return centered(self(c), c.width(0, "width", 0), fill_of(c)); }

Value zfill(const Call& c) {
  const bool sign = bytes(c).starts_with('-') || bytes(c).starts_with('+');
  const std::string_view all = bytes(c);
  Text out = self(c).part(all.substr(0, sign ? 1 : 0));
  out.append(justified(self(c).part(all.substr(sign ? 1 : 0)), missing(c), 0, "0"));
  return out;
}

Value expandtabs(const Call& c) {
  const size_t size = c.width(0, "tabsize", 8);
  Text out;
  size_t column = 0;
  for_each_character(bytes(c), [&](std::string_view character) {
    if (character == "\t") {
      const size_t n = size == 0 ? 0 : size - column % size;
      c.evaluation.charge_bytes(n);
      out.append(std::string(n, ' '), self(c).origin_of(character));
      column += n;
      return;
    }
    out.append(self(c), character);
    column = character == "\n" || character == "\r" ? 0 : column + 1;
  });
  return out;
}

template <bool kSuffix>
Value remove_affix(const Call& c) {
  const std::string& affix = c.required(0, kSuffix ? "suffix" : "prefix").string(c.name);
  std::string_view text = bytes(c);
  if (kSuffix && text.ends_with(affix)) text.remove_suffix(affix.size());
  if (!kSuffix && text.starts_with(affix)) text.remove_prefix(affix.size());
  return self(c).part(text);
}

Value translate(const Call& c) {
  const Value& table = c.required(0, "table");
  Text out;
  for_each_character(bytes(c), [&](std::string_view character) {
    const Char read = read_char(character, 0, char_classes());
    const Value key(static_cast<int64_t>(read.code));
    const Value* found = table.dict() != nullptr ? table.dict()->find(key) : nullptr;
    c.evaluation.charge(table.weight() / 16);
    if (found == nullptr) return out.append(self(c), character);
    if (found->is_none()) return;
    if (found->text() != nullptr) return out.append(*found->text());
    std::string one;
    append_utf8(one, static_cast<uint32_t>(std::clamp<int64_t>(found->integer(c.name), 0, 0x10FFFF)));
    out.append(one, self(c).origin_of(character));
  });
  return out;
}

Value maketrans(const Call& c) {
  Dict table;
  const auto code = [](const Value& character) -> Value {
    if (character.text() == nullptr) return character;
    return static_cast<int64_t>(read_char(*character.string(), 0, char_classes()).code);
  };
  const Value& from = c.required(0, "x");
  if (from.dict() != nullptr) {
    for (const auto& [key, value] : from.dict()->entries) table.set(code(key), value);
    return table;
  }
  const std::vector<Value> keys = items_of(from), values = items_of(c.required(1, "y"));
  if (keys.size() != values.size()) fail("maketrans: expected two texts of one length");
  for (size_t i = 0; i < keys.size(); ++i) table.set(code(keys[i]), code(values[i]));
  if (const Value* gone = c.some(2, "z")) {
    for (const Value& key : items_of(*gone)) table.set(code(key), None{});
  }
  return table;
}

template <bool (*kFits)(const Char&)>
Value all_characters(const Call& c) {
  bool all = !bytes(c).empty();
  for_each_character(bytes(c), [&](std::string_view one) { all = all && kFits(read_char(one, 0, char_classes())); });
  return all;
}
bool is_letter_char(const Char& c) { return c.is(kLetter); }
bool is_alnum_char(const Char& c) { return c.is(kLetter) || is_numeric(c); }

Value is_identifier(const Call& c) {
  bool fits = !bytes(c).empty(), first = true;
  for_each_character(bytes(c), [&](std::string_view character) {
    const Char one = read_char(character, 0, char_classes());
    const bool starts = one.code == '_' || one.is(kLetter);
    fits = fits && (starts || (!std::exchange(first, false) && (one.is(kMark) || is_decimal(one))));
    first = false;
  });
  return fits;
}

// Of all cased characters, at least one: capitals, small ones; a title has capitals exactly where words begin.
template <bool kUpper>
Value is_case(const Call& c) {
  bool any = false, all = true;
  for_each_character(bytes(c), [&](std::string_view character) {
    const Char one = read_char(character, 0, char_classes());
    if (!is_cased(one)) return;
    any = true;
    all = all && (kUpper ? is_upper(one) : is_lower(one));
  });
  return any && all;
}

Value is_title(const Call& c) {
  bool any = false, all = true, inside = false;
  for_each_character(bytes(c), [&](std::string_view character) {
    const Char one = read_char(character, 0, char_classes());
    if (is_cased(one)) all = all && is_lower(one) == inside, any = true;
    inside = is_cased(one);
  });
  return any && all;
}

}  // namespace

const FunctionTable& string_methods() {
  static const FunctionTable table = {
      {"strip", [](const Call& c) -> Value { return self(c).part(strip(bytes(c), c.string(0, "chars"))); }},
      {"lstrip", [](const Call& c) -> Value { return self(c).part(strip_left(bytes(c), c.string(0, "chars"))); }},
      {"rstrip", [](const Call& c) -> Value { return self(c).part(strip_right(bytes(c), c.string(0, "chars"))); }},
      {"lower", [](const Call& c) -> Value { return to_lower(self(c)); }},
      {"upper", [](const Call& c) -> Value { return to_upper(self(c)); }},
      {"title", [](const Call& c) -> Value { return to_title(self(c)); }},
      {"capitalize", [](const Call& c) -> Value { return to_capitalized(self(c)); }},
      {"casefold", [](const Call& c) -> Value { return to_casefold(self(c)); }},
      {"swapcase", [](const Call& c) -> Value { return to_swapped_case(self(c)); }},
      {"removeprefix", remove_affix<false>},
      {"removesuffix", remove_affix<true>},
      {"split", split},
      {"rsplit", rsplit},
      {"splitlines", splitlines},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"replace",
       [](const Call& c) -> Value {
         const std::string& from = c.required(0, "old").string(c.name);
         return text_replace(c, self(c), from, c.required(1, "new").text(c.name), c.integer(2, "count", -1));
       }},
      {"join", join},
      {"startswith", starts_or_ends<false>},
      {"endswith", starts_or_ends<true>},
      {"find", find<false, false>},
      {"rfind", find<true, false>},
      {"index", find<false, true>},
      {"rindex", find<true, true>},
      {"count", count},
      {"center", center},
      {"ljust", [](const Call& c) -> Value { return justified(self(c), 0, missing(c), fill_of(c)); }},
      {"rjust", [](const Call& c) -> Value { return justified(self(c), missing(c), 0, fill_of(c)); }},
      {"zfill", zfill},
      {"expandtabs", expandtabs},
      {"translate", translate},
      {"maketrans", maketrans},
      {"format", [](const Call& c) -> Value { return brace_format(c.evaluation, self(c), c.arguments); }},
      {"format_map",
       [](const Call& c) -> Value {
         const Value& map = c.required(0, "mapping");
         if (map.dict() == nullptr) fail("format_map: expected a dict, found {}", type_name(map));
         Arguments given;
         for (const auto& [key, value] : map.dict()->entries) given.named.emplace_back(to_text(key).bytes(), value);
         return brace_format(c.evaluation, self(c), given);
       }},
      {"isspace", all_characters<is_python_space>},
      {"isdecimal", all_characters<is_decimal>},
      {"isdigit", all_characters<is_digit_character>},
      {"isnumeric", all_characters<is_numeric>},
      {"isalpha", all_characters<is_letter_char>},
      {"isalnum", all_characters<is_alnum_char>},
      {"isascii", [](const Call& c) -> Value { return std::ranges::all_of(bytes(c), [](char b) { return b >= 0; }); }},
      {"isprintable",
       [](const Call& c) -> Value { return bytes(c).empty() || all_characters<is_printable>(c).truth(); }},
      {"isidentifier", is_identifier},
      {"islower", is_case<false>},
      {"isupper", is_case<true>},
      {"istitle", is_title}};
  return table;
}

}  // namespace hadal::jinja
