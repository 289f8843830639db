#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "engine/sampling/choose.h"

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
  in_range(o.repetition_penalty > 0 && o.repetition_penalty <= 100, "repetition_penalty",
           "a number above 0 and up to 100", o.repetition_penalty);
  in_range(o.repetition_window >= -1, "repetition_window", "a number of tokens from 0 up, or -1 for all",
           o.repetition_window);
  in_range(std::abs(o.frequency_penalty) <= 2, "frequency_penalty", "a number from -2 to 2", o.frequency_penalty);
  in_range(std::abs(o.presence_penalty) <= 2, "presence_penalty", "a number from -2 to 2", o.presence_penalty);
  for (const auto& [id, bias] : o.logit_bias) {
    in_range(id >= 0, "logit_bias", "token ids from 0 up", id);
    in_range(std::abs(bias) <= 100, "logit_bias", "numbers from -100 to 100", bias);
  }
}

Sampler::Sampler(const SamplingOptions& options, std::span<const TokenId> prompt)
    : options_((check(options), options)), rng_(options.seed), penalties_(options, prompt) {}

TokenId Sampler::sample(std::span<const float> logits) {
  HADAL_CHECK(!logits.empty());
  thread_local std::vector<float> changed;
  thread_local Chooser chooser;
  if (!penalties_.change_nothing()) {
    changed.assign(logits.begin(), logits.end());
    penalties_.apply(changed);
    logits = changed;
  }
  const auto range = logit_range(logits);
  if (range.has_nan) {
    const auto at = std::ranges::find_if(logits, [](float logit) { return std::isnan(logit); }) - logits.begin();
    fail("the model's output is not a number (token {}); the weights or the input are damaged", at);
  }
  if (std::isinf(range.max) && range.max < 0 && !options_.logit_bias.empty()) {
    fail("logit_bias: expected at least one token that is not forbidden, found none");
  }
  if (std::isinf(range.max) && (range.max < 0 || options_.temperature > 0))
    fail("the model's output is infinite; the weights or the input are damaged");
  return chooser.choose(logits, range, options_, options_.temperature > 0 ? rng_.uniform() : 0);
}

}  // namespace hadal
