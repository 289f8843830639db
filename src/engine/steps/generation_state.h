// What the engine's thread and the holder of a Generation exchange. The engine's thread writes; all but `cancelled` is
// read and written under the mutex.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "engine/generation.h"
#include "engine/steps/think_budget.h"

namespace hadal {

struct GenerationState {
  GenerationState(int answers, int64_t prompt_tokens, OnPiece on_piece);

  struct Answer {
    GenerateResult result;                               // as far as it is made
    size_t told_text = 0, told_marks = 0, told_ids = 0;  // of it
    bool done = false;
    bool refused = false;  // who follows wants no more of it
    std::string error;
    std::atomic<bool> cancelled = false;
  };

  // Of the engine's thread.
  void add(int answer, const TokenLogProb& token, TokenRole role, bool with_log_prob);  // its text comes with say()
  void say(int answer, std::string_view text, std::span<const TextMark> marks);         // `at` as in the result
  void end(int answer, FinishReason reason, std::optional<TokenLogProb> end_token = {}, std::string error = {});
  void set_place(int64_t number);

  // With the mutex held.
  bool has_news() const;
  bool all_done() const { return running == 0; }
  bool has_text() const;
  std::vector<AnswerPiece> take_news();

  double seconds() const;

  const OnPiece on_piece;  // called without the mutex
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::vector<Answer> answers;  // never changes its size

  std::mutex mutex;
  std::condition_variable news;   // a piece, a new place or an end, for who follows
  std::condition_variable ended;  // the last answer, for who waits for all
  int running = 0;                // answers that have not ended
  int64_t place = 0;              // in the queue

 private:
  bool has_news(const Answer& answer) const;
  AnswerPiece take_piece(int number);
  void hand_over(int number);
};

}  // namespace hadal
