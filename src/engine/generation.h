// What a request asks of the engine, what it gets back, and the handle between the two.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampler.h"

namespace hadal {

// While a request waits for its first token: its place in the queue, 1 is next, or 0 once its prefill began; each time
// that it changes and a few times a second, so that who has gone need not be served. Return false to cancel. Called on
// the thread that follows the request.
using OnPlace = std::function<bool(int64_t)>;

// Which log-probabilities a result holds. All are of softmax over the model's whole vocabulary, before penalties,
// biases, top-k, top-p and min-p; in float, by the arithmetic that training has too (decision 001 says when the bits
// agree).
enum class LogProbs {
  none,
  raw,             // of the logits as they are: what OpenAI's `logprobs` reports
  at_temperature,  // of the logits divided by the request's temperature: what reinforcement learning needs
};

struct GenerateRequest {
  std::vector<TokenId> prompt;  // not empty
  SamplingOptions sampling;
  int64_t max_tokens = 0;         // 0: as many as the context holds
  std::vector<std::string> stop;  // the answer ends before the first of these
  bool ignore_end = false;        // the model's end token does not end the answer: for measurements of a fixed length
  // Answers to the one prompt, which is read once. Answer i is the one of a request of its own with the seed
  // answer_seed(sampling.seed, i): bit for bit with bf16 and f32 weights.
  int answers = 1;
  LogProbs log_probs = LogProbs::none;
  int top_log_probs = 0;  // with log_probs: so many of the likeliest tokens beside each chosen one
  // Thoughts stand at the beginning of an answer and end with the token think_end (</think>; -1: the answer has none).
  // They begin with the answer itself, or, where think_begin (<think>) is given, only if that is its first token. Where
  // think_end was not sampled among the first think_tokens tokens, the engine forces it: it is fed and stands in `ids`
  // as any other, and its log-probability is the model's. 0: the first token is forced; none: no limit.
  TokenId think_begin = -1, think_end = -1;
  std::optional<int64_t> think_tokens = {};
  // The answer begins with these tokens: each is fed in its turn in place of the one that was sampled, and its
  // log-probability is the model's. An end token among them ends the answer, unless ignore_end.
  std::vector<TokenId> given = {};
  // For generate() and generate_all() alone.
  OnPlace on_place = {};
  bool text_from_engine =
      false;  // on_text is called on the engine's thread: it must be quick, and neither wait nor throw
};
uint64_t answer_seed(uint64_t seed, int answer);  // of answer 0: the seed itself

enum class FinishReason { stop, length, cancelled };
std::string_view finish_reason_name(FinishReason reason);  // "stop", "length", "cancelled"

struct TokenChoice {
  TokenId id = 0;
  float log_prob = 0;
};
struct TokenLogProb {
  TokenId id = 0;
  float log_prob = 0;
  // The likeliest tokens, best first, of equals the lower id; the chosen one may be among them.
  std::vector<TokenChoice> top = {};
};

// A special token, which the text leaves out: it stands before byte `at` of the text. So does a think_end that was
// forced and is no special token; there its own text follows.
struct TextMark {
  size_t at = 0;
  TokenId id = 0;
};

struct GenerateResult {
  std::string text;  // whole answer, valid UTF-8, without the stop string and without special tokens
  std::vector<TextMark> marks;
  std::vector<TokenId> ids;             // without the end token
  std::vector<TokenLogProb> log_probs;  // of each of `ids`, where they were asked for
  std::optional<TokenLogProb> end;  // the end token that ended the answer; its log_prob is 0 where none is asked for
  FinishReason finish = FinishReason::stop;
  int64_t prompt_tokens = 0, answer_tokens = 0;
  int64_t think_tokens = 0;  // of answer_tokens: those before think_end, or all where the answer ended in its thoughts
  int64_t forced = -1;       // where in `ids` a think_end stands that was not sampled: training masks it; -1: nowhere
  double first_token_seconds = 0, total_seconds = 0;
};

// What one answer grew by.
struct AnswerPiece {
  int answer = 0;               // of the request's answers
  std::string text;             // valid UTF-8, never part of a stop string; empty where only marks or ids came
  std::vector<TextMark> marks;  // `at` counts from the beginning of this text
  std::vector<TokenId> ids;     // tokens since the last piece; the text of the last ones may come in the next piece
  std::vector<TokenLogProb> log_probs;  // of these
};

// A piece of text as it is made: valid UTF-8, not empty, never part of a stop string. Return false to cancel. Called on
// the thread that called generate(), unless the request says otherwise; never after generate() has returned.
using OnText = std::function<bool(std::string_view)>;
// The same with marks, ids and log-probabilities. Return false to cancel this answer; the request's others continue.
using OnPiece = std::function<bool(const AnswerPiece&)>;

struct GenerationState;  // what the engine's thread and the holder of the handle exchange

// A request on its way. Cheap: no thread belongs to it. Whoever holds it may use it from one thread at a time; it may
// outlive the engine, which cancels what it has not finished. Destroying it cancels the answers that have not ended
// and, where there is an on_piece, waits until that is called no more (so not from within one).
class Generation {
 public:
  explicit Generation(std::shared_ptr<GenerationState> state) : state_(std::move(state)) {}  // Engine::submit() does
  ~Generation() { release(); }
  Generation(Generation&&) noexcept = default;
  Generation& operator=(Generation&& other) noexcept;

  bool done() const;  // every answer has ended
  // What has come since the last call, at most one piece an answer; does not block. Nothing where submit() was given an
  // on_piece, which gets it instead.
  std::vector<AnswerPiece> poll();
  // Waits until every answer has ended and returns them by their number; once. Throws Error where one failed.
  std::vector<GenerateResult> wait();
  bool wait_for(std::chrono::milliseconds at_most);  // done()
  // wait(), and until then calls both, where given, on this thread as pieces and places come.
  std::vector<GenerateResult> follow(const OnPiece& on_piece, const OnPlace& on_place = {});
  void cancel();  // soon; what was made so far is the result
  void cancel(int answer);

 private:
  void release();
  std::shared_ptr<GenerationState> state_;
};

}  // namespace hadal
