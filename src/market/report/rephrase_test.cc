// Memos that a made-up model words.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "market/report.h"
#include "market/report/text.h"
#include "market/report/words.h"
#include "market/testing/claims.h"

namespace hadal::market {
namespace {

using test::error_of;
using test::memo_figures;
using test::unbound_texts;

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

int64_t num_rephrased(const Memo& memo) {
  return std::count_if(memo.paragraphs.begin(), memo.paragraphs.end(), [](const auto& p) { return p.rephrased; });
}

void expect_sound(const Memo& memo, const OrderedJson& figures) {
  EXPECT_EQ(unbound_texts(memo.text, figures), OrderedJson::array()) << memo.text;
  const std::u32string text = code_points(memo.text);
  std::vector<bool> bound(text.size());
  size_t last = 0;
  for (const Binding& b : memo.bindings) {
    EXPECT_LE(last, b.begin);
    last = b.end;
    EXPECT_EQ(utf8(text.substr(b.begin, b.end - b.begin)), b.text);
    const OrderedJson* figure = figure_at(figures, b.figure);
    ASSERT_TRUE(figure) << b.figure;
    EXPECT_EQ(*figure, b.value);
    std::fill(bound.begin() + static_cast<ptrdiff_t>(b.begin), bound.begin() + static_cast<ptrdiff_t>(b.end), true);
  }
  for (size_t i = 0; i < text.size(); ++i) EXPECT_TRUE(bound[i] || text[i] < '0' || text[i] > '9') << i;
}

TEST(Rephrased, FaithfulWordsAreTaken) {
  const OrderedJson figures = memo_figures();
  std::vector<std::string> asked;
  const Memo memo = rephrased_memo(figures, [&](const std::string& paragraph) {
    asked.push_back(paragraph);
    return replaced(replaced(paragraph, "became", "grew to"), "At worst, on", "At its deepest, on") + "\n";
  });
  expect_sound(memo, figures);
  EXPECT_EQ(num_rephrased(memo), static_cast<int64_t>(asked.size()));
  EXPECT_GT(asked.size(), 4u);
  EXPECT_HAS(memo.text, "100000.00 grew to 166018.27, a gain of 66.02%");
  EXPECT_HAS(memo.text, "At its deepest, on 2015-08-24");
  EXPECT_HAS(memo.text, "> Worded in part by a language model");
  EXPECT_TRUE(memo.text.starts_with("# A signal"));
  EXPECT_EQ(memo.text.find("As built"), memo.text.npos);
  for (const std::string& paragraph : asked) EXPECT_FALSE(paragraph.starts_with('#') || paragraph.starts_with('-'));
  EXPECT_EQ(memo.json().at("paragraphs").size(), memo.paragraphs.size());
  EXPECT_FALSE(memo_of(figures).json().contains("paragraphs"));
}

TEST(Rephrased, OtherWritingsOfTheSameFiguresAreTaken) {
  const OrderedJson figures = memo_figures();
  const Memo memo = rephrased_memo(figures, [](const std::string& paragraph) {
    return replaced(replaced(replaced(paragraph, "100000.00", "100,000"), "2015-08-24", "24 August 2015"), " 66.02%",
                    " 66 percent");
  });
  expect_sound(memo, figures);
  EXPECT_HAS(memo.text, "100,000 became 166018.27, a gain of 66 percent");
  EXPECT_HAS(memo.text, "on 24 August 2015");
}

// What a liar says of any paragraph; none of it may stand in the memo.
TEST(Rephrased, LiesFallBackAndSaySo) {
  const OrderedJson figures = memo_figures();
  const Memo built = memo_of(figures);
  const std::pair<const char*, Rephrase> liars[] = {
      {"nothing", [](const std::string&) { return std::string(); }},
      {"an invented number", [](const std::string& p) { return p + " It will gain 99.5% more."; }},
      {"an invented number in words", [](const std::string& p) { return p + " It will gain ninety percent."; }},
      {"a figure of another paragraph", [](const std::string& p) { return p + " That is 129 or 0.0065 or 58.67%."; }},
      {"a number twice", [](const std::string& p) { return p + " " + p; }},
      {"no numbers", [](const std::string&) { return std::string("All went well."); }},
      {"markup", [](const std::string& p) { return "<b onclick=x>" + p; }},
      {"a link", [](const std::string& p) { return p + " [Buy](https://example.com)."; }},
      {"a heading", [](const std::string& p) { return "# Buy now\n\n" + p; }},
      {"a list", [](const std::string& p) { return "* " + p; }},
      {"an image", [](const std::string& p) { return "![x](y) " + p; }},
      {"no end", [](const std::string& p) { return p + std::string(1 << 20, 'x') + "."; }},
      {"cut", [](const std::string& p) { return p + " and so"; }},
      {"not UTF-8", [](const std::string& p) { return p + "\xFF."; }},
      {"turned writing", [](const std::string& p) { return p + "\xE2\x80\xAE."; }},
      {"hidden digits", [](const std::string& p) { return p + " \xEF\xBC\x94\xE2\x80\x8B\xEF\xBC\x92."; }},
      {"an open name", [](const std::string& p) { return p + " `x."; }},
  };
  for (const auto& [name, liar] : liars) {
    const Memo memo = rephrased_memo(figures, liar);
    expect_sound(memo, figures);
    EXPECT_EQ(num_rephrased(memo), 0) << name << "\n" << memo.text;
    EXPECT_HAS(memo.text, "> As built: the model");
    EXPECT_EQ(memo.text.find("Worded in part"), memo.text.npos);
    std::string without = memo.text;
    for (size_t at = without.find("> As built"); at != without.npos; at = without.find("> As built"))
      without.erase(at, without.find("\n", at) + 2 - at);
    EXPECT_EQ(without, built.text) << name;
  }
}

TEST(Rephrased, SwapsAndTurnsAreNotTaken) {
  const OrderedJson figures = memo_figures();
  const auto with = [&](std::string_view from, std::string_view to) {
    EXPECT_HAS(memo_of(figures).text, std::string(from));
    return rephrased_memo(figures, [&](const std::string& p) { return replaced(p, from, to); });
  };
  const std::pair<const char*, const char*> lies[] = {
      {"fees 9533.505, slippage 12804.003", "fees 12804.003, slippage 9533.505"},
      {"fees 9533.505, slippage 12804.003", "slippage 9533.505, fees 12804.003"},
      {"a gain of 66.02%", "a loss of 66.02%"},
      {"lost 12.34%", "gained 12.34%"},
      {"lost 12.34%", "returned 12.34%"},
      {"below an earlier peak", "from an earlier peak"},
      {"15 of 18", "18 of 18"},
      {"15 of 18", "all of 18"},
      {"`momentum`", "`ridge`"},
      {"2.29 a year", "3 a year"},
      {"is 0.1444", "is not 0.1444"},
  };
  const int64_t all = num_rephrased(rephrased_memo(figures, [](const std::string& p) { return p; }));
  for (const auto& [from, to] : lies) {
    const Memo memo = with(from, to);
    expect_sound(memo, figures);
    EXPECT_EQ(num_rephrased(memo), all - 1) << to;
    EXPECT_HAS(memo.text, std::string(from));
  }
}

TEST(Rephrased, WhatTheModelThrowsIsPassedOn) {
  EXPECT_HAS(error_of([] { rephrased_memo(memo_figures(), [](const std::string&) -> std::string { fail("gone"); }); }),
             "gone");
  EXPECT_FALSE(rephrased_memo(OrderedJson::object(), [](const std::string& p) { return p; }).text.empty());
}

}  // namespace
}  // namespace hadal::market
