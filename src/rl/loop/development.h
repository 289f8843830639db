// How often a model's likeliest reply to held-out items is right.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "rl/loop/items.h"
#include "rl/loop/rollout.h"

namespace hadal::rl {

struct KindScore {
  std::string kind;
  int64_t items = 0, right = 0, unfinished = 0, think_tokens = 0;
  int64_t failed_verdicts = 0;  // replies that a program should have judged; they do not count among the items
  double pass_at_1() const { return items > 0 ? static_cast<double>(right) / static_cast<double>(items) : 0; }
};

// `count` items of each kind, drawn by seed; that of a run's validations.
std::vector<Question> development_questions(const Items& items, int64_t count, uint64_t seed);
uint64_t development_seed(uint64_t run_seed);

// The model's replies to these.
std::vector<KindScore> measure_development(const Roller& roller, const Items& items, int64_t count, uint64_t seed);

double mean_pass(const std::vector<KindScore>& scores);  // over the kinds, each the same

// {KIND: {"items", "pass@1", "interval_95": [low, high], "think_tokens", "unfinished"}}, and where there are any
// "failed_verdicts".
OrderedJson scores_json(const std::vector<KindScore>& scores);

}  // namespace hadal::rl
