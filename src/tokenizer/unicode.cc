#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {

constexpr uint32_t kCodePoints = 0x110000;

uint8_t class_of(utf8proc_category_t category) {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return kPunct;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      return kSymbol;
    default:
      return 0;
  }
}

std::unique_ptr<uint8_t[]> gather_classes() {
  auto table = std::make_unique<uint8_t[]>(kCodePoints);
  for (uint32_t c = 0; c < kCodePoints; ++c) table[c] = class_of(utf8proc_category(static_cast<utf8proc_int32_t>(c)));
  const auto space = [&](uint32_t first, uint32_t last) {
    for (uint32_t c = first; c <= last; ++c) table[c] |= kSpace;
  };
  space(0x09, 0x0D), space(0x20, 0x20), space(0x85, 0x85), space(0xA0, 0xA0), space(0x1680, 0x1680);
  space(0x2000, 0x200A), space(0x2028, 0x2029), space(0x202F, 0x202F), space(0x205F, 0x205F), space(0x3000, 0x3000);
  table['\r'] |= kNewline;
  table['\n'] |= kNewline;
  return table;
}

}  // namespace

const uint8_t* char_classes() {
  static const std::unique_ptr<uint8_t[]> table = gather_classes();
  return table.get();
}

Char read_char(std::string_view text, size_t position, const uint8_t* classes) {
  const size_t left = text.size() - position;
  if (left == 0) return {};
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[position + i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return {lead, 1, classes[lead]};
  const auto follows = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  if (lead >= 0xC2 && lead < 0xE0 && left >= 2 && follows(1)) {
    const uint32_t code = (lead & 0x1Fu) << 6 | (at(1) & 0x3Fu);
    return {code, 2, classes[code]};
  }
  if (lead >= 0xE0 && lead < 0xF0 && left >= 3 && follows(1) && follows(2)) {
    const uint32_t code = (lead & 0x0Fu) << 12 | (at(1) & 0x3Fu) << 6 | (at(2) & 0x3Fu);
    if (code >= 0x800 && (code < 0xD800 || code > 0xDFFF)) return {code, 3, classes[code]};
  }
  if (lead >= 0xF0 && lead < 0xF5 && left >= 4 && follows(1) && follows(2) && follows(3)) {
    const uint32_t code = (lead & 0x07u) << 18 | (at(1) & 0x3Fu) << 12 | (at(2) & 0x3Fu) << 6 | (at(3) & 0x3Fu);
    if (code >= 0x10000 && code < kCodePoints) return {code, 4, classes[code]};
  }
  return {0xFFFFFFFFu, 1, 0};
}

bool is_word_character(uint32_t code) {
  if (code >= kCodePoints) return false;
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  if ((char_classes()[code] & (kLetter | kMark)) != 0 || category == UTF8PROC_CATEGORY_ND ||
      category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_PC || code == 0x200C || code == 0x200D) {
    return true;
  }
  const auto within = [code](uint32_t first, uint32_t last) { return code >= first && code <= last; };
  return within(0x24B6, 0x24E9) || within(0x1F130, 0x1F149) || within(0x1F150, 0x1F169) ||
         within(0x1F170, 0x1F189);  // Ⓐ, 🄰
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

const std::array<uint16_t, 256>& byte_alphabet() {
  static const std::array<uint16_t, 256> table = [] {
    std::array<uint16_t, 256> map{};
    uint16_t next = 256;
    for (uint16_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      map[b] = printable ? b : next++;
    }
    return map;
  }();
  return table;
}

std::string to_byte_alphabet(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(text, byte_alphabet()[static_cast<uint8_t>(byte)]);
  return text;
}

bool from_byte_alphabet(std::string_view text, std::string& bytes) {
  static const std::array<int16_t, 512> back = [] {
    std::array<int16_t, 512> map;
    map.fill(-1);
    for (int16_t b = 0; b < 256; ++b) map[byte_alphabet()[static_cast<size_t>(b)]] = b;
    return map;
  }();
  const uint8_t* classes = char_classes();
  bytes.clear();
  for (size_t i = 0; i < text.size();) {
    const Char c = read_char(text, i, classes);
    if (c.code >= back.size() || back[c.code] < 0) return false;
    bytes += static_cast<char>(back[c.code]);
    i += c.length;
  }
  return true;
}

bool may_change_under_nfc(std::string_view text) {
  // Below U+0300 (CC 80 in UTF-8) every character is its own normal form and none combines.
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) >= 0xCC; });
}

namespace {

int combining_class(int32_t code) { return utf8proc_get_property(code)->combining_class; }

void append_decomposed(std::vector<int32_t>& out, uint32_t code) {
  int32_t parts[32];
  int boundary = 0;
  const auto n =
      utf8proc_decompose_char(static_cast<int32_t>(code), parts, 32,
                              static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE), &boundary);
  HADAL_CHECK(n >= 0 && n <= 32, "decomposition of U+{:04X}", code);
  out.insert(out.end(), parts, parts + n);
}

// Canonical ordering by a stable sort: utf8proc's own is quadratic in the length of a run of marks.
void order_marks(std::vector<int32_t>& codes) {
  for (size_t i = 0; i < codes.size();) {
    size_t end = i;
    while (end < codes.size() && combining_class(codes[end]) != 0) ++end;
    if (end - i > 1) {
      std::stable_sort(codes.begin() + static_cast<ptrdiff_t>(i), codes.begin() + static_cast<ptrdiff_t>(end),
                       [](int32_t a, int32_t b) { return combining_class(a) < combining_class(b); });
    }
    i = end + 1;
  }
}

void flush_composed(std::vector<int32_t>& codes, std::string& out) {
  order_marks(codes);
  const auto n = utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
                                          static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  HADAL_CHECK(n >= 0);
  for (utf8proc_ssize_t i = 0; i < n; ++i) append_utf8(out, static_cast<uint32_t>(codes[static_cast<size_t>(i)]));
  codes.clear();
}

}  // namespace

std::string normalize_nfc(std::string_view text) {
  const uint8_t* classes = char_classes();
  std::string out;
  out.reserve(text.size());
  std::vector<int32_t> codes;
  for (size_t i = 0; i < text.size();) {
    const Char c = read_char(text, i, classes);
    // Text is composed piece by piece: nothing combines across a broken byte or an ASCII control or space.
    if (c.code == 0xFFFFFFFFu || c.code <= 0x20) {
      flush_composed(codes, out);
      out += text[i];
    } else {
      append_decomposed(codes, c.code);
    }
    i += c.length;
  }
  flush_composed(codes, out);
  return out;
}

}  // namespace hadal
