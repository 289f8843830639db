// Many tries: the probability of overfitting, and Hansen's test of superior predictive ability.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"
#include "market/stats.h"
#include "market/stats/resample.h"

namespace hadal::market {
namespace {

// Sums over a block of periods, less the try's own mean, so that squares do not cancel.
struct BlockSums {
  double sum = 0, square = 0;
};

std::vector<double> means_of(const TryMatrix& matrix, size_t num_periods) {
  const size_t n = matrix.num_tries();
  std::vector<double> means(n);
  for (size_t t = 0; t < num_periods; ++t)
    for (size_t k = 0; k < n; ++k) means[k] += matrix.values[t * n + k];
  for (double& mean : means) mean /= static_cast<double>(num_periods);
  return means;
}

void check_values(const TryMatrix& matrix) {
  for (const double value : matrix.values)
    if (!std::isfinite(value)) fail("matrix of tries: expected finite returns, found {}", value);
}

// Sharpe ratios over the blocks that `chosen` has bits for. A try without spread has none: 0 for no return, else
// beyond all others.
void sharpes_of(std::span<const BlockSums> sums, std::span<const double> means, uint32_t chosen, size_t block_periods,
                std::span<double> sharpes) {
  const size_t n = means.size();
  const double count = static_cast<double>(block_periods) * std::popcount(chosen);
  for (size_t k = 0; k < n; ++k) {
    BlockSums all;
    for (uint32_t rest = chosen; rest != 0; rest &= rest - 1) {
      const BlockSums& block = sums[static_cast<size_t>(std::countr_zero(rest)) * n + k];
      all.sum += block.sum, all.square += block.square;
    }
    const double shift = all.sum / count, variance = (all.square - all.sum * shift) / (count - 1);
    const double mean = means[k] + shift;
    sharpes[k] = variance > 0 ? mean / std::sqrt(variance) : mean == 0 ? 0 : std::copysign(1e300, mean);
  }
}

}  // namespace

Overfitting overfitting_of(const TryMatrix& matrix, int blocks) {
  check_values(matrix);
  const size_t n = matrix.num_tries();
  if (blocks < 2 || blocks > 24 || blocks % 2 != 0)
    fail("--blocks: expected an even number from 2 to 24, found {}", blocks);
  const size_t block_periods = matrix.num_periods() / static_cast<size_t>(blocks);
  if (n < 2 || block_periods < 2)
    fail("matrix of tries: expected at least 2 columns and {} rows ({} blocks of 2), found {} and {}", 2 * blocks,
         blocks, n, matrix.num_periods());
  const auto num_blocks = static_cast<size_t>(blocks);
  const std::vector<double> means = means_of(matrix, block_periods * num_blocks);
  std::vector<BlockSums> sums(num_blocks * n);
  for (size_t t = 0; t < block_periods * num_blocks; ++t)
    for (size_t k = 0; k < n; ++k) {
      const double value = matrix.values[t * n + k] - means[k];
      BlockSums& block = sums[t / block_periods * n + k];
      block.sum += value, block.square += value * value;
    }
  const uint32_t everything = (uint32_t{1} << blocks) - 1;
  std::vector<double> inside(n), outside(n);
  Overfitting result;
  double logits = 0;
  int64_t beaten = 0;
  for (uint32_t chosen = 0; chosen <= everything; ++chosen) {
    if (std::popcount(chosen) != blocks / 2) continue;
    sharpes_of(sums, means, chosen, block_periods, inside);
    sharpes_of(sums, means, everything & ~chosen, block_periods, outside);
    const auto best = static_cast<size_t>(std::max_element(inside.begin(), inside.end()) - inside.begin());
    double rank = 0.5;  // ties count half, its own equality makes it whole
    for (const double other : outside) rank += other < outside[best] ? 1 : other == outside[best] ? 0.5 : 0;
    const double share = rank / static_cast<double>(n + 1), logit = std::log(share / (1 - share));
    logits += logit;
    beaten += logit <= 0;
    ++result.combinations;
  }
  result.pbo = static_cast<double>(beaten) / static_cast<double>(result.combinations);
  result.mean_logit = logits / static_cast<double>(result.combinations);
  return result;
}

namespace {

// The deviation of sqrt(n) times a mean under the stationary bootstrap (Hansen 2005, section 3.1; Politis and Romano).
double long_run_deviation(const TryMatrix& matrix, size_t k, double mean, double begin_anew) {
  const size_t n = matrix.num_periods(), width = matrix.num_tries();
  const auto count = static_cast<double>(n);
  const auto covariance = [&](size_t lag) {
    double sum = 0;
    for (size_t t = lag; t < n; ++t)
      sum += (matrix.values[t * width + k] - mean) * (matrix.values[(t - lag) * width + k] - mean);
    return sum / count;
  };
  const auto weight = [&](size_t lag) {
    const auto i = static_cast<double>(lag);
    return (count - i) / count * std::pow(1 - begin_anew, i) + i / count * std::pow(1 - begin_anew, count - i);
  };
  double variance = covariance(0);
  for (size_t lag = 1; lag < n; ++lag)
    if (const double w = weight(lag); w > 1e-10) variance += 2 * w * covariance(lag);
  return std::sqrt(std::max(variance, 0.0));
}

}  // namespace

SuperiorAbility superior_ability(const TryMatrix& matrix, const Bootstrap& bootstrap) {
  check_values(matrix);
  const size_t n = matrix.num_periods(), width = matrix.num_tries();
  if (n < 10 || width < 1) fail("matrix of tries: expected at least a column and 10 rows, found {} and {}", width, n);
  const double block = mean_block(bootstrap, n), root = std::sqrt(static_cast<double>(n));
  const std::vector<double> means = means_of(matrix, n);
  std::vector<double> deviations(width);
  for (size_t k = 0; k < width; ++k) deviations[k] = long_run_deviation(matrix, k, means[k], 1 / block);
  SuperiorAbility result;
  double found = -INFINITY;
  for (size_t k = 0; k < width; ++k) {
    const double studentised = deviations[k] > 0 ? root * means[k] / deviations[k] : -INFINITY;
    if (studentised > found) found = studentised, result.best = k;
  }
  if (found == -INFINITY) return result;
  found = std::max(found, 0.0);
  // What the null takes each mean for: tries far below 0 count for nothing in the consistent one, all that are below 0
  // in the lower one, and none in the upper one.
  std::vector<double> centre[3];
  const double threshold = std::sqrt(2 * std::log(std::log(static_cast<double>(n))));
  for (auto& c : centre) c.resize(width);
  for (size_t k = 0; k < width; ++k) {
    centre[0][k] = std::max(means[k], 0.0);
    centre[1][k] = root * means[k] >= -threshold * deviations[k] ? means[k] : 0;
    centre[2][k] = means[k];
  }
  Rng rng(bootstrap.seed);
  std::vector<size_t> rows(n);
  std::vector<double> sums(width);
  int64_t above[3] = {};
  for (int replica = 0; replica < bootstrap.replicas; ++replica) {
    resample(rng, block, rows);
    std::fill(sums.begin(), sums.end(), 0.0);
    for (const size_t row : rows)
      for (size_t k = 0; k < width; ++k) sums[k] += matrix.values[row * width + k];
    for (int i = 0; i < 3; ++i) {
      double largest = 0;
      for (size_t k = 0; k < width; ++k)
        if (deviations[k] > 0)
          largest = std::max(largest, root * (sums[k] / static_cast<double>(n) - centre[i][k]) / deviations[k]);
      above[i] += largest > found || (found == 0 && largest >= found);
    }
  }
  const auto replicas = static_cast<double>(std::max(bootstrap.replicas, 1));
  result.lower = static_cast<double>(above[0]) / replicas;
  result.consistent = static_cast<double>(above[1]) / replicas;
  result.upper = static_cast<double>(above[2]) / replicas;
  return result;
}

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '"')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' || text.back() == '"'))
    text.remove_suffix(1);
  return text;
}

bool parse_number(std::string_view text, double& value) {
  text = trimmed(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
}

}  // namespace

TryMatrix read_matrix(const Path& file) {
  TryMatrix matrix;
  size_t columns = 0, first = 0;  // first: 1 where a date stands in front
  std::vector<std::string> header;
  for_each_line(
      file,
      [&](std::string_view line, int64_t number) {
        if (trimmed(line).empty()) return true;
        const std::vector<std::string> cells = split(line, ',');
        double value = 0;
        if (columns == 0) columns = cells.size();
        if (cells.size() != columns)
          fail("{}:{}: expected {} columns, found {}: {}", file.string(), number, columns, cells.size(), brief(line));
        if (matrix.values.empty() && header.empty() && !parse_number(cells.back(), value)) {
          header = cells;
          return true;
        }
        if (matrix.values.empty()) {
          const std::string_view front = trimmed(cells.front());
          const std::string title = header.empty() ? "" : lower_case(std::string(trimmed(header.front())));
          const bool dated = title == "date" || title == "time" || parse_date(front.substr(0, 10));
          first = columns > 1 && (dated || !parse_number(front, value)) ? 1 : 0;
        }
        for (size_t i = first; i < columns; ++i) {
          if (!parse_number(cells[i], value))
            fail("{}:{}: column {}: expected a number, found {}", file.string(), number, i + 1, brief(cells[i]));
          matrix.values.push_back(value);
        }
        return true;
      },
      size_t{1} << 24);
  if (matrix.values.empty()) fail("{}: expected lines of numbers, found none", file.string());
  for (size_t i = first; i < columns; ++i)
    matrix.names.emplace_back(header.empty() ? fmt::format("{}", i + 1 - first) : std::string(trimmed(header[i])));
  return matrix;
}

}  // namespace hadal::market
