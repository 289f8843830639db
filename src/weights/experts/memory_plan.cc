#include "weights/experts/memory_plan.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "ops/ops.h"

namespace hadal::weights {
namespace {

std::string gigabytes(uint64_t bytes) { return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9); }

}  // namespace

int64_t planned_context(const ModelConfig& config, int64_t context) {
  return context > 0 ? context : std::min<int64_t>(config.max_context, 32768);
}

uint64_t cache_bytes(const ModelConfig& config, const RunPlan& run) {
  constexpr int64_t kBlock = KvCache::kBlockTokens;
  const int64_t context = std::min(planned_context(config, run.context), config.max_context);
  const int64_t blocks = (std::max(context * run.sequences, run.least_tokens) + kBlock - 1) / kBlock;
  return static_cast<uint64_t>(blocks * kBlock *
                               KvCache::bytes_per_token(config, run.kv_type.value_or(kv_type_of(run.precision))));
}

uint64_t work_bytes(const ModelConfig& c, const RunPlan& run) {
  const int64_t query =
      c.is_mla() ? c.heads * (c.nope_dim + c.rope_dim + 2 * c.kv_lora + c.v_dim) : 3 * c.heads * c.head_dim;
  const int64_t dense = 3 * c.dense_inner,
                moe = c.top_k * (3 * c.expert_inner + 2 * c.hidden) + 3 * c.shared_experts * c.expert_inner;
  const int64_t numbers = 6 * c.hidden + query + std::max(dense, moe);  // of one token in one layer
  const int64_t scores = std::max<int64_t>({run.sequences, run.streams, 1}) * c.vocab;
  const KvRow one_head{kv_type_of(run.precision), c.nope_dim + c.rope_dim + c.v_dim};
  const int64_t expanded =
      c.is_mla() ? std::max(kExpandedBytes, planned_context(c, run.context) * one_head.bytes()) : 0;
  constexpr uint64_t kProgram = uint64_t{256} << 20;  // tokenizer, stacks and scratch memory of threads
  return static_cast<uint64_t>((run.step_tokens * numbers + scores) * 4 + expanded) + kProgram + run.other_bytes;
}

uint64_t packed_bytes(const Param& param, const ModelConfig& config, const RunPlan& run, bool quantised) {
  if (param.shape.size() < 2 || (param.group == ParamGroup::embedding && !config.tied_head)) return 0;
  // Keys are multiplied both ways (model/blocks/attention.cc, ops/attention_expanded.cc).
  if (quantised && !param.name.ends_with("kv_b_proj.weight") && !param.name.ends_with("k_b_proj.weight")) return 0;
  const bool exact = param.group == ParamGroup::router || run.precision == Precision::f32;
  return static_cast<uint64_t>(num_elements(param.shape)) * (exact ? 4 : 2);
}

std::string MemoryPlan::text() const {
  const std::string way = expert_cache_bytes > 0 ? fmt::format("experts are read on demand, {} of them are kept",
                                                               gigabytes(expert_cache_bytes))
                                                 : "all stays in memory";
  return fmt::format(
      "memory: weights {} copied, {} mapped (of which experts {}), cache {}, work space {}; {} available: {}",
      gigabytes(copied_bytes), gigabytes(mapped_bytes), gigabytes(expert_bytes), gigabytes(cache_bytes),
      gigabytes(work_bytes), gigabytes(available_bytes), way);
}

void check_fits(const MemoryPlan& plan, std::string_view who) {
  const uint64_t available = available_memory_bytes();
  if (plan.copied_bytes <= available) return;
  fail(
      "{}: the weights need {} of memory (and {} stay in the file), and this machine has {} left; free some, or take a "
      "smaller model",
      who, gigabytes(plan.copied_bytes), gigabytes(plan.mapped_bytes), gigabytes(available));
}

void decide(MemoryPlan& plan, uint64_t asked, std::string_view who) {
  const uint64_t dense = plan.dense_bytes(), available = plan.available_bytes;
  const uint64_t left = available - std::min(available, dense);
  plan.expert_cache_bytes = 0;
  if (asked > 0 && plan.expert_bytes == 0)
    fail("{}: expert cache: expected a GGUF file with quantised experts, found none; leave it out", who);
  if (asked == 0 && dense <= available && plan.expert_bytes <= left) return;
  // A sixteenth is left for what the plan does not count.
  const uint64_t most = left - left / 16, wanted = asked > 0 ? asked : most;
  const bool fits =
      dense <= available && plan.expert_bytes > 0 && (asked > 0 ? asked <= left : most >= plan.least_expert_bytes);
  if (!fits) {
    fail(
        "{}: expected {} of memory (weights {}, cache {}, work space {}) and {} for experts, of which a file has {}, "
        "found {} "
        "left; free some, or take a shorter context, an 8-bit cache or a smaller model",
        who, gigabytes(dense), gigabytes(plan.copied_bytes + plan.mapped_bytes - plan.expert_bytes),
        gigabytes(plan.cache_bytes), gigabytes(plan.work_bytes), gigabytes(asked > 0 ? asked : plan.least_expert_bytes),
        gigabytes(plan.expert_bytes), gigabytes(available));
  }
  plan.expert_cache_bytes = wanted;
}

void plan_run(MemoryPlan& plan, const ModelConfig& config, const RunPlan& run, std::string_view who) {
  plan.cache_bytes = cache_bytes(config, run);
  plan.work_bytes = work_bytes(config, run);
  plan.available_bytes = available_memory_bytes();
  decide(plan, run.expert_cache_bytes, who);
  if (plan.mapped_bytes > 0) log_info("{}", plan.text());
}

}  // namespace hadal::weights
