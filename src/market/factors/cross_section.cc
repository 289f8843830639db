#include "market/factors/cross_section.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace hadal::market::factors {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Those that take part, in order; all results are missing so far.
std::vector<uint32_t> taking_part(const double* x, const char* member, size_t n, double* out) {
  std::vector<uint32_t> part;
  part.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    out[i] = kNone;
    if (!std::isnan(x[i]) && (member == nullptr || member[i])) part.push_back(static_cast<uint32_t>(i));
  }
  return part;
}

// Of differences from the first: equal values have exactly it as their mean.
double mean_of(const double* x, std::span<const uint32_t> part) {
  const double first = x[part[0]];
  double sum = 0;
  for (const uint32_t i : part) sum += x[i] - first;
  return first + sum / static_cast<double>(part.size());
}

}  // namespace

void rank_across(const double* x, const char* member, size_t n, double* out) {
  std::vector<uint32_t> part = taking_part(x, member, n, out);
  std::sort(part.begin(), part.end(), [&](uint32_t a, uint32_t b) { return x[a] < x[b] || (x[a] == x[b] && a < b); });
  for (size_t begin = 0, end; begin < part.size(); begin = end) {
    for (end = begin + 1; end < part.size() && x[part[end]] == x[part[begin]];) ++end;
    const double rank = static_cast<double>(begin + end + 1) / 2;
    for (size_t i = begin; i < end; ++i) out[part[i]] = rank / static_cast<double>(part.size());
  }
}

void zscore_across(const double* x, const char* member, size_t n, double* out) {
  const std::vector<uint32_t> part = taking_part(x, member, n, out);
  if (part.size() < 2) return;
  const double mean = mean_of(x, part);
  double squares = 0;
  for (const uint32_t i : part) squares += (x[i] - mean) * (x[i] - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(part.size() - 1));
  for (const uint32_t i : part) {
    const double score = (x[i] - mean) / deviation;
    out[i] = std::isfinite(score) ? score : kNone;
  }
}

void demean_across(const double* x, const double* group, const char* member, size_t n, double* out) {
  std::vector<uint32_t> part = taking_part(x, member, n, out);
  if (group != nullptr) {
    std::erase_if(part, [&](uint32_t i) { return std::isnan(group[i]); });
    std::stable_sort(part.begin(), part.end(), [&](uint32_t a, uint32_t b) { return group[a] < group[b]; });
  }
  for (size_t begin = 0, end; begin < part.size(); begin = end) {
    end = group == nullptr ? part.size() : begin + 1;
    while (end < part.size() && group[part[end]] == group[part[begin]]) ++end;
    const double mean = mean_of(x, std::span(part).subspan(begin, end - begin));
    for (size_t i = begin; i < end; ++i) out[part[i]] = x[part[i]] - mean;
  }
}

}  // namespace hadal::market::factors
