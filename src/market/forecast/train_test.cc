#include <gtest/gtest.h>

#include <cstring>

#include "base/json.h"
#include "base/threads.h"
#include "market/forecast/forecaster.h"
#include "market/stats.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

using testing::made_panel;
using testing::MadeSource;
using testing::strategy_of;

const std::string kWindows = "train_days = 100\nvalid_days = 20\ntest_days = 40\nembargo_days = 5\n";

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

TEST(Train, FindsAPlantedSignalAndNothingInNoise) {
  const StrategyFile strategy = strategy_of(kWindows + "penalty = 100\nseeds = [3, 1]\n");
  const ForecastResult found = train(strategy, MadeSource(made_panel(400, 40), 6, 0.15));
  EXPECT_EQ(found.finding, "signal");
  EXPECT_NEAR(found.quality.rank_ic, 0.14, 0.04);
  EXPECT_GT(found.quality.rank_ic, 5 * found.quality.rank_ic_error);
  EXPECT_NE(found.headline.find("above every naive forecaster"), std::string::npos) << found.headline;
  ASSERT_EQ(found.by_seed.size(), 2u);
  EXPECT_EQ(found.by_seed[0].first, 1);
  EXPECT_DOUBLE_EQ(found.by_seed[1].second.rank_ic, found.quality.rank_ic);  // ridge has no chance in it
  ASSERT_EQ(found.baselines.size(), 3u);
  EXPECT_GT(found.quality.mse, 0);

  const ForecastResult noise = train(strategy, MadeSource(made_panel(400, 40), 6, 0));
  EXPECT_EQ(noise.finding, "nothing");
  EXPECT_LT(std::fabs(noise.quality.rank_ic), 3 * noise.quality.rank_ic_error);
  EXPECT_NE(noise.headline.find("nothing found"), std::string::npos) << noise.headline;
}

TEST(Train, ReportsWindowsInSessions) {
  const MadeSource source(made_panel(400, 10), 2, 0);
  const ForecastResult result = train(strategy_of(kWindows), source);
  ASSERT_EQ(result.windows.size(), 7u);  // 125 before the first test; (400 - 125) / 40
  const auto day = [&](size_t t) { return date_text(source.panel_.sessions[t]); };
  EXPECT_EQ(result.windows[0].train_from, day(0));
  EXPECT_EQ(result.windows[0].train_to, day(119));
  EXPECT_EQ(result.windows[0].test_from, day(125));
  EXPECT_EQ(result.windows[6].test_to, day(399));
  EXPECT_EQ(result.windows[6].purged, 2);
  EXPECT_EQ(result.windows[6].rows, 10 * 118);
  EXPECT_TRUE(std::isnan(result.scores[124 * 10]));
  EXPECT_FALSE(std::isnan(result.scores[125 * 10]));
  EXPECT_FALSE(std::isnan(result.scores[399 * 10]));  // no label there, but a forecast
}

TEST(Train, RanksScoresOfARow) {
  const ForecastResult result = train(strategy_of(kWindows), MadeSource(made_panel(200, 4), 2, 0.5));
  std::vector<double> row(result.scores.begin() + 150 * 4, result.scores.begin() + 151 * 4);
  const std::vector<double> own(result.seed_scores[0].begin() + 150 * 4, result.seed_scores[0].begin() + 151 * 4);
  EXPECT_EQ(average_ranks(row), average_ranks(own));
  std::sort(row.begin(), row.end());
  EXPECT_EQ(row, (std::vector<double>{0.25, 0.5, 0.75, 1}));
}

// Whatever comes behind a row: the scores up to it keep their bits. The pause at the end of a training part is where a
// purge by the panel's rows would leak.
TEST(Train, NothingOfTheFutureReachesAScore) {
  Panel panel = made_panel(300, 12);
  testing::pause(panel, 3, 115, 145);
  const std::string process = "[process]\nfeatures = [\"winsorize\", \"cs_winsorize\", \"zscore\", \"fill_zero\"]\n";
  for (const std::string window : {"rolling", "expanding"}) {
    const StrategyFile strategy = strategy_of(kWindows + "penalty = 10\nwindow = \"" + window + "\"\n", process);
    MadeSource source(panel, 4, 0.2);
    for (size_t f = 0; f < source.values.size(); f += 17) source.values[f] = kMissing;
    const ForecastResult before = train(strategy, source);
    for (const size_t last : {125, 130, 164, 170, 250}) {
      MadeSource changed = source;
      Rng rng(last);
      for (size_t at = 0; at < changed.label.size(); ++at) {
        if (at / 12 > last)
          for (size_t f = 0; f < 4; ++f) changed.values[at * 4 + f] = 10 * rng.normal();
        if (changed.ends[at] > last && !std::isnan(changed.label[at])) changed.label[at] = 10 * rng.normal();
      }
      const ForecastResult after = train(strategy, changed);
      const size_t cells = (last + 1) * 12;
      EXPECT_EQ(std::memcmp(before.scores.data(), after.scores.data(), cells * sizeof(double)), 0) << window << last;
      EXPECT_EQ(std::memcmp(before.seed_scores[0].data(), after.seed_scores[0].data(), cells * sizeof(double)), 0);
      EXPECT_FALSE(same_bits(before.seed_scores[0], after.seed_scores[0]));
    }
    // The trap is there: samples more than two rows before the end of a part whose labels reach behind it.
    EXPECT_GE(source.ends[source.panel_.at(114, 3)], 145u);
  }
}

TEST(Train, SameBitsForAnyThreadsAndWhateverIsShared) {
  const StrategyFile strategy = strategy_of(kWindows + "window = \"expanding\"\n");
  const MadeSource source(made_panel(300, 11), 9, 0.1);
  ThreadPool::set_shared_size(1);
  const ForecastResult one = train(strategy, source);
  ThreadPool::set_shared_size(3);
  const ForecastResult three = train(strategy, source);
  EXPECT_TRUE(same_bits(one.seed_scores[0], three.seed_scores[0]));
  TrainOptions options;
  options.only_row = 290;  // the last window alone: no sum of an earlier one is there
  const ForecastResult last = train(strategy, source, options);
  ASSERT_EQ(last.windows.size(), 1u);
  for (size_t at = 290 * 11; at < 300 * 11; ++at) EXPECT_EQ(last.seed_scores[0][at], one.seed_scores[0][at]);
}

// The definition: centred A and y, (A'A + penalty I)^-1 A'y, by Gaussian elimination.
TEST(Train, RidgeIsItsDefinition) {
  const StrategyFile strategy = strategy_of(kWindows + "penalty = 7\n", "[process]\nfeatures = []\nlabel = []\n");
  const size_t n = 6, width = 3;
  MadeSource source(made_panel(150, n), width, 0.3);
  source.values[5 * n * width] = kMissing;  // this sample is left out
  const ForecastResult result = train(strategy, source);
  std::vector<std::vector<double>> rows;
  for (size_t at = 0; at < 118 * n; ++at) {
    std::vector<double> row(source.values.begin() + at * width, source.values.begin() + (at + 1) * width);
    row.push_back(source.label[at]);
    if (!std::isnan(row[0])) rows.push_back(row);
  }
  std::vector<double> mean(width + 1, 0);
  for (const auto& row : rows)
    for (size_t i = 0; i <= width; ++i) mean[i] += row[i] / static_cast<double>(rows.size());
  double a[3][4] = {};
  for (const auto& row : rows)
    for (size_t i = 0; i < width; ++i)
      for (size_t j = 0; j <= width; ++j) a[i][j] += (row[i] - mean[i]) * (row[j] - mean[j]);
  for (size_t i = 0; i < width; ++i) a[i][i] += 7;
  for (size_t i = 0; i < width; ++i) {
    for (size_t k = 0; k < width; ++k) {
      if (k == i) continue;
      const double factor = a[k][i] / a[i][i];
      for (size_t j = 0; j <= width; ++j) a[k][j] -= factor * a[i][j];
    }
  }
  for (size_t at = 125 * n; at < 126 * n; ++at) {
    double forecast = mean[width];
    for (size_t i = 0; i < width; ++i) forecast += a[i][3] / a[i][i] * (source.values[at * width + i] - mean[i]);
    EXPECT_NEAR(result.seed_scores[0][at], forecast, 1e-12);
  }
}

TEST(Train, NaiveForecastersLookAtKnownLabels) {
  Panel panel = made_panel(40, 1);
  testing::pause(panel, 0, 10, 13);
  const MadeSource source(panel, 0, 0);
  ForecastSpec spec;
  spec.season = 3, spec.momentum_bars = 2;
  const forecast::Samples samples(source, {}, {}, false);
  const auto forecasts = [&](const std::string& kind) {
    std::vector<double> out(40);
    forecast::make_naive(kind, spec, source)->predict(samples, {0, 40}, out.data());
    return out;
  };
  const auto naive = forecasts("naive"), seasonal = forecasts("seasonal"), momentum = forecasts("momentum");
  EXPECT_TRUE(std::isnan(naive[1]) && std::isnan(naive[11]));
  EXPECT_EQ(naive[2], source.label[0]);
  EXPECT_EQ(naive[13], source.label[8]);  // two of its own bars before
  EXPECT_EQ(naive[39], source.label[37]);
  EXPECT_EQ(seasonal[9], source.label[6]);  // of bars at most one season before, and known
  EXPECT_EQ(momentum[9], (source.label[7] + source.label[6]) / 2);
  for (size_t t = 0; t < 40; ++t) {
    if (std::isnan(naive[t])) continue;
    EXPECT_LE(source.ends[t >= 13 && t < 15 ? t - 5 : t - 2], t);
  }
}

TEST(Train, AForecasterThatIsNaiveIsNotItsOwnBaseline) {
  const ForecastResult result =
      train(strategy_of("kind = \"momentum\"\n" + kWindows), MadeSource(made_panel(200, 8), 1, 0));
  ASSERT_EQ(result.baselines.size(), 2u);
  EXPECT_EQ(result.baselines[0].first, "naive");
  EXPECT_TRUE(std::isnan(result.quality.mse));
}

TEST(Train, AFactorIsTakenAsItIs) {
  const MadeSource source(made_panel(200, 8), 2, 1.0);
  const ForecastResult result = train(strategy_of("kind = \"factor f0\"\n" + kWindows), source);
  EXPECT_EQ(result.finding, "signal");
  EXPECT_EQ(result.seed_scores[0][150 * 8 + 3], source.values[(150 * 8 + 3) * 2]);
}

TEST(Train, CombinatorialFoldsTestEveryRow) {
  const StrategyFile strategy =
      strategy_of("window = \"combinatorial\"\nfolds = 4\ntest_folds = 2\nembargo_days = 2\n");
  const ForecastResult result = train(strategy, MadeSource(made_panel(120, 10), 2, 0.5));
  EXPECT_EQ(result.windows.size(), 6u);
  EXPECT_TRUE(result.knows_later_data);
  for (const double score : result.scores) EXPECT_TRUE(score > 0 && score <= 1);
  EXPECT_EQ(result.finding, "signal");
}

TEST(Train, StopsAndGoesOn) {
  const Path folder = Path(HADAL_BINARY_DIR) / "market_train_test";
  std::filesystem::remove_all(folder);
  const StrategyFile strategy = strategy_of(kWindows + "seeds = [1, 2]\n");
  const MadeSource source(made_panel(300, 6), 3, 0.2);
  const ForecastResult whole = train(strategy, source);
  const std::atomic<bool> stop = true;
  TrainOptions options;
  options.checkpoints = folder, options.key = "a", options.stop = &stop, options.resume = true;
  int windows = 0;
  options.progress = [&](const std::string&) { ++windows; };
  EXPECT_THROW(train(strategy, source, options), Stopped);
  EXPECT_EQ(windows, 1);
  options.stop = nullptr;
  const MadeSource other(made_panel(300, 6), 3, -0.2);  // what was done is not done again: it would differ
  const ForecastResult resumed = train(strategy, other, options);
  EXPECT_EQ(std::memcmp(resumed.scores.data(), whole.scores.data(), 165 * 6 * sizeof(double)), 0);
  EXPECT_FALSE(same_bits(resumed.scores, whole.scores));
  options.key = "b";  // of something else: nothing is taken
  EXPECT_TRUE(same_bits(train(strategy, source, options).scores, whole.scores));
  write_file_whole(folder / "0000.window", "damaged");
  EXPECT_TRUE(same_bits(train(strategy, source, options).scores, whole.scores));
}

TEST(Train, SaysWhatIsWrong) {
  const auto error_of = [](const StrategyFile& strategy, const MadeSource& source) {
    try {
      train(strategy, source);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  MadeSource source(made_panel(200, 4), 2, 0);
  const std::string none = "[process]\nfeatures = [\"cs_zscore\"]\n";
  for (size_t at = 0; at < source.values.size(); at += 2) source.values[at] = kMissing;
  EXPECT_NE(error_of(strategy_of(kWindows, none), source).find("add \"fill_zero\""), std::string::npos);
  EXPECT_EQ(error_of(strategy_of(kWindows), source), "no error");
  EXPECT_NE(error_of(strategy_of(""), source).find("more than 565 sessions"), std::string::npos);
}

TEST(Train, WritesJsonAndScores) {
  const StrategyFile strategy = strategy_of(kWindows + "seeds = [1, 2]\n");
  const MadeSource source(made_panel(200, 5), 2, 0.2);
  const ForecastResult result = train(strategy, source);
  const OrderedJson json = to_json(result, "runs/x");
  for (const char* key : {"run", "windows", "ic", "ic_error", "icir", "rank_ic", "rank_icir", "by_seed", "baselines",
                          "mse", "mae", "finding"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["windows"][0]["train"][1], result.windows[0].train_to);
  EXPECT_EQ(json["windows"][0]["purged"], 2);
  EXPECT_EQ(json["by_seed"][1]["seed"], 2);
  EXPECT_TRUE(json["baselines"]["seasonal"].contains("rank_ic"));
  const Path file = Path(HADAL_BINARY_DIR) / "market_scores_test.csv";
  write_scores(result, source.panel_, strategy.forecast->seeds, file);
  EXPECT_TRUE(read_file(file).starts_with("date,symbol,score,seed_1,seed_2\n2012-"));
  const std::vector<double> read = read_scores(source.panel_, file);
  for (size_t at = 0; at < read.size(); ++at)
    EXPECT_TRUE(read[at] == result.scores[at] || (std::isnan(read[at]) && std::isnan(result.scores[at])));
  EXPECT_THROW(read_scores(made_panel(100, 5), file), Error);
}

}  // namespace
}  // namespace hadal::market
