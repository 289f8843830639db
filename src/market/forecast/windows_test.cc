#include "market/forecast/windows.h"

#include <gtest/gtest.h>

#include "market/forecast/samples.h"
#include "market/testing/made_source.h"

namespace hadal::market::forecast {
namespace {

using market::testing::made_panel;
using market::testing::MadeSource;

std::vector<size_t> starts_of(size_t num_sessions) {
  return session_starts(made_panel(num_sessions, 1), {0, num_sessions});
}

TEST(Windows, RollByTheTestPartAndEndShort) {
  const auto windows = make_windows(ForecastSpec{}, starts_of(1000), true, "s");
  ASSERT_EQ(windows.size(), 4u);
  EXPECT_EQ(windows[0].train, (std::vector<RowRange>{{0, 560}}));
  EXPECT_EQ(windows[0].test, (std::vector<RowRange>{{565, 685}}));
  EXPECT_EQ(windows[3].train, (std::vector<RowRange>{{360, 920}}));
  EXPECT_EQ(windows[3].test, (std::vector<RowRange>{{925, 1000}}));
  EXPECT_EQ(windows[3].valid.size(), 0u);
}

TEST(Windows, KeepTheValidationPartApartAndExpand) {
  ForecastSpec spec;
  spec.window = "expanding";
  const auto windows = make_windows(spec, starts_of(686), false, "s");
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[1].train, (std::vector<RowRange>{{0, 620}}));
  EXPECT_EQ(windows[1].valid, (RowRange{620, 680}));
  EXPECT_EQ(windows[1].test, (std::vector<RowRange>{{685, 686}}));
}

TEST(Windows, NeedEnoughSessions) {
  try {
    make_windows(ForecastSpec{}, starts_of(565), true, "s.toml");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("more than 565 sessions"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("found 565"), std::string::npos) << e.what();
  }
}

TEST(Windows, CountSessionsNotRows) {
  Panel panel = made_panel(40, 1);
  for (size_t t = 0; t < 40; ++t) panel.sessions[t] = panel.sessions[t / 4 * 4];  // four bars a session
  EXPECT_EQ(session_starts(panel, {2, 11}), (std::vector<size_t>{2, 4, 8, 11}));
}

TEST(Windows, CombineFoldsPurgedAndWithEmbargo) {
  ForecastSpec spec;
  spec.window = "combinatorial";
  spec.folds = 6, spec.test_folds = 2, spec.embargo_days = 3;
  const auto windows = make_windows(spec, starts_of(120), true, "s");
  ASSERT_EQ(windows.size(), 15u);
  std::vector<int> tested(120, 0);
  for (const Window& window : windows) {
    std::vector<char> kind(120, '.');
    for (const auto& part : window.test)
      for (size_t t = part.first; t < part.last; ++t) kind[t] = 't', ++tested[t];
    for (const auto& part : window.train) {
      for (size_t t = part.first; t < part.last; ++t) {
        EXPECT_EQ(kind[t], '.');
        for (size_t back = 1; back <= 3 && back <= t; ++back) EXPECT_NE(kind[t - back], 't') << t;
        kind[t] = 'r';
      }
    }
  }
  for (const int count : tested) EXPECT_EQ(count, 5);
}

// A pausing instrument: the label of its last two bars before the pause reads bars behind it.
TEST(Samples, PurgeByTheInstrumentsOwnNextBars) {
  Panel panel = made_panel(100, 5);
  market::testing::pause(panel, 3, 40, 70);
  const MadeSource source(panel, 1, 0);
  const Samples samples(source, {{}, {"cs_rank"}}, {{{0, 50}}, {}, {{55, 100}}}, false);
  EXPECT_EQ(samples.purged_sessions(), 4);  // 38 and 39 of instrument 3, 48 and 49 of all others
  EXPECT_EQ(samples.num_rows(), 4 * 48 + 38);
  EXPECT_TRUE(std::isnan(samples.label(39, 3)));
  EXPECT_TRUE(std::isnan(samples.label(48, 0)));
  EXPECT_FALSE(samples.shareable(39));
  EXPECT_TRUE(samples.shareable(37));
  // Ranked after the purge: of four, not of five.
  std::vector<double> ranks;
  for (size_t i : {0, 1, 2, 4}) ranks.push_back(samples.label(39, i));
  std::sort(ranks.begin(), ranks.end());
  EXPECT_EQ(ranks, (std::vector<double>{-0.375, -0.125, 0.125, 0.375}));
}

TEST(Samples, LeaveOutWhatIsNotInTheUniverse) {
  Panel panel = made_panel(20, 3);
  panel.member[panel.at(5, 1)] = 0;
  const MadeSource source(panel, 2, 0);
  const Samples samples(source, {{"fill_zero"}, {}}, {{{0, 10}}, {}, {}}, true);
  EXPECT_EQ(samples.num_rows(), 3 * 8 - 1);
  std::vector<double> values;
  samples.features({5, 6}, values);
  ASSERT_EQ(values.size(), 6u);
  EXPECT_TRUE(std::isnan(values[2]) && std::isnan(values[3]));
  EXPECT_EQ(values[4], source.values[source.panel_.at(5, 2) * 2]);
}

TEST(Samples, FitStepsWithAStateInTheTrainingPart) {
  Panel panel = made_panel(30, 4);
  MadeSource source(panel, 1, 0);
  const auto processed = [&] {
    const Samples samples(source, {{"winsorize", "zscore"}, {}}, {{{0, 20}}, {}, {}}, true);
    std::vector<double> values;
    samples.features({0, 30}, values);
    return values;
  };
  const std::vector<double> before = processed();
  double sum = 0, squares = 0;
  for (size_t at = 0; at < 18 * 4; ++at) sum += before[at], squares += before[at] * before[at];  // 18: purged
  EXPECT_NEAR(sum, 0, 1e-12);
  EXPECT_NEAR(squares, 71, 1e-10);
  for (size_t at = 20 * 4; at < 30 * 4; ++at) source.values[at] += 5;  // behind it: nothing is fitted there
  const std::vector<double> after = processed();
  for (size_t at = 0; at < 20 * 4; ++at) EXPECT_EQ(before[at], after[at]);
  EXPECT_NE(before[21 * 4], after[21 * 4]);
}

}  // namespace
}  // namespace hadal::market::forecast
