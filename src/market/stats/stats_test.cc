// Statistics against the papers' figures, other programs' figures, and plain oracles.
#include "market/stats.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/testing/scratch.h"

namespace hadal::market {
namespace {

const Path kVectors = Path(HADAL_SOURCE_DIR) / "tests/market/vectors";

Json vectors() { return parse_json(read_file(kVectors / "stats.json"), "stats.json"); }

TrackRecord record_of(const Json& v) { return {v.at("sharpe"), v.at("skew"), v.at("kurtosis"), v.value("T", 0.0)}; }

TEST(Statistics, MeetThePapers) {
  const Json all = vectors();
  for (const Json& v : all.at("expected_max"))
    EXPECT_NEAR(expected_max_sharpe(v.at("N"), 1), v.at("value").get<double>(), 1e-12);
  for (const Json& v : all.at("psr"))
    EXPECT_NEAR(probabilistic_sharpe(record_of(v), v.at("benchmark")), v.at("value").get<double>(), 1e-12);
  for (const Json& v : all.at("dsr"))
    EXPECT_NEAR(deflated_sharpe(record_of(v), v.at("trials"), v.at("trials_sd")), v.at("value").get<double>(), 1e-12);
  for (const Json& v : all.at("min_track_record_periods"))
    EXPECT_NEAR(min_track_record(record_of(v), v.at("benchmark"), v.at("p")), v.at("value").get<double>(), 1e-8);
  const Json& pbo = all.at("pbo");
  const Overfitting found = overfitting_of(read_matrix(kVectors / "trials.csv"), pbo.at("blocks"));
  EXPECT_EQ(found.combinations, pbo.at("combinations").get<int64_t>());
  EXPECT_NEAR(found.pbo, pbo.at("pbo").get<double>(), 1e-12);
  EXPECT_NEAR(found.mean_logit, pbo.at("mean_logit").get<double>(), 1e-10);
}

TEST(Statistics, OfASeries) {
  const Json wanted = vectors().at("series");
  const TryMatrix file = read_matrix(kVectors / "returns.csv");
  ASSERT_EQ(file.num_tries(), 1u);
  const OrderedJson found = statistics_of(file.values, {.periods = wanted.at("periods")}).json();
  for (const char* key : {"mean", "sd", "sharpe", "sharpe_annual", "skew", "kurtosis", "psr", "max_drawdown", "sortino",
                          "var_95", "cvar_95"})
    EXPECT_NEAR(found.at(key).get<double>(), wanted.at(key).get<double>(),
                1e-11 * std::max(1.0, std::abs(wanted.at(key).get<double>())))
        << key;
  EXPECT_EQ(found.at("dsr"), found.at("psr"));  // one trial
  const double low = found.at("sharpe_interval")[0], high = found.at("sharpe_interval")[1];
  EXPECT_LT(low, found.at("sharpe").get<double>());
  EXPECT_GT(high, found.at("sharpe").get<double>());
  EXPECT_NEAR(high - low, 2 * 1.96 / std::sqrt(1509), 0.02);  // its error is about 1 / sqrt(T)
  EXPECT_TRUE(found.at("pbo").is_null());
  EXPECT_GT(found.at("drawdown_days").get<int64_t>(), 100);
}

TEST(Statistics, AreMissingWhereNothingIsDefined) {
  EXPECT_TRUE(std::isnan(moments_of(std::vector<double>{0.1, 0.1, 0.1}).sharpe()));
  EXPECT_TRUE(statistics_of(std::vector<double>(20, 0.1)).json().at("sharpe").is_null());
  EXPECT_TRUE(statistics_of(std::vector<double>{}).json().at("mean").is_null());
  EXPECT_TRUE(std::isnan(min_track_record({.sharpe = 0.1, .length = 100}, 0.2)));
  EXPECT_EQ(expected_max_sharpe(1, 0.5), 0);
  const OrderedJson rising = statistics_of(std::vector<double>{0.1, 0.2, 0.1, 0.3}).json();
  EXPECT_EQ(rising.at("max_drawdown"), 0);
  EXPECT_TRUE(rising.at("calmar").is_null());
  EXPECT_TRUE(rising.at("sortino").is_null());
}

TEST(Statistics, QuantilesOfTheNormalInvertItsDistribution) {
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_NEAR(normal_quantile(1e-10), -6.361340902404056, 1e-12);
  EXPECT_EQ(normal_quantile(0.5), 0);
  for (double p = 0.001; p < 1; p += 0.0071) EXPECT_NEAR(normal_cdf(normal_quantile(p)), p, 1e-15);
}

TEST(Statistics, DrawdownsByHand) {
  const std::vector<double> returns{0.1, -0.5, 0.2, 1.0, -0.1, 0.05, 0.2};
  const Drawdown worst = max_drawdown(returns);  // wealth 1.1 .55 .66 1.32 1.188 1.2474 1.497
  EXPECT_NEAR(worst.depth, -0.5, 1e-15);
  EXPECT_EQ(worst.periods, 2);
  EXPECT_NEAR(max_drawdown(std::vector<double>{-0.2}).depth, -0.2, 1e-15);  // from the 1 that it starts at
}

// The share of intervals that hold the true value must be near their confidence.
TEST(Statistics, BootstrapIntervalsHoldTheTruth) {
  Rng rng(5);
  int held = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<double> returns(250);
    for (double& r : returns) r = 0.1 + rng.normal();
    const Interval interval = sharpe_interval(returns, {.replicas = 300, .seed = static_cast<uint64_t>(round)});
    held += interval.low <= 0.1 && 0.1 <= interval.high;
  }
  EXPECT_GE(held, 85);
  EXPECT_LE(held, 100);
  const std::vector<double> some{0.1, 0.2, -0.1, 0, 0.3, 0.1, -0.2, 0.2, 0.1, 0.05, 0.1};
  EXPECT_EQ(sharpe_interval(some).low, sharpe_interval(some).low);
  EXPECT_NE(sharpe_interval(some).low, sharpe_interval(some, {.seed = 2}).low);
}

TryMatrix random_tries(size_t periods, size_t tries, double skill, uint64_t seed) {
  Rng rng(seed);
  TryMatrix matrix;
  for (size_t k = 0; k < tries; ++k) matrix.names.push_back(fmt::format("{}", k));
  for (size_t t = 0; t < periods; ++t)
    for (size_t k = 0; k < tries; ++k) matrix.values.push_back((k == 3 ? skill : 0) + rng.normal());
  return matrix;
}

TEST(Tries, OverfittingIsLikelyWithoutSkillAndUnlikelyWithIt) {
  double noise = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) noise += overfitting_of(random_tries(320, 10, 0, seed), 8).pbo / 10;
  EXPECT_NEAR(noise, 0.5, 0.2);
  EXPECT_LT(overfitting_of(random_tries(320, 10, 0.5, 1), 8).pbo, 0.02);
  EXPECT_EQ(overfitting_of(random_tries(320, 10, 0.5, 1), 16).combinations, 12870);
  EXPECT_THROW(overfitting_of(random_tries(320, 10, 0, 1), 7), Error);
  EXPECT_THROW(overfitting_of(random_tries(10, 10, 0, 1), 8), Error);
}

TEST(Tries, SuperiorAbilityIsFoundWhereItIs) {
  int rejected = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const SuperiorAbility none = superior_ability(random_tries(250, 8, 0, seed), {.replicas = 200, .seed = seed});
    EXPECT_LE(none.lower, none.consistent);
    EXPECT_LE(none.consistent, none.upper);
    rejected += none.consistent < 0.1;
  }
  EXPECT_LE(rejected, 12);  // a tenth of 40 is to be expected
  const SuperiorAbility some = superior_ability(random_tries(250, 8, 0.3, 1));
  EXPECT_LT(some.upper, 0.01);
  EXPECT_EQ(some.best, 3u);
}

TEST(Tries, FilesAreReadWithAndWithoutHeadersAndDates) {
  const Path path = Path(testing::TempDir()) / "stats_test.csv";
  write_file_whole(path, "date,a,b\n2014-01-02,0.1,-2e-3\n2014-01-03,0.2,0.5\n");
  const TryMatrix dated = read_matrix(path);
  EXPECT_EQ(dated.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(dated.values, (std::vector<double>{0.1, -0.002, 0.2, 0.5}));
  write_file_whole(path, "0.1\n0.2\n");
  EXPECT_EQ(read_matrix(path).values, (std::vector<double>{0.1, 0.2}));
  const auto error = [&](const std::string& text) {
    write_file_whole(path, text);
    try {
      read_matrix(path);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(error("r\n0.1\nx\n").find("stats_test.csv:3: column 1: expected a number, found x"), std::string::npos);
  EXPECT_NE(error("a,b\n1,2\n3\n").find("stats_test.csv:3: expected 2 columns, found 1"), std::string::npos);
  EXPECT_NE(error("r\n0.1\nnan\n").find(":3:"), std::string::npos);
  EXPECT_NE(error("").find("found none"), std::string::npos);
}

TEST(Forecasts, CorrelationsAndRanks) {
  const double none = kMissing;
  const std::vector<double> x{3, none, 1, 2, 2, 9}, y{2, 5, 1, 1.5, none, 4};
  EXPECT_NEAR(pearson(x, y), 14.125 / std::sqrt(38.75 * 5.1875), 1e-14);
  EXPECT_EQ(spearman(x, y), 1);
  const std::vector<double> ranks = average_ranks(x);
  EXPECT_EQ(ranks[0], 4);
  EXPECT_TRUE(std::isnan(ranks[1]));
  EXPECT_EQ(ranks[3], 2.5);
  EXPECT_EQ(ranks[4], 2.5);
  EXPECT_TRUE(std::isnan(pearson(std::vector<double>{1, 1, 1}, std::vector<double>{1, 2, 3})));
  // Two times of three instruments.
  const std::vector<double> scores{1, 2, 3, 3, 2, 1}, labels{1, 2, 3, 1, 2, 3};
  EXPECT_EQ(ic_series(scores, labels, 3, IcKind::rank), (std::vector<double>{1, -1}));
}

TEST(Forecasts, NeweyWestByHand) {
  const std::vector<double> values{1, 3, 2, 6};  // about 3: -2 0 -1 3
  EXPECT_NEAR(newey_west_error(values, 0), std::sqrt(14.0 / 4 / 4), 1e-15);
  // gamma 1 = (0 + 0 - 3) / 4, weighed 2 * 1/2
  EXPECT_NEAR(newey_west_error(values, 1), std::sqrt((14.0 / 4 - 3.0 / 4) / 4), 1e-15);
  const IcSummary summary = summarize_ic(std::vector<double>{1, kMissing, 3, 2, 6}, 1);
  EXPECT_EQ(summary.count, 4);
  EXPECT_EQ(summary.mean, 3);
  EXPECT_NEAR(summary.icir, 3 / std::sqrt(14.0 / 3), 1e-15);
  EXPECT_NEAR(summary.error, newey_west_error(values, 1), 0);
}

TEST(Forecasts, DecayQuantilesAndTurnover) {
  // The score is the return two rows later.
  Rng rng(9);
  std::vector<double> returns(50 * 8);
  for (double& r : returns) r = rng.normal();
  std::vector<double> scores(returns.size(), kMissing);
  for (size_t i = 0; i + 16 < returns.size(); ++i) scores[i] = returns[i + 16];
  const auto decay = ic_decay(scores, returns, 8, 3);
  EXPECT_NEAR(decay[1], 1, 1e-12);
  EXPECT_LT(std::abs(decay[0]), 0.3);
  const auto split = quantile_returns(std::vector<double>{1, 2, 3, 4}, std::vector<double>{10, 20, 30, 50}, 4, 2);
  EXPECT_EQ(split.means, (std::vector<double>{15, 40}));
  EXPECT_EQ(split.spread, (std::vector<double>{25}));
  EXPECT_EQ(turnover(std::vector<double>{0.5, 0.5, 0, 0, 0.5, 0.5}, 3), (std::vector<double>{0.5}));
}

TEST(Forecasts, AlphaAndBeta) {
  Rng rng(2);
  std::vector<double> market(5000), fund(5000);
  for (size_t t = 0; t < market.size(); ++t) {
    market[t] = 0.01 * rng.normal();
    fund[t] = 0.001 + 1.5 * market[t] + 0.005 * rng.normal();
  }
  const Regression fit = alpha_beta(fund, market);
  EXPECT_NEAR(fit.alpha_error, 0.005 / std::sqrt(5000), 5e-6);
  EXPECT_NEAR(fit.beta_error, 0.5 / std::sqrt(5000), 5e-4);
  EXPECT_NEAR(fit.alpha, 0.001, 4 * fit.alpha_error);
  EXPECT_NEAR(fit.beta, 1.5, 4 * fit.beta_error);
  EXPECT_NEAR(fit.r_squared, 0.9, 0.01);
}

TEST(Statistics, ALossOfEverythingEndsTheSeries) {
  std::vector<double> returns(200, 0.02);
  for (size_t i = 0; i < returns.size(); i += 2) returns[i] = 0.01;
  const ReturnStatistics before = statistics_of(returns);
  EXPECT_FALSE(before.ruined);
  EXPECT_GT(before.psr, 0.99);
  EXPECT_TRUE(before.json().at("missing_because").is_null());
  returns.push_back(-1.2);
  const ReturnStatistics ruined = statistics_of(returns);
  std::vector<double> longer = returns;
  longer.insert(longer.end(), 1000, 0.5);
  const OrderedJson found = statistics_of(longer).json();
  EXPECT_EQ(found, ruined.json()) << "nothing counts behind it";
  EXPECT_EQ(found.at("length"), 201);
  for (const char* key : {"psr", "dsr", "sharpe_interval", "min_track_record", "min_backtest_length", "calmar"})
    EXPECT_TRUE(found.at(key).is_null()) << key;
  EXPECT_HAS(found.at("missing_because").get<std::string>(), "all was lost");
  EXPECT_NEAR(found.at("max_drawdown").get<double>(), -1.2, 1e-12);
}

}  // namespace
}  // namespace hadal::market
