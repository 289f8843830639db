#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

#include <vector>

namespace hadal {
namespace {

TEST(Unicode, ClassesOfCharacters) {
  struct {
    const char* text;
    int classes;
  } const cases[] = {{"a", kLetter},
                     {"é", kLetter},
                     {"世", kLetter},
                     {"ª", kLetter},
                     {"7", kNumber},
                     {"½", kNumber},
                     {"Ⅳ", kNumber},
                     {"\xCC\x81", kMark},
                     {"!", kPunct},
                     {"„", kPunct},
                     {"+", kSymbol},
                     {"€", kSymbol},
                     {" ", kSpace},
                     {"\t", kSpace},
                     {"\n", kSpace | kNewline},
                     {"\r", kSpace | kNewline},
                     {"\u00A0", kSpace},
                     {"\u3000", kSpace},
                     {"\u200B", 0},
                     {"\u0001", 0}};
  for (const auto& c : cases) {
    const Char found = read_char(c.text, 0, char_classes());
    EXPECT_EQ(found.classes, c.classes) << c.text;
    EXPECT_EQ(found.length, std::string_view(c.text).size()) << c.text;
  }
}

// Lengths of the characters that a text is read as; '!' marks a byte that is none.
std::string shape(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Char c = read_char(text, at, char_classes());
    out += c.code == 0xFFFFFFFF ? '!' : static_cast<char>('0' + c.length);
    at += c.length;
  }
  return out;
}

TEST(Unicode, InvalidBytesStandAlone) {
  struct {
    std::string_view text, shape;
  } const cases[] = {{"aé世😀", "1234"},
                     {"\x80", "!"},  // a continuation without a beginning
                     {"\xC3", "!"},  // cut off
                     {"\xE4\xB8", "!!"},
                     {"\xC3(", "!1"},
                     {"\xC0\xAF", "!!"},  // overlong
                     {"\xE0\x80\xAF", "!!!"},
                     {"\xED\xA0\x80", "!!!"},             // a surrogate
                     {"\xED\x9F\xBF\xEE\x80\x80", "33"},  // their neighbours
                     {"\xF4\x8F\xBF\xBF", "4"},           // U+10FFFF
                     {"\xF4\x90\x80\x80", "!!!!"},        // one more
                     {"\xF8\x88\x80\x80\x80", "!!!!!"}};
  for (const auto& c : cases) EXPECT_EQ(shape(c.text), c.shape) << c.text;
  EXPECT_EQ(read_char("a", 1, char_classes()).length, 0);  // the end
}

TEST(Unicode, EveryCodeIsWrittenAndRead) {
  for (uint32_t code = 0; code < 0x110000; code += code < 0x3000 ? 1 : 97) {
    if (code >= 0xD800 && code < 0xE000) continue;
    std::string text;
    append_utf8(text, code);
    const Char c = read_char(text, 0, char_classes());
    ASSERT_EQ(c.code, code);
    ASSERT_EQ(c.length, text.size());
    ASSERT_EQ(c.classes, char_classes()[code]);
  }
}

TEST(Unicode, WordCharacters) {
  for (const uint32_t code :
       {uint32_t{'a'}, uint32_t{'Z'}, uint32_t{'0'}, uint32_t{'_'}, 0xE9u, 0x4E16u, 0x301u, 0x200Du})
    EXPECT_TRUE(is_word_character(code)) << code;
  for (const uint32_t code : {uint32_t{' '}, uint32_t{'-'}, uint32_t{'.'}, 0xBDu, 0x20ACu, 0x1F600u})
    EXPECT_FALSE(is_word_character(code)) << code;
}

TEST(Unicode, NormalisationForms) {
  struct {
    std::string_view text, normal;
  } const cases[] = {{"plain", "plain"},
                     {"e\xCC\x81", "é"},                          // composes
                     {"\xE2\x84\xAB", "Å"},                       // Angstrom
                     {"q\xCC\x87\xCC\xA3", "q\xCC\xA3\xCC\x87"},  // marks in canonical order
                     {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "한"},
                     {"ﬁ", "ﬁ"},                          // compatibility forms stay
                     {"e\xFF\xCC\x81", "e\xFF\xCC\x81"},  // nothing combines across an invalid byte
                     {"\xFF"
                      "e\xCC\x81",
                      "\xFFé"}};
  for (const auto& c : cases) {
    EXPECT_EQ(normalize_nfc(c.text), c.normal) << c.text;
    EXPECT_EQ(normalize_nfc(c.normal), c.normal) << c.text;
    if (c.text != c.normal) EXPECT_TRUE(may_change_under_nfc(c.text)) << c.text;
  }
  EXPECT_FALSE(may_change_under_nfc("ASCII and naïve"));
}

}  // namespace
}  // namespace hadal
