// What byte-level BPE needs of Unicode: character classes, a forgiving UTF-8 reader, GPT-2's byte alphabet and NFC.
// All functions may be called from several threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hadal {

// General categories as bits, so that a regex class is one mask.
enum CharClass : uint8_t {
  kLetter = 1,    // \p{L}
  kMark = 2,      // \p{M}
  kNumber = 4,    // \p{N}
  kPunct = 8,     // \p{P}
  kSymbol = 16,   // \p{S}
  kSpace = 32,    // \s: the property White_Space
  kNewline = 64,  // \r and \n; they are kSpace too
};

// By code point; utf8proc's categories, gathered once. [0x110000]
const uint8_t* char_classes();

struct Char {
  uint32_t code = 0;   // 0xFFFFFFFF: the byte is no valid UTF-8; it stands alone and has no class
  uint8_t length = 0;  // bytes; 0 at the end of the text
  uint8_t classes = 0;
  bool is(uint8_t mask) const { return (classes & mask) != 0; }
};

// Reads the character at `position`; refuses overlong forms, surrogates and what is above U+10FFFF, byte by byte.
Char read_char(std::string_view text, size_t position, const uint8_t* classes);

// \w of Unicode's regular expressions (UTS 18): alphabetic, marks, decimal digits, connectors and joiners.
bool is_word_character(uint32_t code);

void append_utf8(std::string& out, uint32_t code);

// GPT-2's map of bytes to printable characters (openai/gpt-2, encoder.py, bytes_to_unicode).
const std::array<uint16_t, 256>& byte_alphabet();

std::string to_byte_alphabet(std::string_view bytes);

// The bytes that `text` stands for; false when a character of it is outside the alphabet.
bool from_byte_alphabet(std::string_view text, std::string& bytes);

// Unicode's normalisation form C; bytes that are no valid UTF-8 stay as they are.
std::string normalize_nfc(std::string_view text);
bool may_change_under_nfc(std::string_view text);  // a quick no for most texts

}  // namespace hadal
