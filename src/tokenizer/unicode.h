// Unicode for byte-level BPE: character classes, a UTF-8 reader that accepts any bytes, GPT-2's byte alphabet and NFC.
// Any thread may call these.
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

// Flags by code point, [0x110000]; computed once from utf8proc's categories.
const uint8_t* char_classes();

struct Char {
  uint32_t code = 0;   // 0xFFFFFFFF: a byte that is not valid UTF-8, by itself and without a class
  uint8_t length = 0;  // bytes; 0 at the end of the text
  uint8_t classes = 0;
  bool is(uint8_t mask) const { return (classes & mask) != 0; }
};

// Reads the character at `position`; overlong forms, surrogates and codes above U+10FFFF are invalid, byte by byte.
Char read_char(std::string_view text, size_t position, const uint8_t* classes);

// \w of Unicode's regular expressions (UTS 18): alphabetic, marks, decimal digits, connectors and joiners.
bool is_word_character(uint32_t code);

void append_utf8(std::string& out, uint32_t code);

// GPT-2's map of bytes to printable characters (openai/gpt-2, encoder.py, bytes_to_unicode).
const std::array<uint16_t, 256>& byte_alphabet();

std::string to_byte_alphabet(std::string_view bytes);

// Decodes `text` to bytes; false if a character is outside the alphabet.
bool from_byte_alphabet(std::string_view text, std::string& bytes);

// Unicode's normalisation form C; bytes that are not valid UTF-8 are unchanged.
std::string normalize_nfc(std::string_view text);
bool may_change_under_nfc(std::string_view text);  // false for most texts, at little cost

}  // namespace hadal
