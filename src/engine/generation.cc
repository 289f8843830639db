#include "engine/generation.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/steps/generation_state.h"

namespace hadal {
namespace {

constexpr auto kAskAgain = std::chrono::milliseconds(250);  // whether who waits is still there

}  // namespace

uint64_t answer_seed(uint64_t seed, int answer) {
  return answer == 0 ? seed : Rng(seed, static_cast<uint64_t>(answer)).next();
}

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "";
}

GenerationState::GenerationState(int num_answers, int64_t prompt_tokens, OnPiece callback)
    : on_piece(std::move(callback)), answers(static_cast<size_t>(num_answers)), running(num_answers) {
  for (Answer& answer : answers) answer.result.prompt_tokens = prompt_tokens;
}

double GenerationState::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void GenerationState::add(int number, const TokenLogProb& token, TokenRole role, bool with_log_prob) {
  const std::lock_guard lock(mutex);
  GenerateResult& result = answers[static_cast<size_t>(number)].result;
  if (result.ids.empty()) result.first_token_seconds = seconds();
  if (role == TokenRole::forced) result.forced = std::ssize(result.ids);
  if (role == TokenRole::thought) ++result.think_tokens;
  result.ids.push_back(token.id);
  if (with_log_prob) result.log_probs.push_back(token);
}

void GenerationState::say(int number, std::string_view text, std::span<const TextMark> marks) {
  if (text.empty() && marks.empty()) return;
  {
    const std::lock_guard lock(mutex);
    GenerateResult& result = answers[static_cast<size_t>(number)].result;
    result.text += text;
    result.marks.insert(result.marks.end(), marks.begin(), marks.end());
    if (!on_piece) news.notify_all();
  }
  if (on_piece) hand_over(number);
}

void GenerationState::end(int number, FinishReason reason, std::optional<TokenLogProb> end_token, std::string error) {
  Answer& answer = answers[static_cast<size_t>(number)];
  if (on_piece && answer.result.ids.size() > answer.told_ids) hand_over(number);
  const std::lock_guard lock(mutex);
  GenerateResult& result = answer.result;
  result.end = std::move(end_token);
  result.finish = reason;
  result.answer_tokens = static_cast<int64_t>(result.ids.size());
  result.total_seconds = seconds();
  answer.error = std::move(error);
  answer.done = true;
  --running;
  news.notify_all();
  if (running == 0) ended.notify_all();
}

void GenerationState::set_place(int64_t number) {
  const std::lock_guard lock(mutex);
  if (place == number) return;
  place = number;
  news.notify_all();
}

// An end tells of tokens too that brought no text.
bool GenerationState::has_news(const Answer& answer) const {
  if (answer.refused) return false;
  return answer.result.text.size() > answer.told_text || answer.result.marks.size() > answer.told_marks ||
         (answer.done && answer.result.ids.size() > answer.told_ids);
}

bool GenerationState::has_news() const {
  return !on_piece && std::ranges::any_of(answers, [&](const Answer& answer) { return has_news(answer); });
}

bool GenerationState::has_text() const {
  return std::ranges::any_of(answers, [](const Answer& answer) { return !answer.result.text.empty(); });
}

std::vector<AnswerPiece> GenerationState::take_news() {
  std::vector<AnswerPiece> pieces;
  if (on_piece) return pieces;
  for (size_t i = 0; i < answers.size(); ++i)
    if (has_news(answers[i])) pieces.push_back(take_piece(static_cast<int>(i)));
  return pieces;
}

AnswerPiece GenerationState::take_piece(int number) {
  Answer& answer = answers[static_cast<size_t>(number)];
  const GenerateResult& result = answer.result;
  const auto from = [](const auto& all, size_t begin) {
    return std::vector(all.begin() + static_cast<std::ptrdiff_t>(std::min(begin, all.size())), all.end());
  };
  AnswerPiece piece{number, result.text.substr(answer.told_text), from(result.marks, answer.told_marks),
                    from(result.ids, answer.told_ids), from(result.log_probs, answer.told_ids)};
  for (TextMark& mark : piece.marks) mark.at -= answer.told_text;
  answer.told_text = result.text.size(), answer.told_marks = result.marks.size(), answer.told_ids = result.ids.size();
  return piece;
}

void GenerationState::hand_over(int number) {
  Answer& answer = answers[static_cast<size_t>(number)];
  AnswerPiece piece;
  {
    const std::lock_guard lock(mutex);
    piece = take_piece(number);
  }
  try {
    if (!answer.cancelled && !on_piece(piece)) answer.cancelled = true;
  } catch (const std::exception& e) {  // out of memory, say: other answers continue
    log_error("{}", e.what());
    answer.cancelled = true;
  }
}

Generation& Generation::operator=(Generation&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
  }
  return *this;
}

void Generation::release() {
  if (state_ == nullptr) return;
  cancel();
  if (state_->on_piece) {
    std::unique_lock lock(state_->mutex);
    state_->ended.wait(lock, [&] { return state_->all_done(); });
  }
  state_.reset();
}

bool Generation::done() const {
  const std::lock_guard lock(state_->mutex);
  return state_->all_done();
}

std::vector<AnswerPiece> Generation::poll() {
  const std::lock_guard lock(state_->mutex);
  return state_->take_news();
}

bool Generation::wait_for(std::chrono::milliseconds at_most) {
  std::unique_lock lock(state_->mutex);
  return state_->ended.wait_for(lock, at_most, [&] { return state_->all_done(); });
}

std::vector<GenerateResult> Generation::wait() {
  std::unique_lock lock(state_->mutex);
  state_->ended.wait(lock, [&] { return state_->all_done(); });
  std::vector<GenerateResult> results;
  for (GenerationState::Answer& answer : state_->answers) {
    if (!answer.error.empty()) throw Error(answer.error);
    if (answer.refused) {
      answer.result.finish = FinishReason::cancelled;
      answer.result.text.resize(answer.told_text);
      answer.result.marks.resize(answer.told_marks);
    }
    results.push_back(std::exchange(answer.result, {}));
    answer.told_text = answer.told_marks = answer.told_ids = 0;
  }
  return results;
}

std::vector<GenerateResult> Generation::follow(const OnPiece& on_piece, const OnPlace& on_place) {
  int64_t told = 0;  // of its places in the queue
  std::unique_lock lock(state_->mutex);
  const auto has_piece = [&] { return on_piece && state_->has_news(); };
  const auto has_news = [&] { return state_->all_done() || state_->place != told || has_piece(); };
  while (!state_->all_done() || has_piece()) {
    const bool asks = on_place && !has_piece() && !(state_->on_piece && state_->has_text());
    if (!asks) state_->news.wait(lock, has_news);
    const bool quiet = asks && !state_->news.wait_for(lock, kAskAgain, has_news);
    if (quiet || state_->place != told) {
      told = state_->place;
      if (!on_place) continue;
      lock.unlock();
      if (!on_place(told)) cancel();
      lock.lock();
    } else if (on_piece) {
      const std::vector<AnswerPiece> pieces = state_->take_news();
      lock.unlock();
      for (const AnswerPiece& piece : pieces) {
        if (on_piece(piece)) continue;
        cancel(piece.answer);
        lock.lock();
        state_->answers[static_cast<size_t>(piece.answer)].refused = true;
        lock.unlock();
      }
      lock.lock();
    }
  }
  lock.unlock();
  return wait();
}

void Generation::cancel() {
  for (GenerationState::Answer& answer : state_->answers) answer.cancelled = true;
}

void Generation::cancel(int answer) { state_->answers.at(static_cast<size_t>(answer)).cancelled = true; }

}  // namespace hadal
