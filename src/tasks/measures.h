// What texts say of a model: how well it predicts them, and which of two it finds likelier. What right and wrong
// replies say of it: pass@k, intervals, votes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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

// The chance that one of k replies is right, estimated without bias from `samples` replies of which `correct` are: Chen
// et al. 2021, eq. 1. 1 <= k <= samples. pass@k of a set of items is the mean over them.
double pass_at_k(int64_t samples, int64_t correct, int64_t k);

// Wilson's score interval of a share (Wilson 1927), at 95%. items > 0.
struct Interval {
  double low = 0, high = 1;
};
Interval wilson_interval(int64_t correct, int64_t items);

// The answer that most replies agree on, by its first place in `answers`; of equals the one seen first. Replies without
// an answer do not vote; none: nobody votes. `equal` compares two answers.
struct Vote {
  std::optional<size_t> winner;
  size_t votes = 0, voters = 0;
};
Vote majority_vote(std::span<const std::optional<std::string>> answers,
                   const std::function<bool(std::string_view, std::string_view)>& equal);

}  // namespace hadal::tasks
