// Unicode's case and kinds of characters, as Python's str has them: utf8proc's simple maps, and the full ones (ß to SS)
// from its case folding.
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "chat/jinja/text.h"

namespace hadal::jinja {
namespace {

constexpr uint32_t kNoCharacter = 0xFFFFFFFFu;

utf8proc_int32_t code_of(const Char& c) { return static_cast<utf8proc_int32_t>(c.code); }

utf8proc_category_t category(const Char& c) {
  return c.code == kNoCharacter ? UTF8PROC_CATEGORY_CN : utf8proc_category(code_of(c));
}

bool among(const Char& c, utf8proc_category_t first, utf8proc_category_t last) {
  const utf8proc_category_t kind = category(c);
  return kind >= first && kind <= last;
}

std::vector<utf8proc_int32_t> folded(utf8proc_int32_t code) {
  utf8proc_int32_t out[8];
  int boundary = 0;
  const auto n = utf8proc_decompose_char(code, out, std::size(out), UTF8PROC_CASEFOLD, &boundary);
  return n <= 0 ? std::vector{code} : std::vector(out, out + n);
}

// Whether the character becomes several when its case changes.
bool is_composed(const Char& c, const std::vector<utf8proc_int32_t>& fold) {
  return fold.size() > 1 && category(c) != UTF8PROC_CATEGORY_LU;
}

void append_upper(std::string& out, const Char& c) {
  const auto fold = folded(code_of(c));
  if (!is_composed(c, fold)) return append_utf8(out, static_cast<uint32_t>(utf8proc_toupper(code_of(c))));
  for (const auto code : fold) append_utf8(out, static_cast<uint32_t>(utf8proc_toupper(code)));
}

void append_title(std::string& out, const Char& c) {
  const auto fold = folded(code_of(c));
  const auto simple = utf8proc_totitle(code_of(c));
  if (!is_composed(c, fold) || simple != code_of(c) || category(c) == UTF8PROC_CATEGORY_LT)
    return append_utf8(out, static_cast<uint32_t>(simple));
  bool capital = true;
  for (const auto code : fold) {
    const auto mapped = capital ? utf8proc_totitle(code) : code == 0x3B9 ? 0x345 : code;  // iota goes below a capital
    if (mapped != code) capital = false;
    append_utf8(out, static_cast<uint32_t>(mapped));
  }
}

// Sigma has another form at the end of a word.
bool ends_word(std::string_view text, std::string_view sigma) {
  constexpr int kFar = 32;  // how many marks and apostrophes are looked over
  const auto ignored = [](const Char& c) {
    return c.is(kMark) || c.code == '\'' || c.code == 0x2019 || c.code == 0xAD;
  };
  const auto at = static_cast<size_t>(sigma.data() - text.data());
  Char before, after;
  for (size_t i = at, n = 0; i > 0 && n < kFar; ++n) {
    do --i;
    while (i > 0 && (static_cast<uint8_t>(text[i]) & 0xC0) == 0x80);
    before = read_char(text, i, char_classes());
    if (!ignored(before)) break;
  }
  for (size_t i = at + sigma.size(), n = 0; i < text.size() && n < kFar; i += after.length, ++n) {
    after = read_char(text, i, char_classes());
    if (!ignored(after)) break;
  }
  return is_cased(before) && !is_cased(after);
}

void append_lower(std::string& out, const Char& c) {
  if (c.code == 0x130) return append_utf8(out, 'i'), append_utf8(out, 0x307);
  append_utf8(out, static_cast<uint32_t>(utf8proc_tolower(code_of(c))));
}

template <typename F>
Text map_characters(const Text& text, F&& append) {
  Text out;
  std::string mapped;
  for_each_character(text.bytes(), [&](std::string_view character) {
    const Char c = read_char(character, 0, char_classes());
    mapped.clear();
    if (c.code == kNoCharacter)
      mapped = character;
    else
      append(mapped, c);
    out.append(mapped, text.origin_of(character));
  });
  return out;
}

}  // namespace

bool is_decimal(const Char& c) { return category(c) == UTF8PROC_CATEGORY_ND; }

bool is_digit_character(const Char& c) {
  struct Range {
    uint32_t first, last;
  };
  static constexpr Range kOthers[] = {{0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
                                      {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
                                      {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
                                      {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
                                      {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}};
  return is_decimal(c) ||
         std::ranges::any_of(kOthers, [&](const Range& r) { return c.code >= r.first && c.code <= r.last; });
}

bool is_numeric(const Char& c) {
  static constexpr uint32_t kHan[] = {0x3007, 0x4E00, 0x4E03, 0x4E07, 0x4E09, 0x4E24, 0x4E5D, 0x4E8C, 0x4E94,
                                      0x4EBF, 0x5146, 0x516B, 0x516D, 0x5341, 0x5343, 0x56DB, 0x767E};
  return c.is(kNumber) || std::ranges::find(kHan, c.code) != std::end(kHan);
}

bool is_printable(const Char& c) {
  if (c.code == ' ' || c.code == kNoCharacter) return true;
  return !among(c, UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_CO) && category(c) != UTF8PROC_CATEGORY_CN;
}

bool is_upper(const Char& c) { return c.code != kNoCharacter && utf8proc_isupper(code_of(c)) != 0; }
bool is_lower(const Char& c) { return c.code != kNoCharacter && utf8proc_islower(code_of(c)) != 0; }
bool is_cased(const Char& c) { return is_upper(c) || is_lower(c) || category(c) == UTF8PROC_CATEGORY_LT; }

Text to_lower(const Text& text) {
  if (text.bytes().find("\xCE\xA3") == std::string::npos) return map_characters(text, append_lower);
  Text out;
  std::string mapped;
  for_each_character(text.bytes(), [&](std::string_view character) {
    if (character != "\xCE\xA3") return out.append(to_lower(text.part(character)));
    out.append(ends_word(text.bytes(), character) ? "\xCF\x82" : "\xCF\x83", text.origin_of(character));
  });
  return out;
}

Text to_upper(const Text& text) { return map_characters(text, append_upper); }

Text to_title(const Text& text) {
  bool inside = false;
  return map_characters(text, [&](std::string& out, const Char& c) {
    inside ? append_lower(out, c) : append_title(out, c);
    inside = is_cased(c);
  });
}

Text to_capitalized(const Text& text) {
  bool first = true;
  return map_characters(text, [&](std::string& out, const Char& c) {
    first ? append_title(out, c) : append_lower(out, c);
    first = false;
  });
}

Text to_casefold(const Text& text) {
  return map_characters(text, [](std::string& out, const Char& c) {
    for (const auto code : folded(code_of(c))) append_utf8(out, static_cast<uint32_t>(code));
  });
}

Text to_swapped_case(const Text& text) {
  return map_characters(text, [](std::string& out, const Char& c) {
    is_upper(c) ? append_lower(out, c) : is_lower(c) ? append_upper(out, c) : append_utf8(out, c.code);
  });
}

}  // namespace hadal::jinja
