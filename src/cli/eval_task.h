// What the tasks of `hadal eval` have in common.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json_fwd.h"
#include "cli/samples_file.h"
#include "engine/engine.h"
#include "weights/load.h"

namespace hadal {

struct EvalOptions {
  std::string model, task, file;
  int64_t limit = 0, context = 0, max_tokens = 512, parallel = 16;
  bool json = false;
  Precision precision = Precision::bf16;
  std::optional<KvType> kv_type;
  // Of reason.
  int64_t answers = 1, votes = 0, think = 768;  // replies to an item; of these, how many vote; tokens of thinking
  double temperature = 0;
  std::vector<std::pair<std::string, int64_t>> made;  // in place of a file: so many items of each kind
  bool held_out_wordings = false;
  uint64_t seed = 0;
};

// Ctrl-C and SIGTERM set it: the measuring ends, and what was measured so far is printed.
extern std::atomic<bool> eval_stopped;

// Measures a model; where the task has replies it writes them.
using Measure = std::function<OrderedJson(const weights::LoadedModel&, SamplesFile&)>;

// Read the whole file first, so that a bad line is found before a model is loaded.
Measure prepare_reason(const EvalOptions& o);

// The head of a result: how many items it is about, and of how many where the evaluation was stopped.
OrderedJson result_of(const EvalOptions& o, size_t measured, size_t items);
EngineOptions engine_options(const EvalOptions& o, const weights::LoadedModel& loaded);

}  // namespace hadal
