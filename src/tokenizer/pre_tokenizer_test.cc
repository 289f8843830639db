#include "tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "tokenizer/split/split_patterns.h"
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

TEST(PreTokenizer, UnknownExpressionsRunOnOniguruma) {
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

// What Hugging Face's tokenizers do (normalizer.rs): the pattern is "-", the text of their documentation.
TEST(PreTokenizer, KnowsAllBehaviors) {
  const auto split = [](const char* behavior, bool invert, const char* pattern, const char* text) {
    const Json description = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", parse_json(pattern, "test")}, {"behavior", behavior}, {"invert", invert}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    std::vector<std::string> out;
    PreTokenizer(description, "test").split(text, [&](std::string_view piece) { out.emplace_back(piece); });
    return out;
  };
  using List = std::vector<std::string>;
  for (const char* dash : {R"({"String": "-"})", R"({"Regex": "-"})"}) {
    const char* const text = "the-final--countdown";
    EXPECT_EQ(split("Removed", false, dash, text), (List{"the", "final", "countdown"}));
    EXPECT_EQ(split("Isolated", false, dash, text), (List{"the", "-", "final", "-", "-", "countdown"}));
    EXPECT_EQ(split("MergedWithPrevious", false, dash, text), (List{"the-", "final-", "-", "countdown"}));
    EXPECT_EQ(split("MergedWithNext", false, dash, text), (List{"the", "-final", "-", "-countdown"}));
    EXPECT_EQ(split("Contiguous", false, dash, text), (List{"the", "-", "final", "--", "countdown"}));
    EXPECT_EQ(split("Removed", true, dash, text), (List{"-", "-", "-"}));
    EXPECT_EQ(split("Isolated", true, dash, text), (List{"the", "-", "final", "-", "-", "countdown"}));
    EXPECT_EQ(split("Contiguous", true, dash, text), (List{"the", "-", "final", "--", "countdown"}));
    EXPECT_EQ(split("MergedWithPrevious", true, dash, "a-b"), (List{"a", "-b"}));
    EXPECT_EQ(split("MergedWithNext", true, dash, "-a-b"), (List{"-", "a-", "b"}));
  }
  // Empty matches cut.
  EXPECT_EQ(split("Isolated", false, R"re({"Regex": "(?=(\\d{3})+(?!\\d))"})re", "1234567"), (List{"1", "234", "567"}));
  EXPECT_EQ(split("Isolated", false, R"({"Regex": "x*"})", "axxb"), (List{"a", "xx", "b"}));
}

// Where engines part: an intersection, an interval that `+` repeats, hexadecimal digits, classes in classes, lines. The
// cuts are Oniguruma's, which is the engine of Hugging Face's tokenizers.
TEST(PreTokenizer, ReadsExpressionsAsOnigurumaDoes) {
  const auto split = [](const char* regex, const char* text) {
    std::vector<std::string> out;
    with_behavior(regex_split(regex, "test"), SplitBehavior::removed, true)->split(text, [&](std::string_view piece) {
      out.emplace_back(piece);
    });
    return out;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(split(R"([\p{L}&&[^\p{Han}]]+)", "ab你好cd"), (List{"ab", "cd"}));
  EXPECT_EQ(split(R"(\d{1,3}+)", "12345 6"), (List{"12345", "6"}));  // greedy, repeated: not possessive
  EXPECT_EQ(split(R"(a?+b|a++c|a*+d)", "ab aac aad"), (List{"ab", "aac", "aad"}));
  EXPECT_EQ(split(R"(\h+)", "12AFx 9g"), (List{"12AF", "9"}));
  EXPECT_EQ(split(R"([a[bc]]+)", "abcd]"), (List{"abc"}));
  EXPECT_EQ(split(R"(^.+$)", "one\ntwo"), (List{"one", "two"}));
  EXPECT_EQ(split(R"((?i:'S|k)+)", "'s\u212A K"), (List{"'s\u212A", "K"}));
  EXPECT_EQ(split(R"([[:digit:]]+\Z)", "12 34"), (List{"34"}));
  EXPECT_EQ(split(R"(\R)", "a\r\nb\nc"), (List{"\r\n", "\n"}));
  EXPECT_EQ(split(R"(\X)", "e\u0301x"), (List{"e\u0301", "x"}));
  EXPECT_EQ(split(R"(\s+)", "a\u180E\u3000b"), List{"\u3000"});  // the vowel separator is no space
  EXPECT_THROW(split(R"((?<name>)", "a"), Error);
  EXPECT_THROW(split(R"(\p{Nonsense})", "a"), Error);
}

TEST(PreTokenizer, HostileExpressionsEndInAnError) {
  const auto stage = regex_split(R"((a|aa)+$|(x+x+)+y)", "test");
  EXPECT_THROW(pieces(*stage, std::string(40, 'x')), Error);
  EXPECT_THROW(regex_split(std::string(100'000, '('), "test"), Error);
  EXPECT_THROW(regex_split(std::string(5000, '('), "test"), Error);
  EXPECT_THROW(regex_split(std::string(70'000, 'a'), "test"), Error);
}

TEST(PreTokenizer, ByteLevelsPrefixAndPunctuation) {
  const Json description = parse_json(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "ByteLevel", "add_prefix_space": true, "use_regex": true}]})",
                                      "test");
  std::vector<std::string> out;
  PreTokenizer(description, "test").split("one two!?$ 3", [&](std::string_view piece) { out.emplace_back(piece); });
  EXPECT_EQ(out, (std::vector<std::string>{" one", " two", " !?$", " 3"}));
}

TEST(PreTokenizer, NamesOfGgufFiles) {
  for (const char* name : {"deepseek-v3", "qwen2", "deepseek-llm", "deepseek-coder", "gpt-2", "smollm", "gpt-4o",
                           "kimi-k2", "superbpe", "default"}) {
    const Json description = pre_tokenizer_description(name, "test");
    EXPECT_EQ(pre_tokenizer_name(description, false), name);
    EXPECT_EQ(pre_tokenizer_name(description, true) == "", std::string_view(name) != "gpt-4o") << name;
    std::string joined;
    PreTokenizer(description, "test").split("It's 12345 día 你好!", [&](std::string_view piece) { joined += piece; });
    EXPECT_EQ(joined, "It's 12345 día 你好!") << name;
  }
  EXPECT_EQ(pre_tokenizer_name(pre_tokenizer_description("falcon3", "test"), true), "llama-bpe");
  EXPECT_EQ(pre_tokenizer_name(pre_tokenizer_description("glm4", "test"), false), "dbrx");
  EXPECT_TRUE(pre_tokenizer_traits("tekken").ignore_merges && pre_tokenizer_traits("tekken").add_bos);
  EXPECT_FALSE(pre_tokenizer_traits("qwen2").ignore_merges || pre_tokenizer_traits("qwen2").add_bos);

  // As GPT-4o's and Phi-4's own files spell it, and DeepSeek's, with line breaks.
  const auto named = [](const Json& stages) {
    return pre_tokenizer_name({{"type", "Sequence"}, {"pretokenizers", stages}}, false);
  };
  const Json last = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const auto regex = [](std::string_view text) { return Json{{"Regex", text}}; };
  EXPECT_EQ(named({{{"type", "Split"}, {"pattern", regex(patterns::kGpt4o)}, {"behavior", "Removed"}, {"invert", true}},
                   last}),
            "gpt-4o");
  EXPECT_EQ(
      named({{{"type", "Split"}, {"pattern", regex(patterns::kGpt4o)}, {"behavior", "Removed"}, {"invert", false}},
             last}),
      "");
  EXPECT_EQ(
      named({{{"type", "Digits"}, {"individual_digits", true}}, {{"type", "ByteLevel"}, {"add_prefix_space", false}}}),
      "smollm");
  EXPECT_EQ(named(Json::array({{{"type", "ByteLevel"}, {"add_prefix_space", true}}})), "");
  EXPECT_EQ(known_split("[^\r\n\\p{L}]") == nullptr, true);
  EXPECT_NE(known_split("[\r\n]"), nullptr);

  try {
    pre_tokenizer_description("unheard-of", "some file");
    ADD_FAILURE();
  } catch (const Error& e) {
    for (const char* part : {"some file", "unheard-of", "llama-bpe", "smollm", "qwen2"})
      EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what();
  }
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
  refuse(R"({"type": "ByteLevel", "add_prefix_space": 1})", "add_prefix_space");
  refuse(R"({"type": "Whitespace"})", "Whitespace");
  refuse(R"({"type": "Digits"})", "ByteLevel");
  refuse(R"({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"})", "(");
  refuse(R"({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Swapped"})", "Swapped");
  refuse(R"({"type": "Punctuation", "behavior": 1})", "behavior");
  refuse(R"({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Isolated", "invert": 1})", "invert");
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
