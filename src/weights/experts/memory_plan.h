// How much memory a model takes, counted before any is taken, so that one that does not fit is refused instead of
// killed, or its experts are read from disk on demand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/model.h"

namespace hadal::weights {

// What a model is loaded for, as far as memory is concerned.
struct RunPlan {
  int64_t context = 0;       // tokens of one sequence; 0: the model's, at most 32768
  int64_t sequences = 1;     // full contexts; 0: there is no cache
  int64_t streams = 0;       // answers that are written at once, where these are more
  int64_t least_tokens = 0;  // of the cache, where full contexts are less
  int64_t step_tokens = 512;
  Precision precision = Precision::bf16;
  std::optional<KvType> kv_type = {};  // of the cache; none: as precision reads it
  uint64_t other_bytes = 0;            // what the program takes beside
  uint64_t expert_cache_bytes = 0;  // of a file's quantised experts; 0: all in memory where they fit, else what is left
};
int64_t planned_context(const ModelConfig& config, int64_t context);  // RunPlan::context
// An estimate of what steps take beside weights and cache.
uint64_t work_bytes(const ModelConfig& config, const RunPlan& run);
uint64_t cache_bytes(const ModelConfig& config, const RunPlan& run);
// The copies of a matrix that products make on first use and keep (Weight::product).
uint64_t packed_bytes(const Param& param, const ModelConfig& config, const RunPlan& run, bool quantised);

struct MemoryPlan {
  uint64_t copied_bytes = 0;        // tensors in memory of our own, with the packed copies that products make of them
  uint64_t mapped_bytes = 0;        // read from the file as they lie
  uint64_t expert_bytes = 0;        // of these, what can be read on demand
  uint64_t least_expert_bytes = 0;  // of these, what one token needs of a layer at once
  uint64_t cache_bytes = 0, work_bytes = 0;
  uint64_t available_bytes = 0;
  uint64_t expert_cache_bytes = 0;  // decide(): 0 when everything stays in memory

  uint64_t dense_bytes() const { return copied_bytes + mapped_bytes - expert_bytes + cache_bytes + work_bytes; }
  std::string text() const;  // one line
};

// Throws Error with the figures when the machine has not got what must stay in memory: the copied part.
void check_fits(const MemoryPlan& plan, std::string_view who);

// Whether the experts stay in memory or come from disk: sets plan.expert_cache_bytes. Throws Error with the figures
// when neither fits into plan.available_bytes. `asked`: RunPlan::expert_cache_bytes.
void decide(MemoryPlan& plan, uint64_t asked, std::string_view who);

// The rest of a plan whose weights are counted: for this use, on this machine, decided. Logs it where a file is mapped.
void plan_run(MemoryPlan& plan, const ModelConfig& config, const RunPlan& run, std::string_view who);

}  // namespace hadal::weights
