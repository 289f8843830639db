#include "base/json/json_mistake.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "base/brief.h"

namespace hadal {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// The number of a "\uXXXX" at `at`; -1: there is none.
int unicode_escape(std::string_view text, size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int code = 0;
  for (const char c : text.substr(at + 2, 4)) {
    if (!std::isxdigit(static_cast<unsigned char>(c))) return -1;
    code = code * 16 + (std::isdigit(static_cast<unsigned char>(c)) ? c - '0' : (c | 32) - 'a' + 10);
  }
  return code;
}

bool is_high(int code) { return code >= 0xD800 && code < 0xDC00; }
bool is_low(int code) { return code >= 0xDC00 && code < 0xE000; }

struct Found {
  std::string what;
  size_t at;
};

// A mistake inside of a text that began with a quote; `at`: the byte that was read last.
Found find_in_text(std::string_view text, size_t at) {
  if (at >= text.size()) return {"its end inside of a text; the closing quote is missing", text.size()};
  if (static_cast<unsigned char>(text[at]) < 0x20) {
    return {fmt::format("\"{}\" as it is inside of a text, where control characters are written as \\n, \\t or \\u0000",
                        brief(text.substr(at, 1))),
            at};
  }
  size_t begin = at;
  while (begin > 0 && at - begin < 3 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  // A character that broke off shows at the byte after it.
  const bool after_lead = begin > 0 && static_cast<unsigned char>(text[begin - 1]) >= 0x80;
  if (utf8_char_bytes(text, begin) == 0 || after_lead) return {"bytes that are not valid UTF-8", at};
  return {"an escape that JSON does not have (it has \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX)", at};
}

bool in_word(unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c == '+' || c == '-'; }

// The word, the number or the sign around `at`.
Found find_word(std::string_view text, size_t at) {
  size_t begin = at, end = at + 1;
  while (begin > 0 && at - begin < 40 && in_word(static_cast<unsigned char>(text[begin - 1]))) --begin;
  if (begin == at && !in_word(static_cast<unsigned char>(text[at])))
    end = at + std::max<size_t>(1, utf8_char_bytes(text, at));
  while (end < text.size() && end - at < 40 && in_word(static_cast<unsigned char>(text[end]))) ++end;
  return {fmt::format("\"{}\" in the wrong place", brief(text.substr(begin, end - begin))), begin};
}

Found find_outside(std::string_view text, size_t at) {
  if (text.find_first_not_of(kBlanks) == std::string_view::npos) return {"nothing", 0};
  if (at >= text.size()) return {"its end too early: a bracket is not closed, or a value is missing,", text.size()};
  const size_t last = at == 0 ? std::string_view::npos : text.find_last_not_of(kBlanks, at - 1);
  const bool after_comma = last != std::string_view::npos && text[last] == ',';
  if (after_comma && (text[at] == '}' || text[at] == ']'))
    return {fmt::format("a comma before \"{}\"", text[at]), last};
  if (text[at] == '\'') return {"a single quote, where double quotes are required,", at};
  return find_word(text, at);
}

// The closing quote of a text that begins `token`; npos: it does not end there.
size_t end_of_text(std::string_view token) {
  for (size_t i = 1; i < token.size(); ++i) {
    if (token[i] == '"') return i;
    if (token[i] == '\\') ++i;
  }
  return std::string_view::npos;
}

bool is_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_char_bytes(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

Found find_mistake(std::string_view text, size_t at, std::string_view token) {
  const size_t begin = at + 1 - std::min(at + 1, token.size());
  if (token.starts_with('"')) {  // a text, unless it is one that was read before, and the mistake lies behind it
    const size_t end = end_of_text(token);
    if (end == std::string_view::npos) return find_in_text(text, at);
    if (end + 1 == token.size() && at < text.size()) {
      return is_utf8(token) ? Found{"a text in the wrong place", begin} : Found{"bytes that are not valid UTF-8", at};
    }
  }
  const bool number = !token.empty() && (std::isdigit(static_cast<unsigned char>(token[0])) || token[0] == '-');
  if (number && std::isinf(std::strtod(std::string(token).c_str(), nullptr))) {
    return {fmt::format("the number {}, which is out of range,", brief(token)), begin};
  }
  return find_outside(text, at);
}

}  // namespace

std::string json_position(std::string_view text, size_t at) {
  at = std::min(at, text.size());
  if (text.find('\n') == std::string_view::npos) return fmt::format("at byte {}", at + 1);
  const std::string_view before = text.substr(0, at);
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return fmt::format("at line {}, column {}", std::count(before.begin(), before.end(), '\n') + 1, at - line_begin + 1);
}

std::string describe_json_mistake(std::string_view text, size_t num_read, std::string_view token) {
  const Found found = find_mistake(text, num_read == 0 ? 0 : num_read - 1, token);
  return found.what + ' ' + json_position(text, found.at);
}

size_t find_lone_surrogate(std::string_view text, size_t from) {
  for (size_t at = text.find('\\', from); at < text.size(); at = text.find('\\', at)) {
    const int code = unicode_escape(text, at);
    if (is_low(code)) return at;
    if (is_high(code) && !is_low(unicode_escape(text, at + 6))) return at;
    at += is_high(code) ? 12 : code >= 0 ? 6 : 2;
  }
  return std::string_view::npos;
}

}  // namespace hadal
