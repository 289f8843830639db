// Claims of all kinds against figures.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/rng.h"
#include "market/report.h"
#include "market/report/text.h"
#include "market/report/words.h"
#include "market/testing/claims.h"

namespace hadal::market {
namespace {

using test::claims;
using test::memo_figures;
using test::unbound_texts;

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

}  // namespace
}  // namespace hadal::market
