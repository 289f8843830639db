#include "cli/command_line.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

struct Values {
  std::string text = "as it was";
  std::vector<std::string> list;
  int64_t whole = 7;
  double real = 0.5, above = 1;
  bool flag = false;
};

// What parsing gave: none, or the exit code; messages go to the test's own streams.
std::optional<int> parse(CommandLine& line, std::vector<std::string> words, std::string* said = nullptr) {
  words.insert(words.begin(), "hadal verb");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto code = line.parse(static_cast<int>(argv.size()), argv.data());
  const std::string out = testing::internal::GetCapturedStdout(), err = testing::internal::GetCapturedStderr();
  if (code == 0) {
    EXPECT_NE(out.find("hadal verb"), std::string::npos) << out;
  }
  if (code == 2) {
    EXPECT_NE(err, "");
    EXPECT_EQ(out, "");
  }
  if (said != nullptr) *said = err;
  return code;
}

std::optional<int> parse_into(Values& v, std::vector<std::string> words, std::string* said = nullptr) {
  CommandLine line("A verb.");
  line.add_option("-t,--text", v.text, "a text").one_of({"a", "b", "as it was"});
  line.add_option("--list", v.list, "several");
  line.add_option("--whole", v.whole, "a whole number").range(0, 10);
  line.add_option("--real", v.real, "a number").range(0.0, 1.0).show_default();
  line.add_option("--above", v.above, "a number").above_zero();
  const Option flag = line.add_flag("--flag", v.flag, "a flag");
  std::string other;
  line.add_option("--other", other, "not beside the flag").excludes(flag);
  line.add_option("--more", other, "only beside the flag").needs(flag);
  return parse(line, std::move(words), said);
}

TEST(CommandLine, ReadsEveryKindOfValue) {
  Values v;
  EXPECT_EQ(parse_into(v, {"-t", "b", "--list", "x", "--list", "y", "--whole=3", "--real", "0.25", "--flag"}),
            std::nullopt);
  EXPECT_EQ(v.text, "b");
  EXPECT_EQ(v.list, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(v.whole, 3);
  EXPECT_EQ(v.real, 0.25);
  EXPECT_TRUE(v.flag);
}

TEST(CommandLine, WhatIsNotGivenKeepsItsValue) {
  Values v;
  EXPECT_EQ(parse_into(v, {}), std::nullopt);
  EXPECT_EQ(v.text, "as it was");
  EXPECT_EQ(v.whole, 7);
}

TEST(CommandLine, MistakesAreExitCode2AndHelpIs0) {
  // A list takes one value at a time.
  const std::vector<std::vector<std::string>> mistakes = {
      {"--text", "c"},     {"--whole", "11"}, {"--whole", "x"}, {"--whole", "1.5"},   {"--real", "-0.1"},
      {"--real", "x"},     {"--real", "nan"}, {"--above", "0"}, {"--above", "nan"},   {"--above", "inf"},
      {"--text"},          {"extra"},         {"--more", "x"},  {"--no-such-option"}, {"--flag", "--other", "x"},
      {"--list", "x", "y"}};
  for (const auto& words : mistakes) {
    Values v;
    EXPECT_EQ(parse_into(v, words), 2) << testing::PrintToString(words);
  }
  Values v;
  EXPECT_EQ(parse_into(v, {"--help"}), 0);
}

TEST(CommandLine, MistakesNameOptionExpectedAndFound) {
  const std::pair<std::vector<std::string>, const char*> mistakes[] = {
      {{"--whole", "11"}, "--whole: expected a number from 0 to 10, found 11\n"},
      {{"--real", "nan"}, "--real: expected a number from 0 to 1, found nan\n"},
      {{"--above", "-2"}, "--above: expected a number above 0, found -2\n"}};
  for (const auto& [words, error] : mistakes) {
    Values v;
    std::string said;
    EXPECT_EQ(parse_into(v, words, &said), 2);
    EXPECT_EQ(said.substr(0, said.find('\n') + 1), error);
  }
}

TEST(CommandLine, RefusesNumbersThatDoNotFitAndEmptyTexts) {
  int64_t whole = 1;
  uint64_t seed = 1;
  std::string folder = "as it was";
  const auto code = [&](const std::vector<std::string>& words) {
    CommandLine line("A verb.");
    line.add_option("--whole", whole, "");
    line.add_option("--seed", seed, "");
    line.add_option("--output", folder, "").filled();
    return parse(line, words);
  };
  for (const char* bad : {"9223372036854775808", "-9223372036854775809", "99999999999999999999"})
    EXPECT_EQ(code({"--whole", bad}), 2) << bad;
  for (const char* bad : {"18446744073709551616", "-1"}) EXPECT_EQ(code({"--seed", bad}), 2) << bad;
  EXPECT_EQ(code({"--output", ""}), 2);
  EXPECT_EQ(code({"--whole", "9223372036854775807", "--seed", "18446744073709551615", "--output", "x"}), std::nullopt);
  EXPECT_EQ(whole, INT64_MAX);
  EXPECT_EQ(seed, UINT64_MAX);
  EXPECT_EQ(folder, "x");
}

TEST(CommandLine, AListByItsPlaceTakesAllThatFollow) {
  std::string market;
  std::vector<std::string> files;
  bool flag = false;
  CommandLine line("A verb.");
  line.add_option("MARKET", market, "").required();
  line.add_option("FILE", files, "").required();
  line.add_flag("--flag", flag, "");
  EXPECT_EQ(parse(line, {"m", "a.csv", "b.csv", "--flag", "c.csv"}), std::nullopt);
  EXPECT_EQ(files, (std::vector<std::string>{"a.csv", "b.csv", "c.csv"}));
  EXPECT_TRUE(flag);
}

TEST(CommandLine, AListOfManyTakesAllUpToTheNextOption) {
  const std::vector<std::vector<std::string>> ways = {
      {"--file", "a", "b", "c", "--flag"},           {"--file", "a", "--file", "b", "--file", "c", "--flag"},
      {"--file", "a", "--file", "b", "c", "--flag"}, {"--file", "a", "b", "--flag", "--file", "c"},
      {"--file=a", "b", "--flag", "--file=c"},       {"--flag", "--file", "a", "b", "c"}};
  for (const auto& words : ways) {
    std::vector<std::string> files;
    bool flag = false;
    CommandLine line("A verb.");
    line.add_option("--file", files, "").many();
    line.add_flag("--flag", flag, "");
    EXPECT_EQ(parse(line, words), std::nullopt) << testing::PrintToString(words);
    EXPECT_EQ(files, (std::vector<std::string>{"a", "b", "c"})) << testing::PrintToString(words);
    EXPECT_TRUE(flag);
  }
  std::vector<std::string> files;
  CommandLine line("A verb.");
  line.add_option("--file", files, "").many();
  EXPECT_EQ(parse(line, {"a", "--file", "b"}), 2);
}

TEST(CommandLine, FunctionsMayRefuse) {
  std::string seen;
  const auto use = [&](const std::string& text) {
    if (text == "bad") throw BadValue{"--seed", "expected a good one"};
    seen = text;
  };
  for (const auto& [word, code] : {std::pair<const char*, std::optional<int>>{"good", std::nullopt}, {"bad", 2}}) {
    CommandLine line("A verb.");
    line.add_function("--seed", use, "a seed");
    EXPECT_EQ(parse(line, {"--seed", word}), code);
  }
  EXPECT_EQ(seen, "good");
}

TEST(CommandLine, KnowsWhatWasGiven) {
  std::string a, b;
  CommandLine line("A verb.");
  line.add_option("--a", a, "");
  const Option option = line.add_option("--b", b, "");
  EXPECT_EQ(parse(line, {"--a", "1"}), std::nullopt);
  EXPECT_TRUE(line.given("--a"));
  EXPECT_FALSE(line.given("--b"));
  EXPECT_FALSE(line.given("--c")) << "never declared";
  EXPECT_EQ(option.count(), 0u);
}

TEST(CommandLine, OneCommandAtTheMost) {
  for (const bool chosen : {true, false}) {
    std::string name;
    CommandLine line("A verb.");
    CommandLine& remove = line.add_command("remove", "remove one");
    const CommandLine& rename = line.add_command("rename", "rename one");
    remove.add_option("NAME", name, "which").required();
    EXPECT_EQ(parse(line, chosen ? std::vector<std::string>{"remove", "x"} : std::vector<std::string>{}), std::nullopt);
    EXPECT_EQ(remove.chosen(), chosen);
    EXPECT_FALSE(rename.chosen());
    EXPECT_EQ(name, chosen ? "x" : "");
  }
  CommandLine line("A verb.");
  std::string name;
  line.add_command("remove", "remove one").add_option("NAME", name, "which").required();
  EXPECT_EQ(parse(line, {"remove"}), 2) << "without its name";
}

}  // namespace
}  // namespace hadal
