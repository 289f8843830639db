#include "base/text.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

using Parts = std::vector<std::string>;

TEST(Text, LowerCaseIsOfAsciiAlone) { EXPECT_EQ(lower_case("Q4_K_M.GGUF \u00c4"), "q4_k_m.gguf \u00c4"); }

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a/b", '/'), (Parts{"a", "b"}));
  EXPECT_EQ(split("/a//", '/'), (Parts{"", "a", "", ""}));
  EXPECT_EQ(split("", '/'), (Parts{""}));
}

TEST(Text, TrimsBothEnds) {
  EXPECT_EQ(trimmed(" \t a b \r\n\f"), "a b");
  EXPECT_EQ(trimmed(" \v\n"), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed("\" a\"", "\""), " a");
}

TEST(Text, FieldsOfCsvAreQuotedWhereTheyMust) {
  EXPECT_EQ(csv_field("BRK.B"), "BRK.B");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"x\"\n"), "\"say \"\"x\"\"\n\"");
}

TEST(Text, CountsInWords) {
  EXPECT_EQ(counted(0, "file"), "0 files");
  EXPECT_EQ(counted(1, "file"), "1 file");
  EXPECT_EQ(counted(12, "file"), "12 files");
}

TEST(Text, WordsEndWhereLettersDigitsAndUnderscoresDo) {
  EXPECT_TRUE(has_word("x-Q4_K_M.gguf", "q4_k_m"));
  EXPECT_TRUE(has_word("Q8_0", "Q8_0"));
  EXPECT_TRUE(has_word("aQ8_0-Q8_0", "Q8_0")) << "the first place is none, the second one is";
  EXPECT_FALSE(has_word("x-Q4_K_M.gguf", "Q4_K"));
  EXPECT_FALSE(has_word("IQ4_K", "Q4_K"));
  EXPECT_FALSE(has_word("anything", ""));
}

}  // namespace
}  // namespace hadal
