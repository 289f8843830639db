// Networks as forecasters of made markets: what they find, what they may not see, stopping and resuming.
#include <gtest/gtest.h>

#include <cstring>

#include "base/testing/scratch.h"
#include "base/threads.h"
#include "market/forecast/forecaster.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

using testing::made_panel;
using testing::MadeSource;
using testing::strategy_of;

const char* const kKinds[] = {"mlp", "transformer", "mixer"};

StrategyFile strategy(const std::string& kind, const std::string& rest = "") {
  std::string keys = "train_days = 100\ntest_days = 40\nembargo_days = 5\nlook_back = 3\nwidth = 16\n";
  if (rest.find("valid_days") == std::string::npos) keys += "valid_days = 20\n";
  if (rest.find("learning_rate") == std::string::npos) keys += "learning_rate = 0.01\n";
  if (rest.find("epochs") == std::string::npos) keys += "epochs = 60\npatience = 10\n";
  return strategy_of("kind = \"" + kind + "\"\n" + keys + rest);
}

// The label is the product of two features, which no linear map of them sees: of the row itself, or of the one before.
MadeSource product_source(size_t rows_before) {
  MadeSource source(made_panel(210, 24), 2, 0);
  const size_t n = 24;
  for (size_t at = rows_before * n; at < source.label.size(); ++at) {
    const double* f = source.values.data() + (at - rows_before * n) * 2;
    source.label[at] += 1.5 * f[0] * f[1];  // a missing label stays so
  }
  return source;
}

TEST(NetworkForecaster, EachKindFindsWhatRidgeCannot) {
  for (const auto& [kind, rows_before] : {std::pair{"mlp", size_t{0}}, {"transformer", 1}, {"mixer", 1}}) {
    const ForecastResult found = train(strategy(kind), product_source(rows_before));
    EXPECT_EQ(found.finding, "signal") << kind << found.headline;
    EXPECT_GT(found.quality.rank_ic, 0.3) << kind;
    ASSERT_EQ(found.baselines.size(), 4u);
    EXPECT_EQ(found.baselines[0].first, "ridge");
    EXPECT_LT(std::fabs(found.baselines[0].second.rank_ic), 0.15);
    EXPECT_NE(found.headline.find("above ridge and every naive forecaster"), std::string::npos) << found.headline;
  }
}

TEST(NetworkForecaster, EachLossLearns) {
  for (const std::string loss : {"mse", "rank", "correlation"}) {
    const ForecastResult found = train(strategy("mlp", "loss = \"" + loss + "\"\n"), product_source(0));
    EXPECT_GT(found.quality.rank_ic, 0.3) << loss;
    EXPECT_EQ(std::isnan(found.quality.mse), loss != "mse") << "scores without the labels' units have no error";
  }
}

TEST(NetworkForecaster, WhatRidgeDoesBetterIsSaidInTheFirstLine) {
  const ForecastResult found =
      train(strategy("mlp", "epochs = 1\nlearning_rate = 1e-6\n"), MadeSource(made_panel(210, 24), 2, 0.5));
  EXPECT_EQ(found.finding, "nothing");
  EXPECT_TRUE(found.headline.starts_with("mlp does not beat ridge: nothing found")) << found.headline;
}

bool same(const std::vector<double>& a, const std::vector<double>& b, size_t count) {
  return std::memcmp(a.data(), b.data(), count * sizeof(double)) == 0;
}

// An instrument that pauses, missing features, one that is listed late.
MadeSource holey_source() {
  Panel panel = made_panel(210, 12);
  testing::pause(panel, 3, 90, 130);
  testing::pause(panel, 7, 0, 140);
  MadeSource source(panel, 3, 0.3);
  for (size_t f = 0; f < source.values.size(); f += 17) source.values[f] = kMissing;
  return source;
}

const std::string kQuick = "epochs = 2\nseeds = [1, 2]\n";

TEST(NetworkForecaster, NothingOfTheFutureReachesAScore) {
  for (const char* kind : kKinds) {
    const StrategyFile s = strategy(kind, kQuick);
    const MadeSource source = holey_source();
    const ForecastResult before = train(s, source);
    for (const size_t last : {126, 166}) {
      MadeSource changed = source;
      Rng rng(last);
      for (size_t at = 0; at < changed.label.size(); ++at) {
        if (at / 12 > last)
          for (size_t f = 0; f < 3; ++f) changed.values[at * 3 + f] = 10 * rng.normal();
        if (changed.ends[at] > last && !std::isnan(changed.label[at])) changed.label[at] = 10 * rng.normal();
      }
      const ForecastResult after = train(s, changed);
      for (size_t seed = 0; seed < 2; ++seed) {
        EXPECT_TRUE(same(before.seed_scores[seed], after.seed_scores[seed], (last + 1) * 12)) << kind << last;
        EXPECT_FALSE(same(before.seed_scores[seed], after.seed_scores[seed], before.scores.size()));
      }
    }
  }
}

TEST(NetworkForecaster, SameBitsForAnyThreadsAndSeedsDiffer) {
  for (const char* kind : kKinds) {
    const StrategyFile s = strategy(kind, kQuick);
    const MadeSource source = holey_source();
    ThreadPool::set_shared_size(1);
    const ForecastResult one = train(s, source);
    ThreadPool::set_shared_size(2);
    const ForecastResult two = train(s, source);
    for (size_t seed = 0; seed < 2; ++seed)
      EXPECT_TRUE(same(one.seed_scores[seed], two.seed_scores[seed], one.scores.size())) << kind;
    EXPECT_FALSE(same(one.seed_scores[0], one.seed_scores[1], one.scores.size())) << kind;
  }
}

TEST(NetworkForecaster, WhatIsNotThereHasNoForecast) {
  StrategyFile s = strategy("mixer", "epochs = 1\n");
  s.process.features = {"cs_zscore"};  // nothing is filled
  const MadeSource source = holey_source();
  const ForecastResult result = train(s, source);
  size_t forecasts = 0;
  for (size_t at = 125 * 12; at < 210 * 12; ++at) {
    const bool all = !std::isnan(source.panel_.close[at]) && !std::isnan(source.values[at * 3]) &&
                     !std::isnan(source.values[at * 3 + 1]) && !std::isnan(source.values[at * 3 + 2]);
    EXPECT_EQ(std::isnan(result.seed_scores[0][at]), !all) << at / 12 << " " << at % 12;
    forecasts += all;
  }
  EXPECT_GT(forecasts, 700u);
}

TEST(NetworkForecaster, AStoppedTrainingGoesOnToTheSameBits) {
  const test::ScratchFolder scratch;
  for (const char* kind : kKinds) {
    const StrategyFile s = strategy(kind, kQuick);
    const MadeSource source = holey_source();
    const ForecastResult whole = train(s, source);
    std::atomic<bool> stop = true;
    TrainOptions options;
    options.checkpoints = scratch / kind, options.key = "a", options.stop = &stop, options.resume = true;
    const std::string said = test::error_of([&] { train(s, source, options); });
    EXPECT_EQ(said, "stopped in s.toml: window 1, seed 1") << kind;
    int64_t folders = 0;
    for (const auto& entry : std::filesystem::directory_iterator(options.checkpoints)) folders += entry.is_directory();
    EXPECT_EQ(folders, 1);
    stop = false;
    const ForecastResult resumed = train(s, source, options);
    EXPECT_TRUE(same(resumed.scores, whole.scores, whole.scores.size())) << kind;
    for (const auto& entry : std::filesystem::directory_iterator(options.checkpoints))
      EXPECT_FALSE(entry.is_directory()) << entry.path() << " is needed no more";
  }
}

TEST(NetworkForecaster, WithoutAValidationPartItTakesAllEpochs) {
  StrategyFile s = strategy("mlp", "valid_days = 0\nepochs = 3\n");
  EXPECT_EQ(train(s, holey_source()).windows.size(), 3u);
  s = strategy_of("kind = \"mlp\"\nwindow = \"combinatorial\"\nfolds = 3\ntest_folds = 1\nepochs = 2\nwidth = 8\n");
  EXPECT_EQ(train(s, holey_source()).windows.size(), 3u);
}

TEST(NetworkForecaster, SaysWhatIsWrong) {
  MadeSource source = holey_source();
  const std::string diverged = test::error_of([&] { train(strategy("mlp", "learning_rate = 1e9\n"), source); });
  EXPECT_NE(diverged.find("s.toml: window 1, seed 1: the loss is not finite"), std::string::npos) << diverged;

  const StrategyFile s = strategy("mixer", "epochs = 1\n");
  forecast::Window window;
  window.train = {{0, 100}}, window.valid = {100, 120}, window.test = {{125, 165}};
  const auto forecaster = forecast::make_forecaster(s, source);
  forecaster->fit(forecast::Samples(source, s.process, window, true), 1, {});
  const MadeSource other(source.panel_, 4, 0);
  std::vector<double> out(40 * 12);
  const std::string features = test::error_of([&] {
    forecaster->predict(forecast::Samples(other, s.process, window, true), {125, 165}, out.data());
  });
  EXPECT_NE(features.find("expected the 3 factors and 12 instruments that the mixer was trained on, found 4 and 12"),
            std::string::npos)
      << features;

  std::fill(source.values.begin(), source.values.end(), kMissing);
  StrategyFile unfilled = s;
  unfilled.process.features = {"cs_zscore"};
  EXPECT_NE(test::error_of([&] { train(unfilled, source); }).find("add \"fill_zero\""), std::string::npos);
}

}  // namespace
}  // namespace hadal::market
