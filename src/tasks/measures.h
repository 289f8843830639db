// What texts say of a model: how well it predicts them, and which of two it finds likelier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "tasks/text_scorer.h"

namespace hadal::tasks {

// Of the texts that were scored whole (all, unless the scorer was stopped).
struct Perplexity {
  size_t measured = 0;            // texts
  int64_t bytes = 0, tokens = 0;  // of these
  double nats = 0;                // what their tokens cost in all
  double bits_per_byte() const;   // bytes > 0
  double per_token() const;       // tokens > 0
};
Perplexity measure_perplexity(TextScorer& scorer, std::span<const std::string> texts);

struct TextPair {
  std::string good, bad;
};
struct Choices {
  size_t measured = 0, right = 0;  // pairs; right: the good text is the likelier one
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(measured); }  // measured > 0
};
Choices measure_choices(TextScorer& scorer, std::span<const TextPair> pairs);

}  // namespace hadal::tasks
