#include "engine/steps/sequence.h"

#include <algorithm>

namespace hadal {
namespace {

SamplingOptions with_seed(SamplingOptions options, int number) {
  options.seed = answer_seed(options.seed, number);
  return options;
}

}  // namespace

Sequence::Sequence(const GenerateRequest& request, int number, uint64_t group, int64_t limit,
                   std::shared_ptr<GenerationState> state)
    : state_(std::move(state)),
      number_(number),
      group_(group),
      tokens_(request.prompt),
      prompt_tokens_(static_cast<int64_t>(request.prompt.size())),
      limit_(limit),
      ignore_end_(request.ignore_end),
      tells_place_(request.on_place && number == 0),
      log_probs_(request.log_probs),
      top_log_probs_(request.top_log_probs),
      temperature_(request.sampling.temperature),
      sampler_(with_seed(request.sampling, number), request.prompt),
      given_(request.given),
      think_(request),
      stop_(request.stop) {}

Scheduler::Standing Sequence::standing() const {
  return {.group = group_,
          .prompt = prompt_tokens_,
          .tokens = static_cast<int64_t>(tokens_.size()),
          .fed = fed(),
          .own_blocks = cache_ ? cache_->own_blocks() : 0};
}

// One that was preempted within its answer has no place in the queue.
void Sequence::set_place(int64_t place) {
  if (tells_place_) state_->set_place(answered() > 0 ? 0 : place);
}

void Sequence::begin() {
  set_place(0);
  begun_ = true;
}

bool Sequence::extend(const Scheduler::Feed& feed, KvCache& pool, const KvSequence* source) {
  feeding_ = 0;
  if (feed.count == 0) return true;
  if (source != nullptr)
    cache_.emplace(*source, feed.shares);
  else if (!cache_)
    cache_.emplace(pool);
  if (!cache_->extend(feed.count)) return false;
  feeding_ = feed.count;
  return true;
}

std::span<const TokenId> Sequence::to_feed() const {
  return std::span(tokens_).subspan(static_cast<size_t>(fed() - feeding_), static_cast<size_t>(feeding_));
}

void Sequence::drop_cache() {
  cache_.reset();
  feeding_ = 0;
}

std::optional<TokenId> Sequence::forced() const {
  const auto next = static_cast<size_t>(answered());
  return next < given_.size() ? std::optional(given_[next]) : think_.forced();
}

void Sequence::take(const TokenLogProb& token, bool is_end, const Tokenizer& tokenizer) {
  if (is_end && !ignore_end_) return finish(FinishReason::stop, token);
  tokens_.push_back(token.id);
  sampler_.accept(token.id);
  const TokenRole role = think_.take(token.id);
  state_->add(number_, token, role, log_probs_ != LogProbs::none);
  const std::string text = utf8_.push(tokenizer.decode({&token.id, 1}, /*keep_special=*/false));
  const bool special = tokenizer.is_special(token.id);
  if (special || role == TokenRole::forced) marks_.push_back({special ? made_ + text.size() : made_, token.id});
  made_ += text.size();
  say(stop_.push(text));
  if (stop_.found()) return finish(FinishReason::stop);
  if (answered() >= limit_) finish(FinishReason::length);
}

// With the marks that stand before or right behind what is said.
void Sequence::say(std::string text) {
  said_ += text.size();
  const auto held = std::ranges::find_if(marks_, [&](const TextMark& mark) { return mark.at > said_; });
  state_->say(number_, text, {marks_.begin(), held});
  marks_.erase(marks_.begin(), held);
}

void Sequence::finish(FinishReason reason, std::optional<TokenLogProb> end_token) {
  if (reason != FinishReason::cancelled && !stop_.found()) {
    const std::string last = utf8_.finish();
    made_ += last.size();
    std::string rest = stop_.push(last);
    if (!stop_.found()) rest += stop_.finish();
    say(std::move(rest));
  }
  end(stop_.found() ? FinishReason::stop : reason, std::move(end_token), "");
}

void Sequence::fail(std::string why) { end(FinishReason::cancelled, {}, std::move(why)); }

void Sequence::end(FinishReason reason, std::optional<TokenLogProb> end_token, std::string why) {
  drop_cache();
  done_ = true;
  state_->end(number_, reason, std::move(end_token), std::move(why));
}

}  // namespace hadal
