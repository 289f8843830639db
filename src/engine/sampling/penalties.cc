#include "engine/sampling/penalties.h"

#include <algorithm>
#include <limits>

#include "engine/sampler.h"

namespace hadal {
namespace {

constexpr float kNever = -100;  // OpenAI's: a bias this low is a ban

}  // namespace

Penalties::Penalties(const SamplingOptions& options, std::span<const TokenId> prompt)
    : repetition_(options.repetition_penalty),
      frequency_(options.frequency_penalty),
      presence_(options.presence_penalty),
      window_(options.repetition_penalty == 1 ? 0 : options.repetition_window),
      biases_(options.logit_bias) {
  if (window_ > 0 && static_cast<int64_t>(prompt.size()) > window_) prompt = prompt.last(static_cast<size_t>(window_));
  for (const TokenId token : prompt) see(token);
}

Penalties::Count& Penalties::count_of(TokenId token) {
  const auto [at, is_new] = index_.try_emplace(token, counts_.size());
  if (is_new) counts_.push_back({token});
  return counts_[at->second];
}

void Penalties::see(TokenId token) {
  if (window_ == 0) return;
  ++count_of(token).in_window;
  if (window_ < 0) return;
  last_.push_back(token);
  if (static_cast<int64_t>(last_.size()) <= window_) return;
  forget(last_.front());
  last_.pop_front();
}

void Penalties::forget(TokenId token) {
  const size_t at = index_.at(token);
  if (--counts_[at].in_window > 0 || counts_[at].in_answer > 0) return;
  index_[counts_.back().id] = at;
  counts_[at] = counts_.back();
  counts_.pop_back();
  index_.erase(token);
}

void Penalties::accept(TokenId token) {
  if (frequency_ != 0 || presence_ != 0) ++count_of(token).in_answer;
  see(token);
}

void Penalties::apply(std::span<float> logits) const {
  const auto holds = [&](TokenId id) { return static_cast<size_t>(id) < logits.size(); };
  for (const Count& count : counts_) {
    if (!holds(count.id)) continue;
    float& logit = logits[static_cast<size_t>(count.id)];
    if (count.in_window > 0) logit = logit > 0 ? logit / repetition_ : logit * repetition_;
    if (count.in_answer > 0) logit -= static_cast<float>(count.in_answer) * frequency_ + presence_;
  }
  for (const auto& [id, bias] : biases_) {
    if (!holds(id)) continue;
    float& logit = logits[static_cast<size_t>(id)];
    logit = bias <= kNever ? -std::numeric_limits<float>::infinity() : logit + bias;
  }
}

}  // namespace hadal
