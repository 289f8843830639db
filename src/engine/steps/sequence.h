// One answer on its way, as the engine's thread sees it: its tokens, what of them is in the cache, its sampler, and the
// way from tokens to text. What the caller is to see goes to the GenerationState.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/steps/generation_state.h"
#include "engine/steps/scheduler.h"
#include "engine/steps/stop_filter.h"
#include "engine/steps/think_budget.h"
#include "model/kv_cache.h"

namespace hadal {

class Sequence {
 public:
  // Answer `number` of a request; all of a request have the same `group`. `limit`: tokens of an answer.
  Sequence(const GenerateRequest& request, int number, uint64_t group, int64_t limit,
           std::shared_ptr<GenerationState> state);

  Scheduler::Standing standing() const;
  bool has_begun() const { return begun_; }  // it ran, though it may wait again
  bool cancelled() const { return state_->answers[static_cast<size_t>(number_)].cancelled; }
  bool done() const { return done_; }
  bool reads_prompt() const { return answered() == 0; }
  void set_place(int64_t place);  // of those that wait: told to who asked, for the request's first answer
  void begin();                   // it runs from now on

  // Makes room for what the plan lets it feed; `source` is the cache whose rows it shares, if any. False: no memory.
  bool extend(const Scheduler::Feed& feed, KvCache& pool, const KvSequence* source);
  std::span<const TokenId> to_feed() const;  // the tokens that the last extend() made room for
  int64_t first_position() const { return cache_->length() - feeding_; }
  bool is_fed() const { return feeding_ > 0 && fed() == static_cast<int64_t>(tokens_.size()); }  // the next is sampled
  KvSequence* cache() { return cache_ ? &*cache_ : nullptr; }
  void drop_cache();

  // The next token, from its logits over what the tokenizer has; and its log-probabilities from those over the whole
  // vocabulary, where asked for. May run on any thread, one at a time. Throws Error for broken logits.
  Sampler& sampler() { return sampler_; }
  LogProbs log_probs() const { return log_probs_; }
  float log_prob_temperature() const { return log_probs_ == LogProbs::at_temperature ? temperature_ : 1; }
  int top_log_probs() const { return top_log_probs_; }

  // Takes the place of the token that was sampled: a given one, or the end of thoughts that have used up their budget.
  std::optional<TokenId> forced() const;

  // Appends this token to the answer, or ends the answer: `is_end` says whether it is an end token.
  void take(const TokenLogProb& token, bool is_end, const Tokenizer& tokenizer);
  void finish(FinishReason reason, std::optional<TokenLogProb> end = {});
  void fail(std::string why);

 private:
  int64_t fed() const { return cache_ ? cache_->length() : 0; }
  int64_t answered() const { return static_cast<int64_t>(tokens_.size()) - prompt_tokens_; }
  void say(std::string text);
  void end(FinishReason reason, std::optional<TokenLogProb> end_token, std::string why);

  const std::shared_ptr<GenerationState> state_;
  const int number_;
  const uint64_t group_;
  std::vector<TokenId> tokens_;  // prompt and answer
  const int64_t prompt_tokens_, limit_;
  const bool ignore_end_, tells_place_;
  const LogProbs log_probs_;
  const int top_log_probs_;
  const float temperature_;
  Sampler sampler_;
  const std::vector<TokenId> given_;
  ThinkBudget think_;
  Utf8Stream utf8_;
  StopFilter stop_;
  std::optional<KvSequence> cache_;
  int64_t feeding_ = 0;          // of the last tokens in the cache: what this step feeds
  size_t made_ = 0, said_ = 0;   // bytes of text that went into the stop filter, and that came out
  std::vector<TextMark> marks_;  // whose text before them is still held back
  bool begun_ = false, done_ = false;
};

}  // namespace hadal
