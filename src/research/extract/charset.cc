#include "research/extract/charset.h"

#include <uchardet/uchardet.h>
#include <unicode/ucnv.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "research/extract/dom.h"

namespace hadal::research {

namespace {

constexpr size_t kPrescan = 1024, kGuessBytes = 1 << 18;

// The value of charset= in a content type, or in a <meta> tag.
std::string charset_parameter(std::string_view text) {
  const std::string lower = lower_case(std::string(text));
  for (size_t at = lower.find("charset"); at != std::string::npos; at = lower.find("charset", at + 7)) {
    size_t i = at + 7;
    while (i < lower.size() && is_space(lower[i])) ++i;
    if (i >= lower.size() || lower[i] != '=') continue;
    const size_t begin = lower.find_first_not_of(" \t\r\n\f\"'", i + 1);
    if (begin == std::string::npos) return {};
    return lower.substr(begin, lower.find_first_of(" \t\r\n\f\"';/>,", begin) - begin);
  }
  return {};
}

std::string declared_in_markup(std::string_view page) {
  std::string_view head = page.substr(0, kPrescan);
  if (head.starts_with("<?xml")) {
    const std::string_view line = head.substr(0, head.find("?>"));
    const size_t at = line.find("encoding");
    if (at != std::string_view::npos) {
      const size_t quote = line.find_first_of("\"'", at);
      if (quote != std::string_view::npos)
        return lower_case(std::string(line.substr(quote + 1, line.find_first_of("\"'", quote + 1) - quote - 1)));
    }
  }
  const std::string lower = lower_case(std::string(head));
  for (size_t i = lower.find('<'); i != std::string::npos; i = lower.find('<', i + 1)) {
    if (lower.compare(i, 4, "<!--") == 0) {
      i = lower.find("-->", i);
      if (i == std::string::npos) return {};
    } else if (lower.compare(i, 5, "<meta") == 0) {
      const std::string named = charset_parameter(lower.substr(i, lower.find('>', i) - i));
      if (named.starts_with("utf-16")) return "utf-8";  // who could read this far did not read UTF-16
      if (!named.empty()) return named;
    }
  }
  return {};
}

// Labels to what browsers read them as, in the names of ICU.
std::string converter_name(std::string_view label) {
  static constexpr std::pair<std::string_view, const char*> kAliases[] = {
      {"utf8", "utf-8"},
      {"unicode-1-1-utf-8", "utf-8"},
      {"latin1", "windows-1252"},
      {"iso-8859-1", "windows-1252"},
      {"iso8859-1", "windows-1252"},
      {"iso_8859-1", "windows-1252"},
      {"l1", "windows-1252"},
      {"ascii", "windows-1252"},
      {"us-ascii", "windows-1252"},
      {"iso-8859-9", "windows-1254"},
      {"latin5", "windows-1254"},
      {"iso-8859-11", "windows-874"},
      {"tis-620", "windows-874"},
      {"gb2312", "gb18030"},
      {"gbk", "gb18030"},
      {"x-gbk", "gb18030"},
      {"shift_jis", "windows-31j"},
      {"shift-jis", "windows-31j"},
      {"sjis", "windows-31j"},
      {"x-sjis", "windows-31j"},
      {"euc-kr", "windows-949"},
      {"ks_c_5601-1987", "windows-949"},
      {"ksc5601", "windows-949"},
      {"big5", "big5-hkscs"},
      {"utf-16", "utf-16le"},
      {"x-mac-roman", "macintosh"},
  };
  const std::string name = lower_case(std::string(trimmed(label, " \t\r\n\f\"'")));
  for (const auto& [alias, icu] : kAliases)
    if (name == alias) return icu;
  return name;
}

bool is_valid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const size_t begin = at;
    if (next_char(text, at) == 0xFFFD && text.substr(begin, 3) != "\xEF\xBF\xBD") return false;
  }
  return true;
}

std::string mended_utf8(std::string_view text) {
  std::string mended;
  mended.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      mended += text[at++];
    } else {
      append_char(mended, next_char(text, at));
    }
  }
  return mended;
}

// False where ICU has no such converter.
bool convert(std::string_view bytes, const std::string& name, std::string& to) {
  if (name == "utf-8") {
    to = mended_utf8(bytes);
    return true;
  }
  // Those that can say anything, or switch by escape sequences to what a browser would not read.
  if (name.empty() || name.size() > 40 || name == "utf-7" || name.starts_with("scsu") || name.starts_with("bocu"))
    return false;
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<UConverter, decltype(&ucnv_close)> from(ucnv_open(name.c_str(), &error), ucnv_close);
  if (U_FAILURE(error) != 0) return false;
  if (bytes.size() > (size_t{1} << 29)) fail("text: expected at most 512 MiB, found {} bytes", bytes.size());
  std::vector<UChar> wide(bytes.size() * 2 + 16);
  const int32_t length = ucnv_toUChars(from.get(), wide.data(), static_cast<int32_t>(wide.size()), bytes.data(),
                                       static_cast<int32_t>(bytes.size()), &error);
  if (U_FAILURE(error) != 0) return false;
  to.resize(static_cast<size_t>(length) * 3);
  int32_t written = 0;
  u_strToUTF8WithSub(to.data(), static_cast<int32_t>(to.size()), &written, wide.data(), length, 0xFFFD, nullptr,
                     &error);
  if (U_FAILURE(error) != 0) return false;
  to.resize(static_cast<size_t>(written));
  return true;
}

std::string guessed(std::string_view bytes) {
  const std::unique_ptr<std::remove_pointer_t<uchardet_t>, decltype(&uchardet_delete)> guess(uchardet_new(),
                                                                                             uchardet_delete);
  uchardet_handle_data(guess.get(), bytes.data(), std::min(bytes.size(), kGuessBytes));
  uchardet_data_end(guess.get());
  return uchardet_get_charset(guess.get());
}

}  // namespace

std::string to_utf8(std::string_view bytes, std::string_view content_type, bool is_markup, std::string& charset) {
  std::string text;
  const auto read_as = [&](std::string_view label) {
    charset = converter_name(label);
    return convert(bytes, charset, text);
  };
  static constexpr std::pair<std::string_view, const char*> kMarks[] = {
      {"\xEF\xBB\xBF", "utf-8"}, {"\xFE\xFF", "utf-16be"}, {"\xFF\xFE", "utf-16le"}};
  for (const auto& [mark, name] : kMarks)
    if (bytes.starts_with(mark)) {
      bytes.remove_prefix(mark.size());
      read_as(name);
      return text;
    }
  if (read_as(charset_parameter(content_type))) return text;
  if (is_markup && read_as(declared_in_markup(bytes))) return text;
  if (is_valid_utf8(bytes)) {
    read_as("utf-8");
  } else if (!read_as(guessed(bytes))) {
    read_as("windows-1252");
  }
  return text;
}

char32_t next_char(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(at++);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 && first < 0xF5   ? 3
                   : first >= 0xE0 && first < 0xF0 ? 2
                   : first >= 0xC2 && first < 0xE0 ? 1
                                                   : 0;
  if (more == 0) return 0xFFFD;
  char32_t c = first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) {
    if ((byte(at + static_cast<size_t>(i)) & 0xC0) != 0x80) return 0xFFFD;
    c = c << 6 | (byte(at + static_cast<size_t>(i)) & 0x3F);
  }
  if ((more == 2 && c < 0x800) || (more == 3 && (c < 0x10000 || c > 0x10FFFF)) || (c >= 0xD800 && c < 0xE000))
    return 0xFFFD;
  at += static_cast<size_t>(more);
  return c;
}

void append_char(std::string& to, char32_t c) {
  const auto put = [&](char32_t byte) { to += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }
}

namespace {

bool has_no_shape(char32_t c) {
  static constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0x00, 0x08},       {0x0B, 0x1F},       {0x7F, 0x9F},      {0xAD, 0xAD},     {0x34F, 0x34F},   {0x61C, 0x61C},
      {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},  {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F},
      {0x3164, 0x3164},   {0xFE00, 0xFE0E},   {0xFEFF, 0xFEFF},  {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF},
      {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [&](const auto& r) { return c >= r.first && c <= r.second; });
}

bool is_other_space(char32_t c) {
  return c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace

void append_clean(std::string& to, std::string_view utf8) {
  for (size_t at = 0; at < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[at]);
    if (first >= 0x20 && first < 0x7F) {
      to += utf8[at++];
      continue;
    }
    const char32_t c = next_char(utf8, at);
    if (c == '\r' || c == '\f') {
      if (c == '\f' || at >= utf8.size() || utf8[at] != '\n') to += '\n';
    } else if (is_other_space(c)) {
      to += ' ';
    } else if (c == 0x2028 || c == 0x2029) {
      to += '\n';
    } else if (!has_no_shape(c)) {
      append_char(to, c);
    }
  }
}

void append_collapsed(std::string& to, std::string_view clean) {
  for (const char c : clean) {
    if (!is_space(c)) {
      to += c;
    } else if (!to.empty() && to.back() != ' ' && to.back() != '\n') {
      to += ' ';
    }
  }
}

std::string one_line(std::string_view utf8) {
  std::string clean, line;
  append_clean(clean, utf8);
  append_collapsed(line, clean);
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

size_t count_letters(std::string_view utf8) {
  size_t count = 0;
  for (const char c : utf8) {
    const auto u = static_cast<unsigned char>(c);
    count += (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u >= 0xC0 ? 1 : 0;
    count += u >= 0xE3 && u <= 0xED ? 2 : 0;  // the lead bytes of Chinese, Japanese and Korean
  }
  return count;
}

}  // namespace hadal::research
