// Runs a model for many requests at once. One thread of its own takes steps: each step feeds every running sequence
// (a chunk of the prompt, or the last token) through one ragged forward and samples. Requests are served in order of
// arrival and share the steps evenly; sampled text does not depend on what runs beside it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampler.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace hadal {

inline constexpr int64_t kShortTokens = 256;  // of a short question with its answer

struct EngineOptions {
  int64_t max_context = 0;  // tokens of one sequence; 0: the model's own
  int64_t cache_tokens =
      0;  // tokens of all sequences together; 0: four full contexts, and kShortTokens for each that may run
  int max_running = 64;         // sequences in one step; the rest wait in order of arrival
  int64_t prefill_chunk = 512;  // prompt tokens of one step, all sequences together
  Precision precision = Precision::bf16;
  std::vector<TokenId> ends = {};      // tokens that end an answer, beside the model's and the tokenizer's own
  std::optional<KvType> kv_type = {};  // how the cache stores its rows; none: as precision reads them
};

// While a request waits for its first token: its place in the queue, 1 is next, or 0 once it is read; each time that it
// changes and a few times a second, so that who has gone need not be served. Return false to cancel. Called on the
// thread that called generate().
using OnPlace = std::function<bool(int64_t)>;

struct GenerateRequest {
  std::vector<TokenId> prompt;  // not empty
  SamplingOptions sampling;
  int64_t max_tokens = 0;         // 0: as many as the context holds
  std::vector<std::string> stop;  // the answer ends before the first of these
  bool ignore_end = false;        // the model's end token does not end the answer: for measurements of a fixed length
  OnPlace on_place = {};
  bool text_from_engine =
      false;  // on_text is called on the engine's thread: it must be quick, and neither wait nor throw
};

enum class FinishReason { stop, length, cancelled };
std::string_view finish_reason_name(FinishReason reason);  // "stop", "length", "cancelled"

struct GenerateResult {
  std::string text;  // whole answer, valid UTF-8, without the stop string and without special tokens
  std::vector<TokenId> ids;
  FinishReason finish = FinishReason::stop;
  int64_t prompt_tokens = 0, answer_tokens = 0;
  double first_token_seconds = 0, total_seconds = 0;
};

// A piece of text as it is made: valid UTF-8, never part of a stop string. Return false to cancel. Called on the
// thread that called generate(), unless the request says otherwise; never after generate() has returned.
using OnText = std::function<bool(std::string_view)>;

class Engine {
 public:
  Engine(std::shared_ptr<Model> model, std::shared_ptr<const Tokenizer> tokenizer, EngineOptions options);
  ~Engine();  // cancels what runs

  // Blocks until the answer is complete. May be called from many threads. Throws Error for an impossible request
  // (empty prompt, prompt longer than the context, options out of range), naming the field and the limit.
  GenerateResult generate(const GenerateRequest& request, const OnText& on_text = {});

  const Model& model() const;
  const Tokenizer& tokenizer() const;
  int64_t max_context() const;
  struct Stats {
    int64_t running = 0, waiting = 0, prompt_tokens = 0, answer_tokens = 0;
    int64_t paused = 0;  // times that a sequence gave its memory to older ones, to go on later
    double busy_seconds = 0;
  };
  Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
