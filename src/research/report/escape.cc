#include "research/report/escape.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/brief.h"
#include "base/error.h"

namespace hadal::research {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

char32_t code_point(std::string_view text, size_t at, size_t bytes) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (bytes == 1) return byte(0);
  char32_t value = byte(0) & (0xFFu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) value = value << 6 | (byte(i) & 0x3Fu);
  return value;
}

struct Range {
  char32_t first, last;
};
// What a reader does not see, or what turns the direction of the text around it.
constexpr std::array kHidden = {
    Range{0x00, 0x08},     Range{0x0B, 0x0C},     Range{0x0E, 0x1F},      Range{0x7F, 0x9F},     Range{0xAD, 0xAD},
    Range{0x61C, 0x61C},   Range{0x180E, 0x180E}, Range{0x200B, 0x200F},  Range{0x2028, 0x202E}, Range{0x2060, 0x206F},
    Range{0xFEFF, 0xFEFF}, Range{0xFFF9, 0xFFFB}, Range{0xE0000, 0xE0FFF}};

bool is_www(std::string_view text) { return text == "www" || text == "WWW" || text == "Www"; }

bool is_hidden(char32_t c) {
  return std::any_of(kHidden.begin(), kHidden.end(), [&](Range r) { return c >= r.first && c <= r.last; });
}

}  // namespace

std::string inert(std::string_view text, bool lines) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = utf8_char_bytes(text, at);
    const char c = text[at];
    if (c == '\n' || c == '\t' || c == '\r') {
      out += lines ? c : ' ';
      ++at;
    } else if (bytes == 0 || is_hidden(code_point(text, at, bytes))) {
      out += kReplacement;
      at += std::max<size_t>(bytes, 1);
    } else {
      out += text.substr(at, bytes);
      at += bytes;
    }
  }
  return out;
}

std::string html_text(std::string_view text) {
  std::string out;
  char before = 0;
  for (const char c : inert(text, true)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '(':  // no link where someone reads the page as Markdown
        out += before == ']' ? "&#40;" : "(";
        break;
      default:
        out += c;
    }
    before = c;
  }
  return out;
}

std::string markdown_text(std::string_view text) {
  static constexpr std::string_view kMarks = "\\`*_{}[]()#+-!|~$^=";
  std::string out;
  const std::string clean = inert(text);
  for (size_t i = 0; i < clean.size(); ++i) {
    const char c = clean[i];
    const bool inside = i > 0 && i + 1 < clean.size() && std::isalnum(static_cast<unsigned char>(clean[i - 1])) != 0 &&
                        std::isalnum(static_cast<unsigned char>(clean[i + 1])) != 0;
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else if ((c == '-' || c == '+' || c == '=') && i > 0) {
      out += c;  // a mark at the beginning of a line alone
    } else if (c == '.' && i > 0 && std::isdigit(static_cast<unsigned char>(clean[i - 1])) != 0 && !inside &&
               out.find(' ') == std::string::npos) {
      out += "\\.";  // "1. " would begin a list
    } else if ((c == ':' && clean.substr(i, 3) == "://") || (c == '@' && inside) ||
               (c == '.' && i >= 3 && is_www(std::string_view(clean).substr(i - 3, 3)))) {
      out += '\\';  // addresses that some readers would make links of
      out += c;
    } else if (kMarks.find(c) != std::string_view::npos) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string inert_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (size_t at = 0; at < json.size();) {
    const size_t bytes = std::max<size_t>(utf8_char_bytes(json, at), 1);
    const char32_t c = code_point(json, at, bytes);
    if (c == '<' || (c == '(' && out.ends_with(']')) || (c >= 0x7F && c < 0x10000 && is_hidden(c)))
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    else if (c >= 0x10000 && is_hidden(c))
      out += fmt::format("\\u{:04x}\\u{:04x}", static_cast<uint32_t>(0xD800 + ((c - 0x10000) >> 10)),
                         static_cast<uint32_t>(0xDC00 + ((c - 0x10000) & 0x3FF)));
    else
      out += json.substr(at, bytes);
    at += bytes;
  }
  return out;
}

bool is_web_link(std::string_view url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) return false;
  return std::all_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F && c != '<' && c != '>' &&
           c != '"' && c != '\'' && c != '`' && c != '\\';
  });
}

}  // namespace hadal::research
