#include "train/training_memory.h"

#include <algorithm>

#include "base/error.h"
#include "base/memory.h"

namespace hadal {
namespace {

std::string gigabytes(uint64_t bytes) {
  return fmt::format("{:.{}f} GB", static_cast<double>(bytes) / 1e9, bytes < 10'000'000'000 ? 2 : 1);
}

std::string parts(const TrainingMemory& m) {
  return fmt::format(
      "{} for weights, gradients and moments of {:.1f}M parameters ({:.1f} bytes each), {} for activations of a "
      "micro-batch{}, {} of work space",
      gigabytes(m.state_bytes), static_cast<double>(m.parameters) / 1e6,
      static_cast<double>(m.state_bytes) / static_cast<double>(std::max<int64_t>(m.parameters, 1)),
      gigabytes(m.activation_bytes),
      m.cache_bytes > 0 ? fmt::format(", {} for the cache of roll-outs", gigabytes(m.cache_bytes)) : "",
      gigabytes(m.work_bytes));
}

// Numbers that a token leaves on the tape in one layer until its backward: in f32, and in the form that products read.
struct Kept {
  double f32 = 0, operands = 0;
};

Kept attention_numbers(const ModelConfig& c, MlaForm form) {
  Kept k;
  const auto h = static_cast<double>(c.hidden), heads = static_cast<double>(c.heads);
  if (!c.is_mla()) {
    const double q = heads * static_cast<double>(c.head_dim), kv = static_cast<double>(c.kv_heads * c.head_dim);
    k.f32 = 2 * q + 3 * kv + q + h;  // before and after the rotation; the sum over values; the output
    k.operands = h + q;
    return k;
  }
  const double nope = heads * static_cast<double>(c.nope_dim), rope = heads * static_cast<double>(c.rope_dim),
               v = heads * static_cast<double>(c.v_dim), lora = static_cast<double>(c.kv_lora),
               turned = static_cast<double>(c.rope_dim);
  if (form == MlaForm::absorbed || c.split_kv_b) {
    const double latents = heads * lora;  // queries in the latent space; alike the sums over latents
    k.f32 = 2 * (nope + rope) + 4 * (lora + turned) + (nope + latents + rope) + (latents + rope) + latents + v + h;
    k.operands = h + nope + latents + v;
  } else {
    k.f32 = 2 * (nope + rope) + 3 * (lora + turned) + (nope + v) + nope + (nope + rope) + v + v + h;
    k.operands = h + lora + v;
  }
  if (c.q_lora > 0) k.f32 += 2 * static_cast<double>(c.q_lora), k.operands += static_cast<double>(c.q_lora);
  return k;
}

Kept ffn_numbers(const ModelConfig& c, bool is_moe) {
  const auto h = static_cast<double>(c.hidden);
  const auto dense = [&](double inner) { return Kept{3 * inner + h, inner + h}; };
  if (!is_moe) return dense(static_cast<double>(c.dense_inner));
  const auto k = static_cast<double>(c.top_k), inner = static_cast<double>(c.expert_inner);
  Kept out{2 * static_cast<double>(c.experts) + 2 * k * inner + k * h + h, k * h + k * inner};
  if (c.shared_experts > 0) {
    const Kept shared = dense(static_cast<double>(c.shared_experts) * inner);
    out.f32 += shared.f32 + h, out.operands += shared.operands;
  }
  return out;
}

Kept layer_numbers(const ModelConfig& c, bool is_moe, MlaForm form) {
  const Kept a = attention_numbers(c, form), f = ffn_numbers(c, is_moe);
  return {a.f32 + f.f32 + 4 * static_cast<double>(c.hidden), a.operands + f.operands};  // two norms, two sums
}

double activation_bytes(const ModelConfig& c, bool bf16, const LossOptions& loss) {  // of a token
  const auto h = static_cast<double>(c.hidden);
  const double operand = bf16 ? 2 : 0;  // f32 products read the numbers as they are
  double bytes = 0, largest = 0;
  const auto add = [&](const Kept& k) {
    bytes += 4 * k.f32 + operand * k.operands;
    largest = std::max(largest, 4 * k.f32);
  };
  for (int64_t layer = 0; layer < c.layers; ++layer) add(layer_numbers(c, c.layer_is_moe(layer), loss.mla_form));
  if (loss.mtp_weight > 0) {
    for (int64_t i = 0; i < c.mtp_depth; ++i) add(layer_numbers(c, c.layer_is_moe(c.layers + i), loss.mla_form));
    bytes += static_cast<double>(c.mtp_depth) * h * (4 * 9 + operand * 2);
  }
  return bytes + 4 * 4 * h + largest;  // embedding, the last norm, their gradients; the gradients of one layer
}

}  // namespace

TrainingMemory plan_training(const ModelConfig& c, const TrainerSpec& trainer, int64_t tokens, const LossOptions& loss,
                             int threads) {
  const bool bf16 = trainer.precision == Precision::bf16;
  TrainingMemory plan;
  Model shapes(c);
  double state = 0, scratch = 0;
  for (const Param* p : shapes.params()) {
    const auto n = static_cast<double>(num_elements(p->shape));
    const bool trained = p->group != ParamGroup::buffer, matrix = p->group == ParamGroup::matrix;
    const bool muon = trainer.optimizer.muon && matrix;
    plan.parameters += num_elements(p->shape);
    state += n * (trained ? 4 + 4 + (muon ? 4 : 8) : 4);
    const bool packed = p->shape.size() > 1 && (p->group != ParamGroup::embedding || c.tied_head);
    const bool exact = !bf16 || p->group == ParamGroup::router;
    if (packed) state += 2 * n * (exact ? 4 : 2);
    if (!muon) continue;
    const auto rows = static_cast<double>(p->shape[p->shape.size() - 2]), cols = static_cast<double>(p->shape.back());
    const double small = std::min(rows, cols);
    scratch = std::max(scratch, 4 * (3 * rows * cols + 3 * small * small));
  }
  constexpr double kLogitRows = 512, kProgram = 64 << 20;
  const auto rows = static_cast<double>(tokens);
  const double logits = std::min(rows, kLogitRows) * static_cast<double>(c.vocab) * (bf16 ? 6 : 4);
  plan.state_bytes = static_cast<uint64_t>(state);
  plan.activation_bytes = static_cast<uint64_t>(rows * activation_bytes(c, bf16, loss));
  plan.work_bytes = static_cast<uint64_t>(std::max(logits, scratch * threads) + kProgram);
  plan.available_bytes = available_memory_bytes();
  return plan;
}

TrainingMemory plan_training(const Recipe& recipe, const ModelConfig& config, int threads) {
  ModelConfig c = config;
  const TokenizerSpec& t = recipe.tokenizer;
  if (c.vocab == 0) c.vocab = t.bytes_only ? 256 + 1 : t.vocab;
  int64_t tokens = 0;
  LossOptions loss{.mtp_weight = 0};
  for (const StageSpec& stage : recipe.stages) {
    tokens = std::max({tokens, stage.sequence_length, std::min(stage.micro_batch_tokens, stage.batch_tokens)});
    loss.mtp_weight = std::max(loss.mtp_weight, static_cast<float>(stage.mtp_weight));
  }
  return plan_training(c, recipe.trainer, tokens, loss, threads);
}

std::string TrainingMemory::text() const {
  return fmt::format("memory: {}; {} available", parts(*this), gigabytes(available_bytes));
}

void check_fits(const TrainingMemory& plan, std::string_view who) {
  if (plan.needed_bytes() <= plan.available_bytes) return;
  const bool rest_fits = plan.needed_bytes() - plan.activation_bytes <= plan.available_bytes;
  fail("{}: expected {} of memory ({}), found {} available; {}", who, gigabytes(plan.needed_bytes()), parts(plan),
       gigabytes(plan.available_bytes),
       rest_fits ? "take a smaller micro_batch_tokens (and shorter sequences)"
                 : "take a smaller model: fewer layers, a smaller hidden size");
}

}  // namespace hadal
