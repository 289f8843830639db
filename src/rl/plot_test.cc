#include "rl/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <regex>

namespace hadal::rl {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Why a text is not a well-formed XML document of the kind we write; "" where it is.
std::string fault_of(const std::string& xml) {
  static const std::regex tag(R"(<(/?)([a-zA-Z]+)((?: [a-zA-Z:-]+="[^"<]*")*)(/?)>)");
  static const std::regex entity("&(amp|lt|gt|quot);");
  if (std::regex_replace(xml, entity, "").find('&') != std::string::npos) return "a bare &";
  std::vector<std::string> open;
  size_t at = 0, roots = 0;
  for (std::sregex_iterator it(xml.begin(), xml.end(), tag), end; it != end; ++it) {
    const auto begin = static_cast<size_t>(it->position());
    if (xml.substr(at, begin - at).find_first_of("<") != std::string::npos) return "a bare < before " + it->str();
    at = begin + it->str().size();
    const std::string name = (*it)[2];
    if ((*it)[1].length() > 0) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes nothing";
      open.pop_back();
    } else if ((*it)[4].length() == 0) {
      if (open.empty()) ++roots;
      open.push_back(name);
    }
  }
  if (xml.find('<', at) != std::string::npos) return "a bare < at the end";
  if (!open.empty()) return "<" + open.back() + "> is not closed";
  return roots == 1 ? "" : "not one root";
}

size_t count(const std::string& text, std::string_view part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

Plot rising(std::string name = "run") {
  Plot plot{"pass@1", "step", "share", {{std::move(name)}}};
  for (int step = 0; step < 50; ++step) plot.series[0].points.emplace_back(step, 0.3 + 0.01 * step);
  return plot;
}

TEST(Plot, IsWellFormed) {
  const std::vector<Plot> plots = {rising(), rising(), rising()};
  const std::string svg = svg_of("A run", plots);
  EXPECT_EQ(fault_of(svg), "");
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_EQ(count(svg, "<path class=\"line c0\" d=\"M64"), 4u);  // two curves and their legends stand at the left
  EXPECT_EQ(count(svg, "prefers-color-scheme: dark"), 1u);
  EXPECT_EQ(svg, svg_of("A run", plots));
  EXPECT_NE(fault_of("<svg><g></svg>"), "");
  EXPECT_NE(fault_of("<svg>a < b</svg>"), "");
}

TEST(Plot, TextsMayHoldAnything) {
  const std::string wild = "a<b & \"c\" </svg>\x01\xff\xed\xa0\x80\xef\xbf\xbf \xe2\x82\xac";
  Plot plot = rising(wild);
  plot.title = plot.x_name = plot.y_name = wild;
  const std::string svg = svg_of(wild, {&plot, 1});
  EXPECT_EQ(fault_of(svg), "");
  EXPECT_NE(svg.find("a&lt;b &amp; &quot;c&quot; &lt;/svg&gt; \xef\xbf\xbd"), std::string::npos);
  EXPECT_NE(svg.find("\xe2\x82\xac"), std::string::npos);
  EXPECT_EQ(count(svg, "\x01") + count(svg, "\xff") + count(svg, "\xed\xa0"), 0u);
}

TEST(Plot, WhatIsNotFiniteIsAGap) {
  Plot plot{"t", "x", "y", {{"", {{0, 1}, {1, 2}, {2, kNan}, {3, 2}, {4, 3}, {5, INFINITY}, {6, 1}}}}};
  const std::string svg = svg_of("", {&plot, 1});
  EXPECT_EQ(fault_of(svg), "");
  EXPECT_EQ(count(svg, "<path class=\"line"), 2u);
  EXPECT_EQ(count(svg, "<circle"), 1u);
  EXPECT_EQ(count(svg, "nan") + count(svg, "inf"), 0u);
}

TEST(Plot, NothingToShowIsAPictureToo) {
  for (const auto& series :
       {std::vector<Series>{}, std::vector<Series>{{"empty"}}, std::vector<Series>{{"", {{3, 0}}}}}) {
    Plot plot{"t", "x", "y", series};
    const std::string svg = svg_of("", {&plot, 1});
    EXPECT_EQ(fault_of(svg), "");
    EXPECT_EQ(count(svg, "nan") + count(svg, "inf"), 0u);
  }
  EXPECT_EQ(fault_of(svg_of("none", {})), "");
}

TEST(Plot, LongCurvesStaySmallAndKeepTheirSpikes) {
  Plot plot{"t", "x", "y", {{"long"}}};
  for (int i = 0; i < 200'000; ++i) plot.series[0].points.emplace_back(i, i == 77'777 ? 100 : std::sin(i));
  const std::string svg = svg_of("", {&plot, 1});
  EXPECT_LT(svg.size(), 120'000u);
  plot.series[0].points[77'777].second = 0;
  EXPECT_NE(svg_of("", {&plot, 1}), svg);
}

TEST(Plot, TicksAreRound) {
  EXPECT_EQ(round_ticks(0, 1, 5).size(), 6u);
  EXPECT_EQ(round_ticks(0, 97, 5), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  EXPECT_EQ(round_ticks(-3, 4, 4), (std::vector<double>{-4, -2, 0, 2, 4}));
  for (const auto& [low, high] :
       {std::pair(0.0, 0.0), {5.0, 5.0}, {-1e-7, 1e-7}, {1e9, 1e9 + 1}, {-2e12, 3e12}, {0.1, 0.1 + 1e-12}}) {
    const std::vector<double> ticks = round_ticks(low, high, 5);
    EXPECT_GE(ticks.size(), 2u);
    EXPECT_LE(ticks.size(), 14u);
    EXPECT_LE(ticks.front(), low + 1e-9);
    EXPECT_GE(ticks.back(), high - 1e-9);
  }
}

TEST(Plot, TheAxisReachesWhereItMust) {
  Plot plot = rising();
  plot.least = 0, plot.most = 1;
  const std::string svg = svg_of("", {&plot, 1});
  EXPECT_NE(svg.find(">1.0</text>"), std::string::npos);
  EXPECT_NE(svg.find(">0</text>"), std::string::npos);
}

}  // namespace
}  // namespace hadal::rl
