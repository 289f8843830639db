#include "cli/reply_printer.h"

#include <gtest/gtest.h>

#include <regex>

namespace hadal {
namespace {

using Kind = chat::ReplyDelta::Kind;

std::string shown(bool colours, const std::vector<chat::ReplyDelta>& deltas, std::string_view end = "") {
  std::string out;
  const auto write = [&](std::string_view text) { out += text; };
  ReplyPrinter printer(colours, write, write);
  for (const auto& delta : deltas) printer.print(delta);
  printer.finish(end);
  return std::regex_replace(out, std::regex(R"(for [0-9.]+ s)"), "for T s");
}

const std::vector<chat::ReplyDelta> kWhole = {
    {Kind::reasoning, "hm,\n"}, {Kind::reasoning, "so"}, {Kind::content, "ye"}, {Kind::content, "s"}};

TEST(ReplyPrinter, ThoughtsStandBetweenTagsWithoutColours) {
  EXPECT_EQ(shown(false, kWhole), "<think>\nhm,\nso\n</think>\n\nyes\n");
  EXPECT_EQ(shown(false, {{Kind::content, "yes"}}), "yes\n");
  EXPECT_EQ(shown(false, {{Kind::content, "yes"}}, " [...]"), "yes [...]\n");
  EXPECT_EQ(shown(false, {{Kind::reasoning, "hm"}}, " [...]"), "<think>\nhm [...]\n");
  EXPECT_EQ(shown(false, {}), "\n");
}

TEST(ReplyPrinter, ThoughtsAreDimmedOnATerminal) {
  EXPECT_EQ(shown(true, kWhole), "\x1b[2mhm,\nso\nthought for T s\x1b[0m\n\nyes\n");
  EXPECT_EQ(shown(true, {{Kind::content, "yes"}}), "yes\n");
  EXPECT_EQ(shown(true, {{Kind::reasoning, "hm"}}, " [...]"), "\x1b[2mhm [...]\nthought for T s\x1b[0m\n");
}

TEST(ReplyPrinter, RemarksAreLinesOfTheirOwn) {
  for (const bool colours : {false, true}) {
    std::string out;
    const auto write = [&](std::string_view text) { out += text; };
    ReplyPrinter(colours, write, write).remark("7 of 9");
    EXPECT_EQ(out, colours ? "\x1b[2m7 of 9\x1b[0m\n" : "7 of 9\n");
  }
}

}  // namespace
}  // namespace hadal
