#include "engine/sampling/choose.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hadal {
namespace {

using Candidate = std::pair<float, TokenId>;
constexpr int64_t kFewLogits = 512;     // sorted at once
constexpr size_t kFewOfAll = 64;        // sorted from the best one down
constexpr size_t kFewCandidates = 512;  // sorted around a place; more are divided again
constexpr int32_t kBuckets = 2048;      // 40 / 2048 is a width that logits.h allows
constexpr double kUnseen = 40;          // e^-40 = 4e-18: below the resolution of a probability
constexpr double kRounding = 0x1p-53;

// Higher logits first; among equals the lower id, so that every machine agrees.
bool better(const Candidate& a, const Candidate& b) {
  return a.first > b.first || (a.first == b.first && a.second < b.second);
}

LogitFall fall_of(float best, const SamplingOptions& options) {
  LogitFall fall;
  fall.best = best;
  fall.inverse = 1.0 / options.temperature;
  fall.reach = std::min(kUnseen, options.min_p > 0 ? -std::log(static_cast<double>(options.min_p)) : kUnseen);
  return fall;
}
double x_of(const LogitFall& fall, float logit) { return (static_cast<double>(logit) - fall.best) * fall.inverse; }

// Equal logits, of which there may be many, cost one exponential.
class Probability {
 public:
  explicit Probability(const LogitFall& fall) : fall_(fall) {}
  double operator()(const Candidate& c) {
    if (c.first != logit_) logit_ = c.first, value_ = std::exp(x_of(fall_, logit_));
    return value_;
  }

 private:
  const LogitFall& fall_;
  float logit_ = std::numeric_limits<float>::quiet_NaN();
  double value_ = 0;
};

// The end of the definition: top_p and the draw among sorted candidates.
TokenId pick(std::span<const Candidate> sorted, const LogitFall& fall, float top_p, double at) {
  Probability probability(fall);
  double total = 0;
  for (const auto& c : sorted) total += probability(c);
  if (top_p < 1) {  // the smallest set of best tokens that holds top_p of the mass
    double mass = 0;
    size_t keep = 0;
    while (keep < sorted.size() && mass < top_p * total) mass += probability(sorted[keep++]);
    sorted = sorted.first(std::max<size_t>(keep, 1));
    total = mass;
  }
  double left = at * total;
  for (const auto& c : sorted) {
    left -= probability(c);
    if (left < 0) return c.second;
  }
  return sorted.back().second;  // rounding left the sum below `at`
}

// The sums of weigh() as masses, and the width that belongs to them.
std::vector<double> masses_of(std::vector<double> sums, const LogitFall& fall, double factor) {
  constexpr size_t kRun = 32;  // one exponential for so many buckets, one for each of a run
  double inside[kRun];
  for (size_t i = 0; i < kRun; ++i) inside[i] = std::exp(-static_cast<double>(i) * fall.width);
  for (size_t begin = 0; begin < sums.size(); begin += kRun) {
    const double outside = factor * std::exp(-static_cast<double>(begin) * fall.width);
    for (size_t i = begin; i < std::min(begin + kRun, sums.size()); ++i) sums[i] *= outside * inside[i - begin];
  }
  return sums;
}

// Buckets over what falls by at most `span`, or one where that is next to nothing.
void part_evenly(LogitFall& fall, double span) {
  constexpr double kNothing = 1e-12;
  fall.buckets = span > kNothing ? kBuckets : 1;
  fall.width = span > kNothing ? span / kBuckets : 0;
}
std::vector<double> weigh(std::span<const float> logits, const LogitFall& fall) {
  std::vector<double> sums(std::max<size_t>(static_cast<size_t>(fall.buckets), kLogitSlack));
  weigh_logits(logits, fall, sums);
  return sums;
}

// The bucket in which the running sum passes `mass`, and the sum before it.
std::pair<size_t, double> bucket_at(std::span<const double> masses, double mass) {
  size_t bucket = 0;
  double before = 0;
  while (bucket + 1 < masses.size() && before + masses[bucket] <= mass) before += masses[bucket++];
  return {bucket, before};
}

}  // namespace

TokenId choose_by_sorting(std::span<const float> logits, const SamplingOptions& options, double at) {
  std::vector<Candidate> candidates(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) candidates[i] = {logits[i], static_cast<TokenId>(i)};
  const Candidate best = *std::min_element(candidates.begin(), candidates.end(), better);
  if (options.temperature == 0) return best.second;
  const LogitFall fall = fall_of(best.first, options);
  std::erase_if(candidates, [&](const Candidate& c) { return x_of(fall, c.first) < -fall.reach; });
  const auto k = static_cast<size_t>(options.top_k);
  if (k > 0 && k < candidates.size()) {
    std::partial_sort(candidates.begin(), candidates.begin() + options.top_k, candidates.end(), better);
    candidates.resize(k);
  } else {
    std::sort(candidates.begin(), candidates.end(), better);
  }
  return pick(candidates, fall, options.top_p, at);
}

TokenId Chooser::choose(std::span<const float> logits, const LogitRange& range, const SamplingOptions& options,
                        double at) {
  const auto n = static_cast<int64_t>(logits.size());
  if (options.temperature == 0) return static_cast<TokenId>(find_logit(logits, range.max));
  if (n > kFewLogits) {
    LogitFall fall = fall_of(range.max, options);
    part_evenly(fall, std::min(fall.reach, -x_of(fall, range.min)));
    std::optional<TokenId> token;
    if (options.top_k > 0 && options.top_k < n) token = choose_of_top_k(logits, fall, options, at);
    if (!token) token = choose_by_mass(logits, fall, options.top_p, at);
    if (token) return *token;
    ++times_sorted_;
  }
  return choose_by_sorting(logits, options, at);
}

std::vector<Candidate> Chooser::gather(std::span<const float> logits, const LogitFall& fall, size_t begin, size_t end,
                                       size_t room) {
  room = std::min(room, logits.size());
  indices_.resize(std::max(indices_.size(), room + kLogitSlack));
  const int64_t found = gather_logits(logits, fall, static_cast<int32_t>(begin), static_cast<int32_t>(end),
                                      std::span(indices_).first(room + kLogitSlack));
  std::vector<Candidate> candidates;
  if (found > static_cast<int64_t>(room)) return candidates;
  candidates.reserve(static_cast<size_t>(found));
  for (const int32_t i : std::span(indices_).first(static_cast<size_t>(found)))
    candidates.emplace_back(logits[static_cast<size_t>(i)], i);
  return candidates;
}

// Nothing where fewer than top_k are within reach: then all of these count.
std::optional<TokenId> Chooser::choose_of_top_k(std::span<const float> logits, const LogitFall& fall,
                                                const SamplingOptions& options, double at) {
  std::vector<double> counts(std::max<size_t>(static_cast<size_t>(fall.buckets), kLogitSlack));
  count_logits(logits, fall, counts);
  size_t end = 0;
  for (double sum = 0; end < counts.size() && sum < options.top_k;) sum += counts[end++];
  auto best = gather(logits, fall, 0, end, logits.size());
  const auto k = static_cast<size_t>(options.top_k);
  if (best.size() < k) return std::nullopt;
  std::partial_sort(best.begin(), best.begin() + options.top_k, best.end(), better);
  return pick(std::span(best).first(k), fall, options.top_p, at);
}

// Sums over many are a little off those of the definition, which go from the best one down. Everything that is decided
// by one is decided only with room to spare. The few that decide are sorted and summed as there.
std::optional<TokenId> Chooser::choose_by_mass(std::span<const float> logits, const LogitFall& fall, double top_p,
                                               double at) {
  const std::vector<double> masses = masses_of(weigh(logits, fall), fall, 1);
  double kept = 0;
  for (const double mass : masses) kept += mass;
  // Sums of n numbers, here and there, that of what is kept and the differences of the draw; and weigh()'s own error.
  const double margin = kept * kRounding * (8 * static_cast<double>(logits.size()) + 8192);
  const auto near = [&](double a, double b) { return std::abs(a - b) <= margin; };
  Probability probability(fall);
  Part part;
  if (top_p < 1) {
    const double target = top_p * kept;
    part = part_at(logits, fall, masses, target);
    if (part.before > 0 && near(part.before, target)) return std::nullopt;
    double mass = part.before;
    for (size_t i = 0; mass < target; ++i) {
      if (i == part.sorted.size()) return std::nullopt;
      mass += probability(part.sorted[i]);
      if (near(mass, target)) return std::nullopt;
    }
    kept = mass;
  }
  const double goal = at * kept;
  if (top_p == 1 || goal < part.before) part = part_at(logits, fall, masses, goal);
  double left = goal - part.before;
  if (part.before > 0 && left <= margin) return std::nullopt;
  for (const auto& c : part.sorted) {
    left -= probability(c);
    if (near(left, 0)) return std::nullopt;
    if (left < 0) return c.second;
  }
  return std::nullopt;
}

// All from the best one to where the running sum passes `mass`, if they are few; else those around that place.
Chooser::Part Chooser::part_at(std::span<const float> logits, const LogitFall& fall, const std::vector<double>& masses,
                               double mass) {
  const auto [bucket, before] = bucket_at(std::span(masses).first(static_cast<size_t>(fall.buckets)), mass);
  Part part{gather(logits, fall, 0, bucket + 1, kFewOfAll), 0};
  if (part.sorted.empty()) {
    part = {gather(logits, fall, bucket, bucket + 1, logits.size()), before};
    narrow(part, fall, mass);
  }
  if (!std::is_sorted(part.sorted.begin(), part.sorted.end(), better))
    std::sort(part.sorted.begin(), part.sorted.end(), better);
  return part;
}

// Divides what is too much to sort into buckets again, as long as that makes it less.
void Chooser::narrow(Part& part, const LogitFall& fall, double mass) {
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds && part.sorted.size() > kFewCandidates; ++round) {
    std::vector<float> values(part.sorted.size());
    std::transform(part.sorted.begin(), part.sorted.end(), values.begin(), [](const Candidate& c) { return c.first; });
    const auto range = logit_range(values);
    if (range.min == range.max) return;
    LogitFall inner{.best = range.max, .inverse = fall.inverse};
    const double span = -x_of(inner, range.min);
    inner.reach = span;
    part_evenly(inner, span);
    const auto masses = masses_of(weigh(values, inner), inner, std::exp(x_of(fall, range.max)));
    const auto [bucket, before] =
        bucket_at(std::span(masses).first(static_cast<size_t>(inner.buckets)), mass - part.before);
    part.before += before;
    std::vector<Candidate> rest = gather(values, inner, bucket, bucket + 1, values.size());
    for (Candidate& c : rest) c.second = part.sorted[static_cast<size_t>(c.second)].second;
    part.sorted = std::move(rest);
  }
}

}  // namespace hadal
