#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace hadal {

void check(const SamplingOptions& options) {
  const auto in_range = [](bool ok, const char* name, const char* expected, double found) {
    if (!ok) fail("{}: expected {}, found {}", name, expected, found);
  };
  const auto& o = options;
  in_range(o.temperature >= 0 && o.temperature <= 100, "temperature", "a number from 0 to 100", o.temperature);
  in_range(o.top_p > 0 && o.top_p <= 1, "top_p", "a number above 0 and up to 1", o.top_p);
  in_range(o.top_k >= 0, "top_k", "a whole number from 0 up (0: off)", o.top_k);
  in_range(o.min_p >= 0 && o.min_p < 1, "min_p", "a number from 0 to below 1", o.min_p);
  in_range(o.repetition_penalty > 0 && o.repetition_penalty <= 100, "repetition_penalty", "a number above 0 and up to 100",
           o.repetition_penalty);
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), rng_(options.seed) { check(options); }

namespace {

using Candidate = std::pair<float, TokenId>;

// Higher logits first; among equals the lower id, so that every machine agrees.
bool better(const Candidate& a, const Candidate& b) { return a.first > b.first || (a.first == b.first && a.second < b.second); }

void penalise(std::vector<Candidate>& candidates, std::span<const TokenId> seen, float penalty) {
  std::vector<bool> done(candidates.size());
  for (const TokenId id : seen) {
    const auto i = static_cast<size_t>(id);
    if (i >= done.size() || done[i]) continue;
    done[i] = true;
    float& logit = candidates[i].first;
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

}  // namespace

TokenId Sampler::sample(std::span<const float> logits, std::span<const TokenId> seen) {
  HADAL_CHECK(!logits.empty());
  candidates_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) fail("the model's output is not a number (token {}); the weights or the input are damaged", i);
    candidates_[i] = {logits[i], static_cast<TokenId>(i)};
  }
  if (options_.repetition_penalty != 1.0f) penalise(candidates_, seen, options_.repetition_penalty);
  if (options_.temperature == 0) return std::min_element(candidates_.begin(), candidates_.end(), better)->second;

  // Only tokens within reach of the best one matter; the rest have probability 0 in double precision. This keeps the
  // sort short.
  const float best = std::min_element(candidates_.begin(), candidates_.end(), better)->first;
  if (std::isinf(best)) fail("the model's output is infinite; the weights or the input are damaged");
  const double inverse = 1.0 / options_.temperature;
  // exp(-40) = 4e-18: below the resolution of a probability. min_p cuts higher.
  const double reach = std::min(40.0, options_.min_p > 0 ? -std::log(static_cast<double>(options_.min_p)) : 40.0);
  std::erase_if(candidates_, [&](const Candidate& c) { return (static_cast<double>(c.first) - best) * inverse < -reach; });
  const auto k = static_cast<size_t>(options_.top_k);
  if (k > 0 && k < candidates_.size()) {
    std::partial_sort(candidates_.begin(), candidates_.begin() + options_.top_k, candidates_.end(), better);
    candidates_.resize(k);
  } else {
    std::sort(candidates_.begin(), candidates_.end(), better);
  }

  const auto probability = [&](const Candidate& c) { return std::exp((static_cast<double>(c.first) - best) * inverse); };
  double total = 0;
  for (const auto& c : candidates_) total += probability(c);
  if (options_.top_p < 1) {  // the smallest set of best tokens that holds top_p of the mass
    double mass = 0;
    size_t keep = 0;
    while (keep < candidates_.size() && mass < options_.top_p * total) mass += probability(candidates_[keep++]);
    candidates_.resize(std::max<size_t>(keep, 1));
    total = mass;
  }
  double left = rng_.uniform() * total;
  for (const auto& c : candidates_) {
    left -= probability(c);
    if (left < 0) return c.second;
  }
  return candidates_.back().second;  // rounding ate the last crumb
}

}  // namespace hadal
