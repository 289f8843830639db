#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "chat/jinja/syntax.h"
#include "chat/jinja/text.h"

namespace hadal::jinja {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Line ends become \n, and one at the very end goes (keep_trailing_newline is off).
std::string normalize_lines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      text += source[i];
    else if (text += '\n'; i + 1 < source.size() && source[i + 1] == '\n')
      ++i;
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_lines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = find_tag();
      if (tag == std::string::npos) {
        emit(TokenKind::data, source_.substr(at_), at_);
        break;
      }
      const char kind = source_[tag + 1];
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      const bool has_sign = sign == '-' || sign == '+';
      emit_data(tag, kind != '{', sign);
      at_ = tag + 2 + (has_sign ? 1 : 0);
      line_starting_ = false;
      if (kind == '#')
        comment(tag);
      else if (kind == '%' && raw(tag))
        continue;
      else
        code(tag, kind == '{');
    }
    emit(TokenKind::end, "", source_.size());
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail_at(size_t position, std::string_view what) {
    fail("chat template, line {}: {}", line_of(position), what);
  }

  int line_of(size_t position) {  // positions only grow
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<ptrdiff_t>(std::min(counted_, position)),
                                         source_.begin() + static_cast<ptrdiff_t>(position), '\n'));
    counted_ = std::max(counted_, position);
    return line_;
  }

  void emit(TokenKind kind, std::string text, size_t position) {
    if (kind == TokenKind::data && text.empty()) return;
    tokens_.push_back({kind, std::move(text), line_of(position)});
  }

  size_t find_tag() const {
    for (size_t i = source_.find('{', at_); i != std::string::npos; i = source_.find('{', i + 1)) {
      const char next = i + 1 < source_.size() ? source_[i + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') return i;
    }
    return std::string::npos;
  }

  // The text before a tag: - strips all white space from its end, otherwise lstrip_blocks the blanks of the tag's line.
  void emit_data(size_t end, bool lstrip, char sign) {
    std::string_view data = std::string_view(source_).substr(at_, end - at_);
    if (sign == '-') {
      data = strip_right(data);
    } else if (lstrip && sign != '+') {
      const size_t line_start = data.rfind('\n') + 1;  // npos + 1 is 0
      if ((line_start > 0 || line_starting_) && strip(data.substr(line_start)).empty())
        data = data.substr(0, line_start);
    }
    emit(TokenKind::data, std::string(data), at_);
  }

  // What follows a tag's end: -%} swallows white space, %} one line end (trim_blocks).
  void after_tag(char sign, bool trim) {
    if (sign == '-') {
      at_ = source_.size() - strip_left(std::string_view(source_).substr(at_)).size();
    } else if (trim && sign != '+' && at_ < source_.size() && source_[at_] == '\n') {
      ++at_;
    }
    line_starting_ = source_[at_ - 1] == '\n';
  }

  char sign_before(size_t end, size_t begin) const {
    const char c = end > begin ? source_[end - 1] : '\0';
    return c == '-' || c == '+' ? c : '\0';
  }

  void comment(size_t tag) {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) fail_at(tag, "expected the end of the comment, #}, found none");
    const char sign = sign_before(end, at_);
    at_ = end + 2;
    after_tag(sign, true);
  }

  // {% raw %} ... {% endraw %}: the text in between is data.
  bool raw(size_t tag) {
    size_t i = at_;
    const auto skip_spaces = [&] {
      while (i < source_.size() && is_space(source_[i])) ++i;
    };
    const auto skip = [&](std::string_view word) {
      if (source_.compare(i, word.size(), word) != 0) return false;
      i += word.size();
      return true;
    };
    skip_spaces();
    if (!skip("raw")) return false;
    skip_spaces();
    const char begin_sign = i < source_.size() && source_[i] == '-' ? source_[i++] : '\0';
    if (!skip("%}")) return false;
    at_ = i;
    after_tag(begin_sign, false);
    for (size_t end = source_.find("{%", at_); end != std::string::npos; end = source_.find("{%", end + 1)) {
      i = end + 2;
      const char sign = i < source_.size() && (source_[i] == '-' || source_[i] == '+') ? source_[i++] : '\0';
      skip_spaces();
      if (!skip("endraw")) continue;
      skip_spaces();
      const char end_sign = i < source_.size() && (source_[i] == '-' || source_[i] == '+') ? source_[i++] : '\0';
      if (!skip("%}")) continue;
      emit_data(end, true, sign);
      at_ = i;
      after_tag(end_sign, true);
      return true;
    }
    fail_at(tag, "expected {% endraw %}, found none");
  }

  // The inside of {{ }} or {% %}. An end inside brackets is no end: {{ {"a": {}} }}.
  void code(size_t tag, bool variable) {
    const std::string_view closing = variable ? "}}" : "%}";
    emit(variable ? TokenKind::variable_begin : TokenKind::block_begin, "", tag);
    std::string open;
    for (;;) {
      while (at_ < source_.size() && is_space(source_[at_])) ++at_;
      if (at_ >= source_.size())
        fail_at(tag, fmt::format("expected the end of the tag, {}, found the end of the template", closing));
      if (open.empty()) {
        const char c = source_[at_];
        const bool has_sign = (c == '-' || (c == '+' && !variable)) && source_.compare(at_ + 1, 2, closing) == 0;
        if (has_sign || source_.compare(at_, 2, closing) == 0) {
          emit(variable ? TokenKind::variable_end : TokenKind::block_end, "", at_);
          at_ += has_sign ? 3 : 2;
          after_tag(has_sign ? c : '\0', !variable);
          return;
        }
      }
      token(open);
    }
  }

  void token(std::string& open) {
    const size_t start = at_;
    const char c = source_[at_];
    if (is_name_start(c)) {
      while (at_ < source_.size() && (is_name_start(source_[at_]) || is_digit(source_[at_]))) ++at_;
      return emit(TokenKind::name, source_.substr(start, at_ - start), start);
    }
    if (is_digit(c)) return number();
    if (c == '\'' || c == '"') return string();
    static constexpr std::array<std::string_view, 26> kOperators = {"//", "**", "==", "!=", "<=", ">=", "+", "-", "/",
                                                                    "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                                    ":",  ",",  ".",  "|",  "=",  "<",  ">", ";"};
    for (const std::string_view op : kOperators) {
      if (source_.compare(at_, op.size(), op) != 0) continue;
      balance(op, open);
      at_ += op.size();
      return emit(TokenKind::op, std::string(op), start);
    }
    fail_at(start, fmt::format("expected an expression, found \"{}\"",
                               source_.substr(start, read_char(source_, start, char_classes()).length)));
  }

  void balance(std::string_view op, std::string& open) {
    if (op == "{")
      open += '}';
    else if (op == "(")
      open += ')';
    else if (op == "[")
      open += ']';
    else if (op == "}" || op == ")" || op == "]") {
      if (open.empty() || open.back() != op[0])
        fail_at(at_, fmt::format("found \"{}\" without its opening bracket", op));
      open.pop_back();
    }
  }

  // 0x1F, 0o17, 0b11: as a decimal number. False when it is none of these.
  bool prefixed_number() {
    static constexpr std::pair<char, int> kBases[] = {{'x', 16}, {'o', 8}, {'b', 2}};
    for (const auto& [letter, base] : kBases) {
      if (source_[at_] != '0' || at_ + 2 >= source_.size() || (source_[at_ + 1] | 32) != letter) continue;
      const size_t start = at_;
      std::string digits;
      for (at_ += 2;
           at_ < source_.size() && (std::isxdigit(static_cast<unsigned char>(source_[at_])) || source_[at_] == '_');
           ++at_) {
        if (source_[at_] != '_') digits += source_[at_];
      }
      int64_t value = 0;
      const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
      if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size())
        fail_at(start, "expected a number that fits, found another one");
      emit(TokenKind::integer, std::to_string(value), start);
      return true;
    }
    return false;
  }

  void number() {
    const size_t start = at_;
    if (prefixed_number()) return;
    std::string digits;
    const auto run = [&] {
      while (at_ < source_.size() && (is_digit(source_[at_]) || source_[at_] == '_')) {
        if (source_[at_] != '_') digits += source_[at_];
        ++at_;
      }
    };
    run();
    bool floating = false;
    const bool is_index = start > 0 && source_[start - 1] == '.';  // x.0.1 is an item of an item, not 0.1
    if (!is_index && at_ + 1 < source_.size() && source_[at_] == '.' && is_digit(source_[at_ + 1])) {
      floating = true;
      digits += source_[at_++];
      run();
    }
    if (!is_index && at_ < source_.size() && (source_[at_] == 'e' || source_[at_] == 'E')) {
      size_t exponent = at_ + 1;
      if (exponent < source_.size() && (source_[exponent] == '-' || source_[exponent] == '+')) ++exponent;
      if (exponent < source_.size() && is_digit(source_[exponent])) {
        floating = true;
        digits.append(source_, at_, exponent - at_);
        at_ = exponent;
        run();
      }
    }
    emit(floating ? TokenKind::floating : TokenKind::integer, std::move(digits), start);
  }

  void string() {
    const size_t start = at_;
    const char quote = source_[at_++];
    std::string text;
    for (;;) {
      if (at_ >= source_.size()) fail_at(start, "expected the end of the string, found the end of the template");
      const char c = source_[at_++];
      if (c == quote) break;
      if (c == '\\' && at_ < source_.size())
        escape(text);
      else
        text += c;
    }
    emit(TokenKind::string, std::move(text), start);
  }

  // Python's escapes; an unknown one stays as it is, with its backslash.
  void escape(std::string& text) {
    static constexpr std::string_view kNames = "\n\\'\"abfnrtv", kBytes{"\0\\'\"\a\b\f\n\r\t\v", 11};
    const char c = source_[at_++];
    if (const size_t found = kNames.find(c); found != std::string_view::npos) {
      if (c != '\n') text += kBytes[found];
      return;
    }
    const size_t width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (width != 0) {
      uint32_t code = 0;
      for (size_t i = 0; i < width; ++i, ++at_) {
        const char digit = at_ < source_.size() ? source_[at_] : '\0';
        const int value = is_digit(digit)                ? digit - '0'
                          : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                          : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                         : -1;
        if (value < 0) fail_at(at_, fmt::format("expected {} hexadecimal digits behind \\{}, found fewer", width, c));
        code = code << 4 | static_cast<uint32_t>(value);
      }
      if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        fail_at(at_, fmt::format("expected a character, found code {:#x}", code));
      return append_utf8(text, code);
    }
    if (c >= '0' && c <= '7') {
      uint32_t code = static_cast<uint32_t>(c - '0');
      for (int i = 0; i < 2 && at_ < source_.size() && source_[at_] >= '0' && source_[at_] <= '7'; ++i) {
        code = code * 8 + static_cast<uint32_t>(source_[at_++] - '0');
      }
      return append_utf8(text, code);
    }
    (text += '\\') += c;
  }

  std::string source_;
  size_t at_ = 0, counted_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace hadal::jinja
