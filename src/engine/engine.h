// Runs a model for many requests at once. One thread of its own takes steps: each step feeds every running sequence
// (a chunk of the prompt, or the last token) through one ragged forward and samples. Requests are served in order of
// arrival and share the steps evenly; sampled text does not depend on what runs beside it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/generation.h"
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

// What happens to answers in flight at between_steps().
enum class InFlight {
  finish,  // they end first; those that have not begun wait
  pause,   // they are preempted and resume afterwards: their caches are dropped and computed again
};

class Engine {
 public:
  Engine(std::shared_ptr<Model> model, std::shared_ptr<const Tokenizer> tokenizer, EngineOptions options);
  ~Engine();  // cancels what runs

  // Takes a request in and returns at once; thousands may wait. `on_piece` is called on the engine's thread: it must be
  // quick, and neither wait nor throw. May be called from many threads. Throws Error for an impossible request (empty
  // prompt, prompt longer than the context, options out of range), naming the field and the limit.
  Generation submit(const GenerateRequest& request, OnPiece on_piece = {});

  // Blocks until the answer is complete. Of a request with one answer.
  GenerateResult generate(const GenerateRequest& request, const OnText& on_text = {});
  // The same for all answers, by their number. `on_piece` is called as on_text is.
  std::vector<GenerateResult> generate_all(const GenerateRequest& request, const OnPiece& on_piece = {});

  // Runs `fn` on the engine's thread while nothing is computed, and waits for it; what it throws is thrown here. The
  // one place where weights of a model that is being served may change: afterwards no row remains that the old ones
  // made. Requests may be submitted meanwhile; calls from several threads run one after the other. Not from within an
  // on_piece. Throws Error when the engine ends before.
  void between_steps(const std::function<void()>& fn, InFlight in_flight = InFlight::finish);

  const Model& model() const;
  const Tokenizer& tokenizer() const;
  int64_t max_context() const;
  struct Stats {
    int64_t running = 0, waiting = 0, prompt_tokens = 0, answer_tokens = 0;
    int64_t visitors = 0;   // callers waiting in between_steps()
    int64_t preempted = 0;  // times that a sequence was preempted
    double busy_seconds = 0;
  };
  Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
