// How likely a model finds texts: the log-probabilities of their tokens, summed.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace hadal::tasks {

struct TextScorerOptions {
  int64_t context = 0;  // longest window, in tokens; 0: the model's own, at most 4096
  Precision precision = Precision::bf16;
  std::optional<KvType> kv_type = {};       // through a cache of this type, as an answer would read it; none: no cache
  const std::atomic<bool>* stop = nullptr;  // where it becomes true, what is left is not scored
};

struct TextScore {
  double log_prob = 0;            // natural logarithm
  int64_t bytes = 0, tokens = 0;  // that were scored
  bool whole = false;             // false: stopped before all of the text was scored
};

// Texts longer than the context are scored in windows of at most `context` tokens that overlap, so that each token is
// scored once, with at least half a window before it (or all there is). A text stands after the model's begin token (or
// end token, where it has none); where the model has neither, its first token has nothing before it and is not scored.
class TextScorer {
 public:
  // Both outlive it. Error where the context is longer than the model's or shorter than two tokens.
  TextScorer(Model& model, const Tokenizer& tokenizer, TextScorerOptions options = {});

  std::vector<TextScore> score(std::span<const std::string> texts);

 private:
  struct Window {
    std::vector<TokenId> ids;
    size_t first_scored = 1;
    size_t text = 0;
  };
  void add_windows(const std::vector<TokenId>& ids, size_t text, std::vector<Window>& windows) const;
  void run(std::span<const Window> windows, std::vector<TextScore>& scores);
  std::vector<double> log_probs(const Tensor& hidden, std::span<const int64_t> rows,
                                std::span<const TokenId> targets) const;
  Tensor run_forward(Batch& batch);

  Model& model_;
  const Tokenizer& tokenizer_;
  TextScorerOptions options_;
  Context ctx_;
  size_t context_;
};

}  // namespace hadal::tasks
