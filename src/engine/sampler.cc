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
  in_range(o.repetition_window >= -1, "repetition_window", "a number of tokens from 0 up, or -1 for all", o.repetition_window);
  in_range(std::abs(o.frequency_penalty) <= 2, "frequency_penalty", "a number from -2 to 2", o.frequency_penalty);
  in_range(std::abs(o.presence_penalty) <= 2, "presence_penalty", "a number from -2 to 2", o.presence_penalty);
  for (const auto& [id, bias] : o.logit_bias) {
    in_range(id >= 0, "logit_bias", "token ids from 0 up", id);
    in_range(std::abs(bias) <= 100, "logit_bias", "numbers from -100 to 100", bias);
  }
}

Sampler::Sampler(const SamplingOptions& options, std::span<const TokenId> prompt)
    : options_((check(options), options)), rng_(options.seed), penalties_(options, prompt) {}

namespace {

using Candidate = std::pair<float, TokenId>;

// Higher logits first; among equals the lower id, so that every machine agrees.
bool better(const Candidate& a, const Candidate& b) { return a.first > b.first || (a.first == b.first && a.second < b.second); }

}  // namespace

TokenId Sampler::sample(std::span<const float> logits) {
  HADAL_CHECK(!logits.empty());
  std::vector<float> changed;
  if (!penalties_.change_nothing()) {
    changed.assign(logits.begin(), logits.end());
    penalties_.apply(changed);
    logits = changed;
  }
  candidates_.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) fail("the model's output is not a number (token {}); the weights or the input are damaged", i);
    candidates_[i] = {logits[i], static_cast<TokenId>(i)};
  }
  const Candidate top = *std::min_element(candidates_.begin(), candidates_.end(), better);
  const float best = top.first;
  if (std::isinf(best) && best < 0) fail("logit_bias: expected at least one token that is not forbidden, found none");
  if (options_.temperature == 0) return top.second;

  // Only tokens within reach of the best one matter; the rest have probability 0 in double precision. This keeps the
  // sort short.
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
