// A strategy: what is read, by what it is forecast, how it is held, and by whom it is traded, as a TOML file of a page.
//
//   [data]      market, universe, symbols, frequency, start, end, prices     or, for a plain series: file, time, split
//   [factors]   sets = ["alpha158"], and any NAME = "expression"
//   [label]     expression; its horizon is its largest look-ahead
//   [process]   features, label: lists of steps, done per session or fitted in the training part of each window
//   [forecast]  kind, the walk-forward windows, seeds, and what the kind needs
//   [portfolio] kind, count, rebalance_days, score, file, and what risk_parity and qp need (portfolio/spec.h)
//   [broker]    profile, cash, and what is set beside the profile
//
// Unknown keys are Errors naming the nearest one; paths are relative to the file.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "market/panel.h"
#include "market/time.h"

namespace hadal {
class TomlTable;
}

namespace hadal::market {

struct FactorSpec {
  std::string name, expression;
  std::string where;  // "strategy.toml:12", for messages about the expression
};

struct SeriesSpec {
  Path file;
  std::string time = "date";       // the column of times; all others are channels
  std::array<int64_t, 3> split{};  // rows of training, validation and test, from the first row on
  int64_t look_back = 336, horizon = 96;
};

struct ProcessSpec {
  std::vector<std::string> features, label;
};

struct TreesSpec {  // of kind trees
  int64_t rounds = 400, early_stop_rounds = 50;
  int64_t depth = 4, leaf_samples = 200;  // leaf_samples: the fewest in a leaf
  double learning_rate = 0.03;
  double leaf_penalty = 10;                     // L2: a leaf's value is its labels' sum / (samples + leaf_penalty)
  double subsample = 0.7, column_sample = 0.3;  // shares of samples by tree, of features by split
};

// What the kinds mlp, transformer and mixer need beside windows and seeds (forecast/network.h).
struct NetworkSpec {
  int64_t look_back = 16;  // rows that a forecast sees, its own included; 1 for an mlp
  int64_t width = 32, layers = 1;
  int64_t heads = 4;         // of a transformer
  std::string loss = "mse";  // mse | rank | correlation; of a plain series: mae | mse
  double learning_rate = 1e-3;
  double noise = 0.5;                 // deviation of what is added to each feature in training
  int64_t epochs = 20, patience = 4;  // at most so many; fewer where so many in a row were not better
};

struct ForecastSpec {
  // factor | naive | seasonal | momentum | ridge | trees | mlp | transformer | mixer
  std::string kind = "ridge";
  std::string factor;  // of kind factor: its name
  // Walk-forward windows, in sessions.
  int64_t train_days = 500, valid_days = 60, test_days = 120, embargo_days = 5;
  std::string window = "rolling";     // rolling | expanding | combinatorial
  int64_t folds = 6, test_folds = 2;  // of combinatorial
  std::vector<int64_t> seeds = {1};
  double penalty = 1e4;        // of ridge: A'A + penalty I
  int64_t season = 5;          // bars, of seasonal
  int64_t momentum_bars = 20;  // of momentum
  TreesSpec trees;
  NetworkSpec network;
  bool is_network() const { return kind == "mlp" || kind == "transformer" || kind == "mixer"; }
  bool learns_from_features() const { return kind == "ridge" || kind == "trees" || is_network(); }
  bool must_beat_ridge() const { return learns_from_features() && kind != "ridge"; }
};

struct RiskSpec {                     // of risk_parity and qp
  std::string covariance = "factor";  // factor | ledoit_wolf
  int64_t days = 250, factors = 10;   // sessions of returns; principal components
};

struct QpSpec {  // portfolio/qp_portfolio.h says what is maximised
  struct Range {
    std::string name;  // of a group, or of a factor
    double min = -kUnlimited, max = kUnlimited;
  };
  static constexpr double kUnlimited = std::numeric_limits<double>::infinity();
  double alpha = 0.05, risk_aversion = 10, cost_bps = 0, quadratic_cost = 0;
  double budget = 1, lower = 0, upper = 1, active = kUnlimited, turnover = kUnlimited, leverage = kUnlimited;
  std::string benchmark = "none";  // none | equal | file
  Path benchmark_file, groups;     // "": none
  std::vector<Range> group_limits, factor_limits;
};

struct PortfolioSpec {
  std::string kind = "top";                // top | rank | risk_parity | qp | targets | orders
  int64_t count = 10, rebalance_days = 1;  // of risk_parity, a count of 0: all
  std::string score;                       // a factor's name where there is no forecast
  Path file;                               // of targets and orders
  RiskSpec risk;
  QpSpec qp;
  bool has_risk() const { return kind == "risk_parity" || kind == "qp"; }
};

struct BrokerSpec {                           // as it stands: the engine knows what the keys mean
  std::string profile = "frictionless";       // a built-in one's name, or a path that ends in .toml
  std::map<std::string, std::string> values;  // what is set beside the profile: cash, slippage_bps, ...
};

struct StrategyFile {
  Path file;         // where it was read
  std::string text;  // of the file, as it stands: a run keeps a copy

  std::string market;  // a name under markets/, or a path
  std::vector<std::string> symbols;
  std::string universe = "all", frequency = "1d";
  std::optional<Date> start, end;
  Prices prices = Prices::forward;
  std::optional<SeriesSpec> series;  // then there is no market

  std::vector<std::string> sets;
  std::vector<FactorSpec> factors;
  std::string label = "Ref($open,-2)/Ref($open,-1)-1", label_where;
  ProcessSpec process;
  std::optional<ForecastSpec> forecast;
  std::optional<PortfolioSpec> portfolio;
  BrokerSpec broker;

  // Every key that counts with its value, in one order: equal exactly where two files mean the same. Comments, order,
  // defaults written out and the places of files do not count; the contents of a targets or orders file do.
  std::string canonical() const;
  std::string hash() const;        // of canonical(): 16 hexadecimal digits
  Path folder() const;             // of the file: paths in it begin there
  TomlTable broker_table() const;  // [broker] again, unread
  bool needs_factors() const;      // false where the portfolio is read from a file
};

// Throws Error (file:line, what was expected, what was found).
StrategyFile read_strategy(const Path& file);
StrategyFile parse_strategy(const std::string& text, const Path& file);  // as if it stood there

}  // namespace hadal::market
