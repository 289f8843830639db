#include "weights/gguf/gguf_names.h"

#include <set>

#include "model/testing/tiny_models.h"

namespace hadal::weights {
namespace {

TEST(GgufNames, AreThoseOfLlamaCpp) {
  EXPECT_EQ(gguf_name("model.embed_tokens.weight"), "token_embd.weight");
  EXPECT_EQ(gguf_name("model.norm.weight"), "output_norm.weight");
  EXPECT_EQ(gguf_name("lm_head.weight"), "output.weight");
  EXPECT_EQ(gguf_name("model.layers.12.self_attn.o_proj.weight"), "blk.12.attn_output.weight");
  EXPECT_EQ(gguf_name("model.layers.0.self_attn.q_proj.bias"), "blk.0.attn_q.bias");
  EXPECT_EQ(gguf_name("model.layers.3.mlp.experts.*.down_proj.weight"), "blk.3.ffn_down_exps.weight");
  EXPECT_EQ(gguf_name("model.layers.3.mlp.shared_experts.up_proj.weight"), "blk.3.ffn_up_shexp.weight");
  EXPECT_EQ(gguf_name("model.layers.3.mlp.gate.e_score_correction_bias"), "blk.3.exp_probs_b.bias");
  EXPECT_EQ(gguf_name("model.layers.61.shared_head.norm.weight"), "blk.61.nextn.shared_head_norm.weight");
}

// A parameter that has no name here ends the program: so this walks all that models have.
TEST(GgufNames, EveryParameterHasItsOwn) {
  std::vector<ModelConfig> configs;
  for (const auto& [name, config] : test::tiny_configs()) configs.push_back(config);
  configs.push_back(test::tiny_deepseek(true));
  configs.back().split_kv_b = true;
  for (const ModelConfig& config : configs) {
    Model model(config);
    std::set<std::string> names;
    for (const Param* p : model.params()) EXPECT_TRUE(names.insert(gguf_name(p->name)).second) << p->name;
  }
}

}  // namespace
}  // namespace hadal::weights
