#include "market/portfolio/qp_portfolio.h"

#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "base/threads.h"
#include "market/backtest.h"
#include "market/lookahead.h"
#include "market/stats.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

using hadal::test::error_of;
using hadal::test::ScratchFolder;
using testing::made_panel;
using testing::MadeSource;

constexpr double kDigits = 1e-7;  // targets have 8 after the point

// Every instrument moves with the first one.
Panel common_panel(size_t times, size_t instruments, uint64_t seed = 1) {
  Panel panel = made_panel(times, instruments, seed);
  for (size_t t = 0; t < times; ++t)
    for (size_t i = 1; i < instruments; ++i) panel.close[panel.at(t, i)] *= panel.close[panel.at(t, 0)] / 100;
  panel.open = panel.high = panel.low = panel.close;
  return panel;
}

std::vector<double> scores_of(const MadeSource& source) {  // the first feature
  std::vector<double> scores;
  for (size_t at = 0; at < source.panel().close.size(); ++at) scores.push_back(source.values[at * source.names.size()]);
  return scores;
}

PortfolioSpec qp_spec(int64_t days) {
  PortfolioSpec spec;
  spec.kind = "qp";
  spec.count = 0;
  spec.risk.days = days;
  spec.risk.factors = 3;
  return spec;
}

std::vector<Rebalance> decisions(const PortfolioSpec& spec, const MadeSource& source) {
  PortfolioPolicy policy(spec, "s.toml");
  return rebalances_of(policy, source, scores_of(source), {0, source.panel().num_times()});
}

std::vector<double> weights_of(const Rebalance& rebalance, size_t n) {
  std::vector<double> weights(n);
  for (const TargetWeight& target : rebalance.targets) weights[target.instrument] = target.weight.to_double();
  return weights;
}

// The condition of an optimum with a budget alone: one multiplier for all. Mean and covariance by their definitions.
TEST(QpPortfolio, SolvesWhatItsHeaderSays) {
  const size_t n = 6, days = 40;
  const MadeSource source(common_panel(60, n), 1, 0);
  PortfolioSpec spec = qp_spec(days);
  spec.risk.covariance = "ledoit_wolf";
  spec.rebalance_days = 4;
  spec.qp.lower = -100, spec.qp.upper = 100;
  spec.qp.benchmark = "equal";
  spec.qp.alpha = 0.07, spec.qp.risk_aversion = 30, spec.qp.quadratic_cost = 0.001;
  const std::vector<Rebalance> found = decisions(spec, source);
  ASSERT_EQ(found.size(), 5u);
  EXPECT_EQ(found[0].row, 40u);
  const std::vector<double> w = weights_of(found[0], n);
  const std::vector<uint32_t> all = {0, 1, 2, 3, 4, 5};
  const std::vector<double> c = ledoit_wolf(past_returns(source.panel(), 40, all, days).values, days).covariance;
  double sum = 0, first = 0;
  for (size_t i = 0; i < n; ++i) {
    size_t rank = 1;  // from 1 on: mean 3.5, variance 35/12
    for (size_t j = 0; j < n; ++j) rank += source.values[40 * n + j] < source.values[40 * n + i];
    double gradient =
        0.07 * std::sqrt(4 * c[i * n + i]) * (static_cast<double>(rank) - 3.5) / std::sqrt(35.0 / 12) - 0.002 * w[i];
    for (size_t j = 0; j < n; ++j) gradient -= 30 * 4 * c[i * n + j] * (w[j] - 1.0 / n);
    if (i == 0) first = gradient;
    EXPECT_NEAR(gradient, first, 1e-8) << i;
    sum += w[i];
  }
  EXPECT_NEAR(sum, 1, kDigits);
}

TEST(QpPortfolio, WithoutAnOpinionItHoldsTheBenchmark) {
  const MadeSource source(common_panel(60, 8), 1, 0);
  PortfolioSpec spec = qp_spec(30);
  spec.qp.alpha = 0;
  spec.qp.benchmark = "equal";
  for (const Rebalance& rebalance : decisions(spec, source))
    for (const double weight : weights_of(rebalance, 8)) EXPECT_NEAR(weight, 0.125, kDigits);
}

TEST(QpPortfolio, HoldsAmongSoManyOfTheBest) {
  const MadeSource source(common_panel(60, 8), 1, 0);
  PortfolioSpec spec = qp_spec(30);
  spec.count = 3;
  spec.qp.alpha = 0;
  spec.qp.benchmark = "equal";
  const std::vector<double> scores = scores_of(source);
  for (const Rebalance& rebalance : decisions(spec, source)) {
    const std::vector<double> w = weights_of(rebalance, 8);
    for (size_t i = 0; i < 8; ++i) {
      size_t better = 0;
      for (size_t j = 0; j < 8; ++j) better += scores[rebalance.row * 8 + j] > scores[rebalance.row * 8 + i];
      EXPECT_NEAR(w[i], better < 3 ? 1.0 / 3 : 0, kDigits) << i;
    }
  }
}

TEST(QpPortfolio, WhoJoinsTheBenchmarkIsBoughtAboveTheTurnover) {
  Panel panel = common_panel(90, 6);
  testing::pause(panel, 5, 0, 30);
  const MadeSource source(panel, 1, 0);
  PortfolioSpec spec = qp_spec(30);
  spec.qp.benchmark = "equal";
  spec.qp.active = 0.05, spec.qp.turnover = 0.05;
  bool joined = false;
  for (const Rebalance& rebalance : decisions(spec, source)) {
    const std::vector<double> w = weights_of(rebalance, 6);
    const bool there = w[5] > 0;
    for (size_t i = 0; i < (there ? 6 : 5); ++i) EXPECT_NEAR(w[i], there ? 1.0 / 6 : 0.2, 0.05 + kDigits);
    joined = joined || there;
  }
  EXPECT_TRUE(joined);
}

TEST(QpPortfolio, WhatCostsMoreThanItGainsIsNotTraded) {
  const MadeSource source(common_panel(40, 4), 1, 0);
  PortfolioSpec spec = qp_spec(30);
  spec.qp.cost_bps = 10'000;
  const std::vector<Rebalance> found = decisions(spec, source);
  ASSERT_EQ(found.size(), 10u);
  const Panel& panel = source.panel();
  std::vector<double> held = weights_of(found[0], 4);
  for (size_t k = 1; k < found.size(); ++k) {
    double total = 0;
    for (size_t i = 0; i < 4; ++i) {
      held[i] *= panel.close[panel.at(found[k].row, i)] / panel.close[panel.at(found[k].row - 1, i)];
      total += held[i];
    }
    const std::vector<double> w = weights_of(found[k], 4);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(w[i], held[i] / total, kDigits) << k;
    held = w;
  }
}

struct AllLimits {
  ScratchFolder folder;
  PortfolioSpec spec = qp_spec(30);
  AllLimits() {
    std::string groups = "symbol,group\n", weights = "date,symbol,weight\n";
    for (size_t i = 0; i < 20; ++i) {
      groups += fmt::format("S{},{}\n", 100 + i, i < 8 ? "tech" : "other");
      weights += fmt::format("2012-01-02,S{},{}\n", 100 + i, 1 + i % 3);
    }
    write_file_whole(folder / "groups.csv", groups);
    write_file_whole(folder / "index.csv", weights);
    spec.qp.cost_bps = 5;
    spec.qp.risk_aversion = 1;
    spec.qp.upper = 0.09, spec.qp.active = 0.04, spec.qp.turnover = 0.2, spec.qp.leverage = 1;
    spec.qp.benchmark = "file", spec.qp.benchmark_file = folder / "index.csv";
    spec.qp.groups = folder / "groups.csv";
    spec.qp.group_limits = {{"tech", 0.3, 0.41}};
    spec.qp.factor_limits = {{"f1", -0.1, 0.05}};
  }
};

TEST(QpPortfolio, RespectsEveryLimitOfEachDay) {
  const size_t n = 20;
  Panel panel = common_panel(130, n);
  testing::pause(panel, 3, 60, 61);  // it must be sold and may come back
  const MadeSource source(panel, 2, 0);
  AllLimits limits;
  PortfolioPolicy policy(limits.spec, "s.toml");
  const std::vector<double> scores = scores_of(source);
  std::vector<double> held;
  size_t at_turnover = 0, at_active = 0, at_group = 0, at_factor = 0;
  for (size_t row = 0; row < panel.num_times(); ++row) {
    const auto rebalance = policy.decide(source, row, std::span(scores).subspan(row * n, n));
    ASSERT_EQ(rebalance.has_value(), row >= 30) << row;
    if (!rebalance) continue;
    const std::vector<double> w = weights_of(*rebalance, n);
    double sum = 0, tech = 0, turnover = 0, total = 0, exposure = 0, mean = 0, squares = 0, weight_sum = 0, left = 0;
    std::vector<double> b(n);
    for (size_t i = 0; i < n; ++i) {
      b[i] = i == 3 && row == 60 ? 0 : 1 + static_cast<double>(i % 3);
      weight_sum += b[i];
      const double value = source.values[panel.at(row, i) * 2 + 1];
      if (b[i] > 0) mean += value / (row == 60 ? 19 : 20);
      if (held.empty()) continue;
      if (row != 60 || i != 3)
        held[i] *= panel.close[panel.at(row, i)] / panel.close[panel.at(row == 61 && i == 3 ? 59 : row - 1, i)];
      total += held[i];
    }
    for (size_t i = 0; i < n; ++i)
      squares += b[i] > 0 ? std::pow(source.values[panel.at(row, i) * 2 + 1] - mean, 2) : 0;
    for (size_t i = 0; i < n; ++i) {
      b[i] /= weight_sum;
      sum += w[i];
      if (i < 8) tech += w[i];
      if (b[i] == 0) {
        EXPECT_EQ(w[i], 0);
        if (!held.empty()) left = held[i] / total;
        continue;
      }
      if (!held.empty()) turnover += std::fabs(w[i] - held[i] / total);
      exposure +=
          (w[i] - b[i]) * (source.values[panel.at(row, i) * 2 + 1] - mean) / std::sqrt(squares / (row == 60 ? 19 : 20));
      EXPECT_GE(w[i], 0);
      EXPECT_LE(w[i], 0.09 + kDigits);
      EXPECT_LE(std::fabs(w[i] - b[i]), 0.04 + kDigits);
      at_active += std::fabs(w[i] - b[i]) > 0.04 - kDigits;
    }
    EXPECT_NEAR(sum, 1, kDigits);
    EXPECT_GE(tech, 0.3 - kDigits);
    EXPECT_LE(tech, 0.41 + kDigits);
    EXPECT_LE(turnover, 0.2 + left + kDigits) << row;
    EXPECT_GE(exposure, -0.1 - kDigits);
    EXPECT_LE(exposure, 0.05 + kDigits);
    at_turnover += turnover > 0.2 - kDigits;
    at_group += tech < 0.3 + kDigits || tech > 0.41 - kDigits;
    at_factor += exposure > 0.05 - kDigits || exposure < -0.1 + kDigits;
    held = w;
  }
  // Each limit is felt: else keeping it would show nothing.
  EXPECT_GT(at_turnover, 50u);
  EXPECT_GT(at_active, 50u);
  EXPECT_GT(at_group, 5u);
  EXPECT_GT(at_factor, 20u);
  EXPECT_EQ(policy.notes(),
            (std::vector<std::string>{
                "30 sessions passed without a decision: no instrument had 30 sessions of history with prices that move",
                "the benchmark's other weights stood in for those that could not be chosen: S103"}));
}

// Day by day, with nothing behind the row, on other objects each time: as paper asks.
TEST(QpPortfolio, DecidesTheSameDayByDay) {
  const size_t n = 20;
  const MadeSource source(common_panel(60, n), 2, 0);
  AllLimits limits;
  const std::vector<double> scores = scores_of(source);
  const std::vector<Rebalance> whole = decisions(limits.spec, source);
  PortfolioPolicy policy(limits.spec, "s.toml");
  size_t k = 0;
  for (size_t row = 0; row < 60; ++row) {
    Panel cut = source.panel();
    cut.times.resize(row + 1), cut.sessions.resize(row + 1), cut.close.resize((row + 1) * n);
    MadeSource then(cut, 2, 0);
    then.values.assign(source.values.begin(), source.values.begin() + static_cast<ptrdiff_t>((row + 1) * n * 2));
    const auto rebalance = policy.decide(then, row, std::span(scores).subspan(row * n, n));
    if (!rebalance) continue;
    ASSERT_LT(k, whole.size());
    EXPECT_EQ(weights_of(*rebalance, n), weights_of(whole[k], n)) << row;
    EXPECT_EQ(rebalance->row, whole[k++].row);
  }
  EXPECT_EQ(k, whole.size());
}

TEST(QpPortfolio, TheSameBitsForAnyNumberOfThreads) {
  const MadeSource source(common_panel(45, 20), 2, 0);
  AllLimits limits;
  const int before = ThreadPool::shared().size();
  std::vector<std::vector<double>> found;
  for (const int threads : {1, 2}) {
    ThreadPool::set_shared_size(threads);
    for (const Rebalance& rebalance : decisions(limits.spec, source)) found.push_back(weights_of(rebalance, 20));
  }
  ThreadPool::set_shared_size(before);
  const size_t half = found.size() / 2;
  ASSERT_EQ(half, 15u);
  for (size_t k = 0; k < half; ++k) EXPECT_EQ(found[k], found[k + half]);
}

TEST(QpPortfolio, BothEnginesHoldTheSame) {
  const size_t n = 20;
  const MadeSource source(common_panel(90, n), 2, 0);
  const Panel& panel = source.panel();
  AllLimits limits;
  Feed feed;
  feed.symbols = panel.symbols;
  for (size_t t = 0; t < panel.num_times(); ++t) {
    for (size_t i = 0; i < n; ++i) {
      const double close = panel.close[panel.at(t, i)];
      feed.bars.push_back({static_cast<int32_t>(i), close, close, close, close, 1e9});
    }
    feed.sessions.push_back({panel.sessions[t], panel.times[t], 0, feed.bars.size()});
  }
  Schedule schedule;
  for (const Rebalance& rebalance : decisions(limits.spec, source))
    for (const TargetWeight& target : rebalance.targets)
      schedule.targets.push_back({.date = panel.sessions[rebalance.row],
                                  .instrument = static_cast<int32_t>(target.instrument),
                                  .weight = target.weight});
  const Broker broker = broker_profile("frictionless", "test");
  const BacktestResult event = run_backtest(feed, broker, *scheduled_strategy(schedule, broker, &feed));
  const BacktestResult vector = run_vector(feed, broker, schedule);
  ASSERT_EQ(event.curve.size(), vector.curve.size());
  EXPECT_GT(event.fills.size(), 500u);
  for (size_t t = 0; t < event.curve.size(); ++t) {
    const double equity = event.curve[t].equity.to_double();
    EXPECT_NEAR(vector.curve[t].equity.to_double(), equity, 1e-9 * equity) << t;
  }
}

TEST(QpPortfolio, NamesDayAndLimitsThatContradict) {
  const MadeSource source(common_panel(60, 8), 2, 0);
  const auto error = [&](const std::function<void(PortfolioSpec&)>& change) {
    PortfolioSpec spec = qp_spec(30);
    change(spec);
    return error_of([&] { decisions(spec, source); });
  };
  const std::string day = "s.toml: [portfolio] on 2012-02-13: ";
  EXPECT_EQ(error([](PortfolioSpec& s) { s.qp.upper = 0.1; }),
            day +
                "expected limits that can hold together, found that these cannot: budget = 1 and upper bounds (sum "
                "0.8); loosen one of them");
  EXPECT_NE(error([](PortfolioSpec& s) {
              s.qp.factor_limits = {{"f1", 3, 4}};
            }).find("factor limit f1 >= 3"),
            std::string::npos);
  EXPECT_NE(error([](PortfolioSpec& s) {
              s.qp.factor_limits = {{"g1", 3, 4}};
            }).find("expected the name of a factor, found \"g1\"; the nearest is \"f1\""),
            std::string::npos);
  // A turnover that the drift of the first day outruns.
  EXPECT_NE(error([](PortfolioSpec& s) {
              s.qp.turnover = 0, s.qp.benchmark = "equal", s.qp.active = 0;
            }).find("[portfolio] on 2012-02-14: expected limits that can hold together"),
            std::string::npos);
}

TEST(QpPortfolio, ChecksItsFiles) {
  const MadeSource source(common_panel(40, 3), 1, 0);
  const ScratchFolder folder;
  const auto error = [&](const std::string& groups, const std::string& benchmark, const std::string& group = "a") {
    PortfolioSpec spec = qp_spec(30);
    spec.qp.groups = folder / "groups.csv", spec.qp.benchmark_file = folder / "index.csv";
    spec.qp.benchmark = "file";
    spec.qp.group_limits = {{group, 0, 1}};
    write_file_whole(spec.qp.groups, groups);
    write_file_whole(spec.qp.benchmark_file, benchmark);
    const std::string text = error_of([&] { decisions(spec, source); });
    const size_t path = text.find(folder.path().string() + "/");
    return path == std::string::npos ? text
                                     : text.substr(0, path) + text.substr(path + folder.path().string().size() + 1);
  };
  const std::string good = "symbol,group\nS100,a\nS101,a\nS102,b\n", index = "date,symbol,weight\n2012-01-02,S100,3\n";
  EXPECT_EQ(error(good, index), "");
  EXPECT_EQ(error("", index), "groups.csv: expected the header symbol,group, found an empty file");
  EXPECT_EQ(error("symbol,sector\n", index), "groups.csv:1: expected the header symbol,group, found \"symbol,sector\"");
  EXPECT_EQ(error(good + "S100,b\n", index), "groups.csv:5: expected each symbol once, found S100 twice");
  EXPECT_EQ(error(good + "S104\n", index), "groups.csv:5: expected symbol,group, found \"S104\"");
  EXPECT_EQ(error("symbol,group\nS100,a\n", index),
            "s.toml: [portfolio] on 2012-02-13: expected a group of each instrument in groups.csv, found none of S101");
  EXPECT_EQ(error(good, index, "c"),
            "s.toml: [[portfolio.group]]: expected the name of a group in groups.csv, found \"c\"");
  EXPECT_EQ(error(good, index + "2012-01-32,S100,1\n"),
            "index.csv:3: expected a date such as 2014-06-09, found \"2012-01-32\"");
  for (const char* weight : {"-1", "nan", "1e300", "x", ""})
    EXPECT_EQ(error(good, index + "2012-01-03,S100," + weight + "\n"),
              fmt::format("index.csv:3: expected a weight of 0 or more, found \"{}\"", weight));
  EXPECT_EQ(error(good, index + "2012-01-02,S100,1\n"),
            "index.csv:3: expected each symbol once a date, found S100 twice");
  EXPECT_NE(error(good, "date,symbol,weight\n2013-01-02,S100,1\n").find("found the first on 2013-01-02"),
            std::string::npos);
  EXPECT_NE(error(good, "date,symbol,weight\n2012-01-02,X,1\n").find("for at least one instrument that can be chosen"),
            std::string::npos);
}

// A whole strategy, its covariance and limits too, on data that ends at the row, and on scrambled data behind it.
TEST(QpPortfolio, DoesNotLookAhead) {
  for (const std::string kind : {"qp", "risk_parity"}) {
    const StrategyFile strategy =
        parse_strategy("[data]\nmarket = \"m\"\n[factors]\nf0 = \"$close\"\nf1 = \"$open\"\n[portfolio]\nkind = \"" +
                           kind + "\"\nrisk_days = 30\nscore = \"f0\"\n" +
                           (kind == "qp" ? "[[portfolio.factor]]\nname = \"f1\"\nmax = 0.5\n" : ""),
                       "s.toml");
    const LookaheadReport report = check_lookahead(
        strategy,
        [](Time as_of) {
          Panel panel = common_panel(80, 4);
          size_t rows = 0;
          while (rows < 80 && panel.times[rows] <= as_of) ++rows;
          panel.sessions.resize(rows), panel.times.resize(rows), panel.member.resize(rows * 4);
          for (auto* column : {&panel.open, &panel.high, &panel.low, &panel.close, &panel.volume, &panel.vwap})
            column->resize(rows * 4);
          return panel;
        },
        [](Panel panel) { return std::make_unique<MadeSource>(std::move(panel), 2, 0); }, 6);
    EXPECT_TRUE(report.clean()) << report.leaks[0].node;
    EXPECT_EQ(report.samples, 6);
  }
}

// Noise foretells nothing: what is held on it gains no more than the benchmark, within three errors.
TEST(QpPortfolio, GainsNothingFromNoise) {
  const size_t n = 20;
  const MadeSource source(common_panel(330, n), 1, 0);
  const Panel& panel = source.panel();
  PortfolioSpec spec = qp_spec(30);
  spec.qp.benchmark = "equal";
  std::vector<double> gains;
  for (const Rebalance& rebalance : decisions(spec, source)) {
    const size_t row = rebalance.row;
    if (row + 1 == panel.num_times()) continue;
    const std::vector<double> w = weights_of(rebalance, n);
    double gain = 0;
    for (size_t i = 0; i < n; ++i)
      gain += (w[i] - 0.05) * (panel.close[panel.at(row + 1, i)] / panel.close[panel.at(row, i)] - 1);
    gains.push_back(gain);
  }
  const Moments moments = moments_of(gains);
  EXPECT_GT(moments.sd, 1e-3);
  EXPECT_LT(std::fabs(moments.mean), 3 * moments.sd / std::sqrt(static_cast<double>(gains.size())));
}

}  // namespace
}  // namespace hadal::market
