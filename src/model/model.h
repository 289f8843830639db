// The transformer, once: this forward trains, prefills and decodes.
//
// A Batch is ragged: flat tokens, and where each sequence begins. Without attention states, tokens attend inside the
// batch (training). With states, one per sequence, they attend over everything the sequence holds (prefill, decode).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/kv_cache.h"
#include "ops/ops.h"
#include "ops/param.h"

namespace hadal {

// The parts of a model. A tensor that a model of this configuration lacks has no name and no weight.
struct MlaParams {
  Param q_a, q_a_norm, q_b;  // q_lora > 0, else only q
  Param q, kv_a, kv_a_norm, kv_b, o;
  Param k_b, v_b;  // config.split_kv_b, in place of kv_b: [heads, kv_lora, nope] and [heads, v, kv_lora]
};
struct GqaParams {
  Param q, k, v, o, q_bias, k_bias, v_bias;
};
struct FfnParams {
  Param gate, up, down;
};
struct MoeParams {
  Param router, correction_bias;
  FfnParams experts, shared;
};
struct BlockParams {
  Param attention_norm, ffn_norm;
  MlaParams mla;
  GqaParams gqa;
  FfnParams dense;
  MoeParams moe;
  bool is_moe = false;
};
struct MtpParams {  // DeepSeek-V3, section 2.2; embedding and head are the model's own
  Param hidden_norm, embedding_norm, projection;
  BlockParams block;
  Param norm;
};

// Running a model reads it alone: forward() and its kin take it const. Yet it is for one thread at a time, since its
// weights pack copies of themselves on first use (Weight) and its rotary table grows.
struct Model {
  explicit Model(const ModelConfig& config);  // shapes only
  Model(const Model&) = delete;
  ModelConfig config;
  Param embedding, norm, head;  // head is unused when tied
  std::vector<BlockParams> blocks;
  std::vector<MtpParams> mtp;
  Rope rope;
  float attention_scale = 1;

  // Each that the configuration has, once, in file order. A parameter is listed by the call that declares it
  // (params.cc).
  const ParamList& params() { return params_; }
  const Weight& head_weight() const { return config.tied_head ? embedding.weight : head.weight; }

 private:
  ParamList params_;
};

struct Batch {
  std::vector<int32_t> ids;        // [T]
  std::vector<int32_t> positions;  // [T]
  std::vector<int32_t> offsets;    // [sequences + 1], from 0
  // [sequences], or empty. The caller has extended each by its tokens of this batch (KvSequence::extend), so that the
  // batch's tokens are the last ones of the state; forward() writes their rows and attends.
  std::vector<KvSequence*> states;

  // One more sequence, or what follows of one: its tokens at positions from `first_position` on, and its state, which
  // all sequences of a batch have or none.
  void append(std::span<const int32_t> tokens, int64_t first_position = 0, KvSequence* state = nullptr);
};

// How multi-head latent attention is computed. Expanded: keys and values of every head (cheaper for long stretches of
// new tokens). Absorbed: in the latent space (for few new tokens over a cache of latents). Both are the same function.
enum class MlaForm { expanded, absorbed };

struct ForwardOptions {
  MlaForm mla_form = MlaForm::expanded;  // without states; over a cache mla_attention() chooses
  float balance_weight = 0;              // of the sequence-wise balance loss, training only
  // Rows whose hidden states are requested, none: all. The last feed-forward is computed for these alone. Not while
  // training.
  std::optional<std::span<const int64_t>> rows = {};
};
// How many tokens chose each expert: [layers with experts, those that predict ahead last][experts].
using ExpertLoad = std::vector<std::vector<int64_t>>;
void add_load(ExpertLoad& total, const ExpertLoad& more);  // layers that `total` lacks are appended

struct ForwardResult {
  Tensor hidden;            // [T or the requested rows, hidden], before the final norm
  double balance_loss = 0;  // summed over layers, unweighted
  ExpertLoad expert_load;   // with requested rows, the last layer has these alone
};
ForwardResult forward(const Context& ctx, const Model& model, const Batch& batch, const ForwardOptions& options = {});

// Final norm and head for chosen rows (none: all) -> [rows, vocab], f32.
Tensor logits(const Context& ctx, const Model& model, const Tensor& hidden,
              std::optional<std::span<const int64_t>> rows = {});

// What training minimises. targets[t] is the token after ids[t]; weights[t] = 0 leaves a position out, and a negative
// weight makes its target less likely (linear_cross_entropy).
struct LossOptions {
  float mtp_weight = 0.3f;
  float balance_weight = 0;
  MlaForm mla_form = MlaForm::expanded;
  float scale = 1;        // of every gradient: 1 / accumulated micro-batches, 1 / weights of the whole step
  float temperature = 1;  // logits are divided by it
};
struct LossResult {
  CrossEntropy main, mtp;
  double balance = 0;
  ExpertLoad expert_load;
};
LossResult language_model_loss(const Context& ctx, const Model& model, const Batch& batch,
                               std::span<const int32_t> targets, std::span<const float> weights,
                               const LossOptions& options);

// Auxiliary-loss-free balancing (DeepSeek-V3, section 2.1.2), layer by layer (balance_experts): raises the correction
// bias of experts that got fewer tokens than the mean by `speed` and lowers the others. Returns max load / mean load,
// averaged over the layers that got tokens; 1 where none did.
double update_router_bias(Model& model, const ExpertLoad& load, float speed);

// Floating-point operations of one token's forward pass in products and attention, at `context` tokens before it.
double forward_flops_per_token(const ModelConfig& config, double context);

}  // namespace hadal
