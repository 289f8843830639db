// Random models of a few thousand parameters, and ragged batches for them. Tests only.
#pragma once

#include <memory>

#include "model/model.h"
#include "ops/testing/test_support.h"

namespace hadal::test {

// Every part of DeepSeek-V3 at odd sizes: MLA (with a low-rank query or not), a dense first layer, routed experts in
// groups, a shared expert, YaRN, an MTP layer.
inline ModelConfig tiny_deepseek(bool with_q_lora) {
  ModelConfig c;
  c.family = ModelConfig::Family::deepseek_v3;
  c.vocab = 61, c.hidden = 40, c.layers = 3, c.heads = c.kv_heads = 3, c.max_context = 512;
  c.dense_inner = 56;
  c.init_std = 0.15;
  c.q_lora = with_q_lora ? 20 : 0, c.kv_lora = 24, c.nope_dim = 12, c.rope_dim = 8, c.v_dim = 10;
  c.experts = 8, c.top_k = 3, c.shared_experts = 1, c.expert_inner = 18, c.first_dense = 1;
  c.groups = 4, c.top_groups = 2, c.routed_scale = 1.5f;
  c.mtp_depth = 1;
  c.rope_scaling = {
      .kind = RopeScaling::Kind::yarn, .factor = 4, .original_context = 128, .mscale = 1, .mscale_all_dim = 0.7};
  check(c, "tiny deepseek");
  return c;
}

inline ModelConfig tiny_gqa() {
  ModelConfig c;
  c.family = ModelConfig::Family::qwen2;
  c.vocab = 61, c.hidden = 40, c.layers = 2, c.heads = 6, c.kv_heads = 2, c.head_dim = 12, c.max_context = 512;
  c.dense_inner = 56;
  c.init_std = 0.15;
  c.qkv_bias = true;
  c.tied_head = true;
  check(c, "tiny gqa");
  return c;
}

struct NamedConfig {
  const char* name;
  ModelConfig config;
};
inline std::vector<NamedConfig> tiny_configs() {
  return {{"deepseek with q_lora", tiny_deepseek(true)},
          {"deepseek without q_lora", tiny_deepseek(false)},
          {"gqa", tiny_gqa()}};
}

// Norms, biases and the routers' correction bias get random values too, so that a mistake in their use shows.
inline std::unique_ptr<Model> make_model(const ModelConfig& config, uint64_t seed = 1) {
  auto model = std::make_unique<Model>(config);
  initialise(model->params(), seed);
  uint64_t stream = 1000;
  for (Param* p : model->params()) {
    Rng rng(seed, ++stream);
    const bool is_vector = p->shape.size() == 1;
    for (float& v : p->weight.value().values())
      if (is_vector) v += 0.1f * rng.normal();
  }
  return model;
}

inline Batch make_batch(const std::vector<int32_t>& lengths, int64_t vocab, uint64_t seed = 5) {
  Batch batch;
  Rng rng(seed);
  for (const int32_t n : lengths) {
    std::vector<int32_t> ids(static_cast<size_t>(n));
    for (int32_t& id : ids) id = static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab)));
    batch.append(ids);
  }
  return batch;
}

// Tokens [begin, begin + count) of sequence `s` as a batch of one.
inline Batch part_of(const Batch& batch, size_t s, int64_t begin, int64_t count) {
  Batch part;
  const auto first = static_cast<size_t>(batch.offsets[s] + begin);
  part.append(std::span(batch.ids).subspan(first, static_cast<size_t>(count)), batch.positions[first]);
  return part;
}

}  // namespace hadal::test
