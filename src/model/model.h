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

#include "base/rng.h"
#include "model/config.h"
#include "model/kv_cache.h"
#include "ops/ops.h"

namespace hadal {

// Which optimizer a parameter gets: Muon for hidden matrices, AdamW for embeddings, head, norms, router, biases;
// buffers (the router's correction bias) are not trained by gradients.
enum class ParamGroup { matrix, embedding, head, vector, router, buffer };

struct Param {
  std::string name;  // as in Hugging Face's files, e.g. model.layers.0.self_attn.o_proj.weight; experts: one stack,
                     // with "experts.*." in its name, saved as one tensor an expert
  std::string gguf_name;  // as in GGUF files, e.g. blk.0.attn_output.weight; experts: the stack as a whole
  Shape shape;
  float init_std = 0;  // 0: zeros; negative: ones
  ParamGroup group = ParamGroup::matrix;
  bool decay = true;      // weight decay applies
  bool keep_f32 = false;  // saved as F32 (correction bias)
  Weight weight;          // empty until initialised or loaded
};

// Any module that the trainer can train: a list of parameters, in a fixed order.
using ParamList = std::vector<Param*>;

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
  std::vector<int64_t> load;  // tokens per expert since the last balance update (training)
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

struct Model {
  explicit Model(const ModelConfig& config);  // shapes only
  Model(const Model&) = delete;
  ModelConfig config;
  Param embedding, norm, head;  // head is unused when tied
  std::vector<BlockParams> blocks;
  std::vector<MtpParams> mtp;
  Rope rope;
  float attention_scale = 1;

  ParamList params();  // each once, in file order
  const Weight& head_weight() const { return config.tied_head ? embedding.weight : head.weight; }
};

void initialise(ParamList params, uint64_t seed);  // normal with each one's init_std, deterministic by (seed, name)

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
  // Rows whose hidden states are wanted, none: all. The last feed-forward is computed for these alone. Not while
  // training.
  std::optional<std::span<const int64_t>> rows = {};
};
struct ForwardResult {
  Tensor hidden;            // [T or the rows wanted, hidden], before the final norm
  double balance_loss = 0;  // summed over layers, unweighted
};
ForwardResult forward(const Context& ctx, Model& model, const Batch& batch, const ForwardOptions& options = {});

// Final norm and head for chosen rows (none: all) -> [rows, vocab], f32.
Tensor logits(const Context& ctx, const Model& model, const Tensor& hidden,
              std::optional<std::span<const int64_t>> rows = {});

// What training minimises. targets[t] is the token after ids[t]; weights[t] = 0 leaves a position out.
struct LossOptions {
  float mtp_weight = 0.3f;
  float balance_weight = 0;
  MlaForm mla_form = MlaForm::expanded;
  float scale = 1;  // of every gradient: 1 / accumulated micro-batches, 1 / weights of the whole step
};
struct LossResult {
  CrossEntropy main, mtp;
  double balance = 0;
};
LossResult language_model_loss(const Context& ctx, Model& model, const Batch& batch, std::span<const int32_t> targets,
                               std::span<const float> weights, const LossOptions& options);

// Auxiliary-loss-free balancing (DeepSeek-V3, section 2.1.2): raises the correction bias of experts that got fewer
// tokens than the mean by `speed`, lowers the others, and clears the counts. Returns max load / mean load, averaged
// over layers.
double update_router_bias(Model& model, float speed);

// Floating-point operations of one token's forward pass in products and attention, at `context` tokens before it.
double forward_flops_per_token(const ModelConfig& config, double context);

}  // namespace hadal
