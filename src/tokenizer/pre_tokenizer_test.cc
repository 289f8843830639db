#include "tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "tokenizer/split_patterns.h"
#include "tokenizer/unicode.h"

namespace hadal {
namespace {

std::vector<std::string> pieces(const SplitStage& stage, std::string_view text) {
  std::vector<std::string> out;
  stage.split(text, [&](std::string_view piece) { out.emplace_back(piece); });
  return out;
}

// Characters of every class that a pattern tells apart, and some that none does.
std::string random_text(Rng& rng, size_t n, bool newlines) {
  static const std::vector<std::string> kParts = {
      "a",      "Z",      "s",      "t",      "re",     "VE",     "ll",     "d",         "m",      "'",
      "'",      "'s",     "'LL",    "\u017F", " ",      " ",      "  ",     "\t",        "\v",     "\u00A0",
      "\u3000", "\u2003", "\u0085", "1",      "23",     "456",    "\u00B2", "\u00BD",    "\u0663", "\u2167",
      ".",      ",",      "!",      "_",      "#",      "$",      "+",      "^",         "~",      "\u00A7",
      "\u20AC", "\u2018", "\u3002", "\uFF01", "é",      "ß",      "Σ",      "\u0301",    "\u0903", "世",
      "界",     "\u9FA5", "\u3042", "\u30AB", "\uAC00", "\u0905", "\u05D0", "\u01BB",    "ǅ",      "\u2126",
      "\u212A", "\u1F7D", "😀",      "\u0001", "\u200B", "\u00AD", "\uE000", "\U000E0100"};
  std::string text;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t pick = rng.below(kParts.size() + (newlines ? 5 : 0));
    if (pick < kParts.size())
      text += kParts[pick];
    else
      text += pick % 2 == 0 ? "\n" : "\r\n";
  }
  return text;
}

// The hand-written scanners against the regular expressions they stand for.
TEST(SplitStages, ScannersCutAsTheirExpressionsDo) {
  using namespace patterns;
  for (const std::string_view regex : {kGpt2, kQwen2, kLlama3, kDigits3, kCjkKana, kDeepseekV3, kNewlines, kCasedWord,
                                       kWidePunct, kTrailingSpace, kCjkHangul, kWord, kPunctRun}) {
    const auto scanner = known_split(regex);
    const auto expression = regex_split(regex, "test");
    ASSERT_NE(scanner, nullptr) << regex;
    Rng rng(1);
    for (int i = 0; i < 1500; ++i) {
      const std::string text = random_text(rng, 1 + rng.below(24), regex != kTrailingSpace);
      ASSERT_EQ(pieces(*scanner, text), pieces(*expression, text)) << regex << "\non " << Json(text).dump();
    }
  }
}

TEST(SplitStages, NeedNoValidText) {
  Rng rng(2);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (uint64_t n = rng.below(30); n > 0; --n) text += static_cast<char>(rng.below(2) == 0 ? rng.below(256) : 'a');
    for (const auto& regex :
         {patterns::kLlama3, patterns::kDeepseekV3, patterns::kCasedWord, patterns::kTrailingSpace}) {
      std::string joined;
      for (const auto& piece : pieces(*known_split(regex), text)) joined += piece;
      EXPECT_EQ(joined, text);
    }
    std::string joined;
    for (const auto& piece : pieces(*regex_split(R"(\w+|\d)", "test"), text)) joined += piece;
    EXPECT_EQ(joined, text);
  }
}

TEST(PreTokenizer, UnknownExpressionsRunOnPcre) {
  const Json description = parse_json(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "[aeiou]+"}, "behavior": "Isolated", "invert": false},
      {"type": "Split", "pattern": {"String": "--"}, "behavior": "Isolated", "invert": false},
      {"type": "Digits", "individual_digits": true},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})",
                                      "test");
  std::vector<std::string> out;
  PreTokenizer(description, "test").split("queue--12x", [&](std::string_view piece) { out.emplace_back(piece); });
  EXPECT_EQ(out, (std::vector<std::string>{"q", "ueue", "--", "1", "2", "x"}));
}

TEST(PreTokenizer, RefusesWhatItDoesNotKnow) {
  const auto refuse = [](const char* json, const char* named) {
    try {
      PreTokenizer(parse_json(json, "test"), "some file");
      ADD_FAILURE() << "accepted " << json;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(named), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("some file"), std::string::npos) << e.what();
    }
  };
  refuse(R"({"type": "Metaspace"})", "Metaspace");
  refuse(R"({"type": "ByteLevel", "add_prefix_space": true})", "add_prefix_space");
  refuse(R"({"type": "Digits"})", "ByteLevel");
  refuse(R"({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"})", "(");
  refuse(R"({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Removed"})", "Removed");
  refuse(R"({"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated"})", "empty");
  refuse(R"({"type": "Split", "pattern": 3, "behavior": "Isolated"})", "pattern");
  refuse(R"({"type": "Sequence"})", "pretokenizers");
  refuse(R"({"pretokenizers": []})", "type");
  refuse(R"([])", "object");
}

TEST(Unicode, ByteAlphabetThereAndBack) {
  std::string all, back;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  EXPECT_EQ(to_byte_alphabet(" \n"), "ĠĊ");
  ASSERT_TRUE(from_byte_alphabet(to_byte_alphabet(all), back));
  EXPECT_EQ(back, all);
  EXPECT_FALSE(from_byte_alphabet("世", back));
  EXPECT_FALSE(from_byte_alphabet(" ", back));
}

}  // namespace
}  // namespace hadal
