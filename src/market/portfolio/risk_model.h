// Covariances from the past returns of instruments, of one session.
//
// Returns are of the panel's closes from session to session; `forward` prices hold splits and dividends, as they were
// known at that close. An instrument without a bar keeps its last close: a return of 0, and the next one holds both.
//
// ledoit_wolf: S of the returns (divided by their count T), shrunk to the mean variance m on the diagonal,
//     C = rho m I + (1 - rho) S,  rho = min(b2, d2) / d2,  d2 = |S - mI|^2,  b2 = sum over t of |x_t x_t' - S|^2 / T^2
//   (Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices").
// factor: the k principal components of S, C = BB' + D: B are the eigenvectors of the largest eigenvalues times their
//   roots, D what is left of each variance (Chamberlain and Rothschild 1983), at least a hundredth of it.
//
// The same bits for any number of threads.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "market/panel.h"
#include "market/strategy_file.h"

namespace hadal::market {

// The last close up to a row; missing before the first bar.
double last_close(const Panel& panel, size_t row, size_t instrument);

struct PastReturns {
  size_t days = 0;
  std::vector<uint32_t> instruments;  // those that have a history, in the order asked for
  std::vector<double> values;         // [days][instrument]
  size_t size() const { return instruments.size(); }
};

// Of `days` sessions, of which the row's is the last. Left out is who has no bar before them, bars in less than half of
// them, or closes that never moved.
PastReturns past_returns(const Panel& panel, size_t row, std::span<const uint32_t> instruments, size_t days);

struct RiskModel {
  std::vector<double> covariance;          // [n][n], or empty (of factors, and of more instruments than days):
  std::vector<double> loadings, specific;  // [n][k], [n]: BB' + D
  double shrinkage = 0;                    // rho
  std::vector<double> variance;            // [n]: the diagonal
  std::vector<double> dense() const;       // [n][n]
};

// `returns`: [days][n].
RiskModel ledoit_wolf(const std::vector<double>& returns, size_t days);
RiskModel factor_model(const std::vector<double>& returns, size_t days, size_t num_factors);
RiskModel risk_model(const RiskSpec& spec, const PastReturns& returns);

// Past returns of those who have them, decision after decision; knows who had none.
class Histories {
 public:
  explicit Histories(const RiskSpec& spec) : days_(static_cast<size_t>(spec.days)) {}
  PastReturns of(const Panel& panel, size_t row, std::span<const uint32_t> instruments);
  std::vector<std::string> notes() const;

 private:
  size_t days_;
  int64_t decisions_ = 0, lacking_ = 0, empty_ = 0;
  std::set<std::string> left_out_;  // symbols
};

// "A, B, C, D, E and 7 more"
std::string first_names(const std::set<std::string>& names);

}  // namespace hadal::market
