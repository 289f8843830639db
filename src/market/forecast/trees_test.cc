#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/testing/scratch.h"
#include "base/threads.h"
#include "market/forecast/forecaster.h"
#include "market/forecast/trees.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

using testing::made_panel;
using testing::MadeSource;
using testing::strategy_of;

const std::string kWindows = "train_days = 100\nvalid_days = 20\ntest_days = 60\nembargo_days = 5\n";
const std::string kFew = "kind = \"trees\"\n" + kWindows + "rounds = 80\nleaf_samples = 50\nlearning_rate = 0.1\n";
const std::string kTrees = kFew + "column_sample = 1\n";

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

// The label is the product of the first two features, which says nothing linear, and noise.
MadeSource product_source(size_t num_times, size_t num_instruments, size_t num_features, double signal = 1) {
  MadeSource source(made_panel(num_times, num_instruments), num_features, 0);
  for (size_t at = 0; at < source.label.size(); ++at)
    source.label[at] += signal * source.values[at * num_features] * source.values[at * num_features + 1];
  return source;
}

std::string error_of(const StrategyFile& strategy, const MadeSource& source) {
  return test::error_of([&] { train(strategy, source); });
}

TEST(Trees, LearnAProductThatRidgeCannot) {
  const MadeSource source = product_source(250, 30, 4);
  const ForecastResult trees = train(strategy_of(kTrees + "seeds = [1, 2]\n"), source);
  const ForecastResult ridge = train(strategy_of(kWindows), source);
  EXPECT_GT(trees.quality.rank_ic, 0.4);
  EXPECT_EQ(trees.finding, "signal");
  EXPECT_LT(std::fabs(ridge.quality.rank_ic), 0.1);
  EXPECT_LT(trees.quality.mse, ridge.quality.mse);
  EXPECT_FALSE(same_bits(trees.seed_scores[0], trees.seed_scores[1]));  // each seed draws its own samples
  EXPECT_GE(trees.quality.rank_ic, std::min(trees.by_seed[0].second.rank_ic, trees.by_seed[1].second.rank_ic));
}

TEST(Trees, FindNothingInNoise) {
  const ForecastResult noise = train(strategy_of(kTrees), MadeSource(made_panel(250, 30), 4, 0));
  EXPECT_LT(std::fabs(noise.quality.rank_ic), 3 * noise.quality.rank_ic_error);
}

TEST(Trees, SameBitsForAnyThreads) {
  MadeSource source = product_source(120, 40, 9);
  for (size_t f = 0; f < source.values.size(); f += 5) source.values[f] = kMissing;
  const forecast::Samples samples(source, {{"zscore"}, {}}, {{{0, 120}}, {}, {}}, true);  // labels of any digits
  const TreesSpec spec{.rounds = 8, .leaf_samples = 20, .learning_rate = 0.1, .column_sample = 0.5};
  forecast::SampleBlocks blocks(samples, {{0, 120}});
  std::vector<double> labels;
  std::vector<float> features, first;
  while (blocks.next()) {
    labels.insert(labels.end(), blocks.labels().begin(), blocks.labels().end());
    features.insert(features.end(), blocks.features().begin(), blocks.features().end());
  }
  for (double& label : labels) label /= 16;
  for (const int threads : {1, 2, 3}) {
    forecast::Trees trees(spec, 7, blocks, threads, "s.toml");
    for (int64_t round = 0; round < spec.rounds; ++round) ASSERT_TRUE(trees.boost(labels));
    const auto sums = trees.sums(features, 0, spec.rounds);
    if (threads == 1) first.assign(sums.begin(), sums.end());
    EXPECT_EQ(std::memcmp(sums.data(), first.data(), first.size() * sizeof(float)), 0) << threads;
  }
  EXPECT_GT(*std::max_element(first.begin(), first.end()), 0);
}

// Whether one thread processes samples or three.
TEST(Trees, SameBitsForAnyPool) {
  MadeSource source = product_source(200, 10, 4);
  for (size_t f = 0; f < source.values.size(); f += 3) source.values[f] = kMissing;
  const StrategyFile strategy = strategy_of(kTrees, "[process]\nfeatures = [\"zscore\"]\n");
  std::vector<double> first;
  for (const int threads : {1, 3}) {
    ThreadPool::set_shared_size(threads);
    const ForecastResult result = train(strategy, source);
    if (threads == 1) first = result.seed_scores[0];
    EXPECT_TRUE(same_bits(result.seed_scores[0], first)) << threads;
  }
  ThreadPool::set_shared_size(2);
}

// Noise is learnt by heart: the validation part must end it, and the best round's trees forecast.
TEST(Trees, StopEarlyAtTheBestRound) {
  const MadeSource source = product_source(200, 20, 6, 0.3);
  const std::string base =
      "kind = \"trees\"\ntrain_days = 100\ntest_days = 60\nlearning_rate = 0.3\nleaf_samples = 5\ndepth = 5\n"
      "column_sample = 1\n";
  const ForecastResult stopped =
      train(strategy_of(base + "valid_days = 20\nembargo_days = 5\nrounds = 400\nearly_stop_rounds = 10\n"), source);
  const ForecastResult fixed = train(strategy_of(base + "valid_days = 0\nembargo_days = 25\nrounds = 400\n"), source);
  EXPECT_EQ(stopped.windows[0].test_from, fixed.windows[0].test_from);
  EXPECT_LT(stopped.quality.mse, 0.8 * fixed.quality.mse);
  // However long it waits, the best round is the same one.
  const ForecastResult patient =
      train(strategy_of(base + "valid_days = 20\nembargo_days = 5\nrounds = 40\nearly_stop_rounds = 40\n"), source);
  const ForecastResult hasty =
      train(strategy_of(base + "valid_days = 20\nembargo_days = 5\nrounds = 41\nearly_stop_rounds = 41\n"), source);
  EXPECT_TRUE(same_bits(patient.seed_scores[0], hasty.seed_scores[0]));
}

TEST(Trees, MissingFeaturesStayMissing) {
  MadeSource source = product_source(200, 20, 3);
  // The third feature is there exactly where the label is high: only who sees what is missing can learn it.
  for (size_t at = 0; at < source.label.size(); ++at)
    if (!(source.label[at] > 0)) source.values[at * 3 + 2] = kMissing;
  const size_t gone = 150 * 20 + 4;
  for (size_t f = 0; f < 3; ++f) source.values[gone * 3 + f] = kMissing;
  const ForecastResult result = train(strategy_of(kTrees, "[process]\nfeatures = []\n"), source);
  EXPECT_GT(result.quality.rank_ic, 0.7);
  EXPECT_TRUE(std::isnan(result.scores[gone]));  // nothing is known of it
  EXPECT_FALSE(std::isnan(result.scores[gone + 1]));
}

TEST(Trees, BearAnyScaleOfValues) {
  MadeSource source = product_source(200, 20, 3);
  const std::string process = "[process]\nfeatures = []\nlabel = []\n";
  const ForecastResult plain = train(strategy_of(kTrees, process), source);
  for (double& label : source.label) label = label * 0x1p-200;
  for (size_t at = 0; at < source.label.size(); ++at) source.values[at * 3 + 2] *= 1e300;
  const ForecastResult tiny = train(strategy_of(kTrees, process), source);
  EXPECT_NEAR(tiny.quality.rank_ic, plain.quality.rank_ic, 0.1);
  EXPECT_NEAR(tiny.quality.mse * 0x1p400, plain.quality.mse, 0.2);
}

TEST(Trees, ConstantLabelsAndSingleRows) {
  MadeSource source = product_source(200, 5, 3);
  const std::string one = "kind = \"trees\"\ntrain_days = 3\nvalid_days = 0\nembargo_days = 2\ntest_days = 150\n";
  const ForecastResult single = train(strategy_of(one), source);
  EXPECT_EQ(single.windows[0].rows, 5);  // two of three rows are purged
  for (size_t at = 5 * 5; at < 155 * 5; ++at) EXPECT_FALSE(std::isnan(single.scores[at]));
  for (double& label : source.label)
    if (!std::isnan(label)) label = 3;
  const ForecastResult constant = train(strategy_of(kTrees, "[process]\nlabel = []\n"), source);
  EXPECT_EQ(constant.seed_scores[0][130 * 5], 3);
  EXPECT_EQ(constant.quality.mse, 0);
  EXPECT_EQ(constant.finding, "nothing");
}

TEST(Trees, StopBetweenRoundsAndGoOnAfterTheWindowsThatAreDone) {
  const Path folder = Path(HADAL_BINARY_DIR) / "market_trees_test";
  std::filesystem::remove_all(folder);
  const MadeSource source = product_source(250, 8, 3);
  const StrategyFile strategy = strategy_of(kTrees);
  const ForecastResult whole = train(strategy, source);
  ASSERT_EQ(whole.windows.size(), 3u);
  std::atomic<bool> stop = false;
  TrainOptions options;
  options.checkpoints = folder, options.key = "a", options.stop = &stop, options.resume = true;
  options.progress = [&](const std::string&) { stop = true; };
  EXPECT_THROW(train(strategy, source, options), Stopped);  // after the first window
  EXPECT_TRUE(std::filesystem::exists(folder / "0000.window"));
  options.progress = nullptr;
  EXPECT_THROW(train(strategy, source, options), Stopped);  // in a round of the second one
  EXPECT_FALSE(std::filesystem::exists(folder / "0001.window"));
  stop = false;
  EXPECT_TRUE(same_bits(train(strategy, source, options).scores, whole.scores));
}

TEST(Trees, SayWhatIsWrongAndNothingElse) {
  const MadeSource source = product_source(200, 4, 2);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const std::string blind = "kind = \"trees\"\ntrain_days = 100\nvalid_days = 2\n";
  EXPECT_NE(error_of(strategy_of(blind), source).find("s.toml: trees: expected samples in each validation part"),
            std::string::npos);
  MadeSource empty = source;
  std::fill(empty.values.begin(), empty.values.end(), kMissing);
  EXPECT_NE(error_of(strategy_of(kTrees, "[process]\nfeatures = []\n"), empty).find("found none in a training part"),
            std::string::npos);
  MadeSource twice = source;
  for (size_t f = 0; f < twice.values.size(); f += 2) twice.values[f + 1] = twice.values[f];
  EXPECT_NE(error_of(strategy_of(kTrees + "penalty = 0\n", "[process]\nfeatures = []\n"), twice)
                .find("s.toml: the baseline that the trees must beat: ridge: expected features that do not depend"),
            std::string::npos);
  EXPECT_EQ(error_of(strategy_of(kTrees + "leaf_penalty = 1e30\n"), source), "");
  EXPECT_EQ(::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace hadal::market
