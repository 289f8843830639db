// Claims of all kinds against figures, and memos that a made-up model words.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/rng.h"
#include "market/report.h"
#include "market/report/text.h"
#include "market/report/words.h"
#include "market/testing/market_files.h"

namespace hadal::market {
namespace {

using test::error_of;

const OrderedJson& claims() {
  static const OrderedJson json =
      parse_ordered_json(read_file(test::source_dir() / "tests/market/memo/claims.json"), "claims.json");
  return json;
}

OrderedJson unbound_texts(const std::string& text, const OrderedJson& figures) {
  OrderedJson list = OrderedJson::array();
  const std::u32string points = code_points(text);
  for (const Unbound& u : unbound_numbers(text, figures)) {
    EXPECT_EQ(utf8(points.substr(u.begin, u.end - u.begin)), u.text);
    list.push_back(u.text);
  }
  return list;
}

TEST(Claims, TrueOnesAreBound) {
  for (const OrderedJson& text : claims().at("true"))
    EXPECT_EQ(unbound_texts(text, claims().at("figures")), OrderedJson::array()) << text;
}

TEST(Claims, WhatNoFigureSaysIsFound) {
  for (const OrderedJson& claim : claims().at("false"))
    EXPECT_EQ(unbound_texts(claim.at("text"), claims().at("figures")), claim.at("unbound")) << claim.at("text");
}

TEST(Claims, NeighboursDoNotMatter) {
  for (const OrderedJson& claim : claims().at("false")) {
    const std::string text = "It is so.\n\n" + claim.at("text").get<std::string>() + "\n\nNo number here.";
    EXPECT_EQ(unbound_texts(text, claims().at("figures")), claim.at("unbound")) << text;
  }
}

// ---- Any bytes

TEST(Claims, HostileTextTakesLinearTime) {
  const OrderedJson figures = claims().at("figures");
  for (const char* piece : {"1",
                            "1,",
                            "1 ",
                            "a",
                            "one ",
                            "hundred ",
                            "and ",
                            "(",
                            "`",
                            "*",
                            "<b>",
                            "-",
                            "5**",
                            "lost 5% ",
                            "not ",
                            "\n",
                            "&#4",
                            "1/2",
                            "half a ",
                            "of ",
                            "\xFF",
                            "\xE2\x80\x8B",
                            "\xF0\x9D\x9F\x92",
                            "\xC2\xBD",
                            "runs/idea7-40c514b",
                            "2012-",
                            "March ",
                            "point ",
                            "the first of "}) {
    std::string text;
    while (text.size() < (1u << 17)) text += piece;
    const auto begin = std::chrono::steady_clock::now();
    unbound_numbers(text, figures);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(seconds.count(), 5) << piece;
  }
}

TEST(Claims, RandomBytesGivePlacesWithinTheText) {
  const OrderedJson figures = claims().at("figures");
  Rng random(7);
  const std::string alphabet = "0159.,%-/ \n`*<>aeo\xC2\xBD\xE2\x80\x8B\xF0\x9D";
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 200; ++i) text += alphabet[random.below(alphabet.size())];
    const size_t length = code_points(text).size();
    size_t last = 0;
    for (const Unbound& u : unbound_numbers(text, figures)) {
      EXPECT_LE(last, u.begin);
      EXPECT_LT(u.begin, u.end);
      EXPECT_LE(u.end, length);
      last = u.end;
    }
  }
}

// ---- A memo of made-up figures

OrderedJson memo_figures() {
  OrderedJson figures = claims().at("figures");
  figures["strategy"]["forecaster"] = "ridge", figures["strategy"]["portfolio"] = "top";
  figures["data"]["market_path"] = "markets/two_rivers", figures["data"]["stored_prices"] = "raw prices";
  figures["quality"] = {{"quarantined", 2}, {"warnings", 3}};
  figures["costs"]["interest_paid"] = "0";
  figures["forecast"]["finding"] = "signal", figures["forecast"]["num_windows"] = 4;
  figures["forecast"]["test_first"] = "2014-04-03", figures["forecast"]["test_last"] = "2015-12-18";
  figures["statistics"]["dsr"] = 0.9871, figures["statistics"]["length"] = 434;
  figures["trading"] = {{"from", "2014-04-03"},
                        {"sessions", 435},
                        {"deepest_drawdown_at", "2015-08-24"},
                        {"mean_turnover", 0.586712},
                        {"mean_positions", 12.04}};
  figures["hold"]["max_drawdown"] = -0.23456;
  return figures;
}

// Whether any figure, or a hundred times one, has these digits.
bool some_figure_rounds_to(const OrderedJson& json, double written, int digits) {
  if (json.is_structured()) {
    return std::any_of(json.begin(), json.end(),
                       [&](const OrderedJson& v) { return some_figure_rounds_to(v, written, digits); });
  }
  if (!is_number(json)) return false;
  const double half = 0.500001 * std::pow(10, -digits), value = std::abs(number_of(json));
  return std::abs(value - written) <= half || std::abs(100 * value - written) <= half;
}

TEST(MemoOfClaims, VerifiesAndChangedDigitsAreFound) {
  const OrderedJson figures = memo_figures();
  const Memo memo = memo_of(figures);
  EXPECT_EQ(unbound_texts(memo.text, figures), OrderedJson::array());
  const std::u32string text = code_points(memo.text);
  Rng random(3);
  int tried = 0;
  for (int round = 0; round < 2000; ++round) {
    const Binding& b = memo.bindings[random.below(memo.bindings.size())];
    if (!is_number(b.value) || b.text.size() < 5) continue;  // of few digits, another figure may be meant
    std::u32string changed = text;
    const size_t at = b.begin + random.below(b.end - b.begin);
    if (changed[at] < '0' || changed[at] > '9') continue;
    changed[at] = U'0' + (changed[at] - U'0' + 1 + static_cast<char32_t>(random.below(9))) % 10;
    const std::string number = utf8(changed.substr(b.begin, b.end - b.begin));
    const size_t point = number.find('.');
    const int digits = point == number.npos ? 0 : static_cast<int>(number.size() - point - 1);
    if (some_figure_rounds_to(figures, std::abs(std::stod(number)), digits)) continue;
    ++tried;
    const auto unbound = unbound_numbers(utf8(changed), figures);
    EXPECT_TRUE(
        std::any_of(unbound.begin(), unbound.end(), [&](const Unbound& u) { return u.begin <= at && at < u.end; }))
        << b.text << " as " << number;
  }
  EXPECT_GT(tried, 300);
}

TEST(MemoOfClaims, TurnedWordsAreFound) {
  const OrderedJson figures = memo_figures();
  const std::string text = memo_of(figures).text;
  const std::pair<const char*, const char*> turns[] = {
      {"a gain of", "a loss of"}, {"lost 12.34%", "gained 12.34%"}, {"below an earlier", "above an earlier"}};
  for (const auto& [from, to] : turns) {
    const size_t at = text.find(from);
    ASSERT_NE(at, text.npos) << from;
    std::string turned = text;
    turned.replace(at, std::string_view(from).size(), to);
    EXPECT_FALSE(unbound_numbers(turned, figures).empty()) << to;
  }
}

// ---- Rephrasing

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
