// How much memory a model takes, counted before any is allocated, so that a model that does not fit is refused instead
// of killed, or its experts are read from disk on demand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/model.h"

namespace hadal::weights {

// The use for which a model is loaded: what its memory depends on.
struct RunPlan {
  int64_t context = 0;       // tokens of one sequence; 0: the model's, at most 32768
  int64_t sequences = 1;     // full contexts in the cache; 0: no cache
  int64_t streams = 0;       // concurrent answers, if these are more
  int64_t least_tokens = 0;  // least size of the cache
  int64_t step_tokens = 512;
  Precision precision = Precision::bf16;
  std::optional<KvType> kv_type = {};  // of the cache; none: that of the precision
  uint64_t other_bytes = 0;            // taken by the rest of the program
  uint64_t expert_cache_bytes = 0;  // for a file's quantised experts; 0: all in memory if they fit, else what is left
};
int64_t planned_context(const ModelConfig& config, int64_t context);  // RunPlan::context
// An estimate of the memory of steps, apart from weights and cache.
uint64_t work_bytes(const ModelConfig& config, const RunPlan& run);
uint64_t cache_bytes(const ModelConfig& config, const RunPlan& run);
// The copies of a matrix that products make on first use and keep (Weight::product).
uint64_t packed_bytes(const Param& param, const ModelConfig& config, const RunPlan& run, bool quantised);

struct MemoryPlan {
  uint64_t copied_bytes = 0;        // tensors in allocated memory, with the packed copies that products make of them
  uint64_t mapped_bytes = 0;        // read from the mapped file
  uint64_t expert_bytes = 0;        // of these, what can be read on demand
  uint64_t least_expert_bytes = 0;  // of these, what one token needs of a layer at once
  uint64_t cache_bytes = 0, work_bytes = 0;
  uint64_t available_bytes = 0;
  uint64_t expert_cache_bytes = 0;  // decide(): 0 when everything stays in memory

  uint64_t dense_bytes() const { return copied_bytes + mapped_bytes - expert_bytes + cache_bytes + work_bytes; }
  std::string text() const;  // one line
};

// Throws Error with the figures when the copied part, which must stay in memory, does not fit.
void check_fits(const MemoryPlan& plan, std::string_view who);

// Decides whether experts stay in memory or are read on demand: sets plan.expert_cache_bytes. Throws Error with the
// figures when neither fits into plan.available_bytes. `asked`: RunPlan::expert_cache_bytes.
void decide(MemoryPlan& plan, uint64_t asked, std::string_view who);

// Completes a plan whose weights are counted: cache and work space of this use, memory of this machine, decide(). Logs
// the plan if a file is mapped.
void plan_run(MemoryPlan& plan, const ModelConfig& config, const RunPlan& run, std::string_view who);

}  // namespace hadal::weights
