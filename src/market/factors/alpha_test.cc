#include <gtest/gtest.h>

#include <charconv>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "market/factors.h"
#include "market/testing/random_panel.h"

namespace hadal::market::factors {
namespace {

const Path kFolder = Path(HADAL_SOURCE_DIR) / "tests/market/factors";

Panel read_bars(const std::string& name) {
  std::vector<std::vector<std::string>> lines;
  for_each_line(kFolder / name, [&](std::string_view line, int64_t number) {
    if (number > 1 && !line.empty()) lines.push_back(split(line, ','));
    return true;
  });
  Panel panel = empty_panel(lines.size(), 1);
  std::vector<double>* columns[] = {&panel.open, &panel.high, &panel.low, &panel.close, &panel.volume};
  for (size_t t = 0; t < lines.size(); ++t) {
    panel.sessions[t] = *parse_date(lines[t][0]);
    for (size_t c = 0; c < 5; ++c) (*columns[c])[t] = std::stod(lines[t][c + 1]);
  }
  return panel;
}

TEST(Alpha158, MeetsItsVectors) {
  const Json vectors = parse_json(read_file(kFolder / "alpha158.json"), "alpha158.json");
  const FactorProgram program(factor_set("alpha158", ""), "");
  size_t compared = 0;
  for (const auto& [symbol, dates] : vectors["values"].items()) {
    const Panel panel = read_bars(lower_case(symbol) + ".csv");
    const std::vector<double> got = evaluate_factors(program, panel);
    for (const auto& [day, values] : dates.items()) {
      const auto t = static_cast<size_t>(std::find(panel.sessions.begin(), panel.sessions.end(), *parse_date(day)) -
                                         panel.sessions.begin());
      ASSERT_LT(t, panel.num_times());
      size_t at = 0;
      for (size_t f = 0; f < program.num_factors(); ++f) {
        if (program.names()[f] == "VWAP0") {
          EXPECT_TRUE(std::isnan(got[t * 158 + f]));
          continue;
        }
        EXPECT_EQ(vectors["names"][at], program.names()[f]);
        const double want = values[at++].get<double>(), value = got[t * 158 + f];
        EXPECT_NEAR(value, want, std::max(1e-12, 1e-9 * std::abs(want))) << program.names()[f] << " " << symbol << day;
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 2u * 12 * 157);
}

TEST(Alpha158, IsComputedFromSharedParts) {
  const FactorProgram program(factor_set("alpha158", ""), "");
  EXPECT_EQ(program.num_factors(), 158u);
  EXPECT_EQ(program.look_ahead(), 0);
  EXPECT_LT(program.all_nodes().num_factors(), 420u);
  int64_t back = 0;
  for (size_t f = 0; f < 158; ++f) back = std::max(back, program.look_back(f));
  EXPECT_EQ(back, 60);
}

TEST(Alpha360, ShowsTheLastBars) {
  const std::vector<NamedExpression> set = factor_set("alpha360", "");
  ASSERT_EQ(set.size(), 360u);
  EXPECT_EQ(set[0].name, "CLOSE59");
  EXPECT_EQ(set[59].name, "CLOSE0");
  EXPECT_EQ(set[60].name, "OPEN59");
  EXPECT_EQ(set[300].name, "VOLUME59");
  EXPECT_EQ(set[359].name, "VOLUME0");
  const Panel panel = read_bars("fell.csv");
  const std::vector<double> got = evaluate_factors(FactorProgram(set, ""), panel);
  const size_t t = 200;
  EXPECT_EQ(got[t * 360], panel.close[t - 59] / panel.close[t]);
  EXPECT_EQ(got[t * 360 + 59], 1);
  EXPECT_EQ(got[t * 360 + 61], panel.open[t - 58] / panel.close[t]);
  EXPECT_TRUE(std::isnan(got[t * 360 + 240]));
  EXPECT_EQ(got[t * 360 + 300], panel.volume[t - 59] / (panel.volume[t] + 1e-12));
}

TEST(FactorSets, UnknownOnesAreErrors) {
  try {
    factor_set("alpha185", "s.toml:3: sets");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "s.toml:3: sets: unknown factor set alpha185; did you mean alpha158? There are alpha158 and alpha360");
  }
}

}  // namespace
}  // namespace hadal::market::factors
