// What Model::params() lists: every tensor that a configuration has, once, in the order of files.
#include <set>

#include "model/testing/tiny_models.h"

namespace hadal {
namespace {

std::vector<std::string> names_of(Model& model) {
  std::vector<std::string> names;
  for (const Param* p : model.params()) names.push_back(p->name);
  return names;
}

// Checkpoints and seeds depend on names and on their order.
TEST(Params, StandInTheOrderOfFiles) {
  ModelConfig c = test::tiny_deepseek(true);
  c.layers = 2;
  Model deepseek(c);
  const std::vector<std::string> expected = {"model.embed_tokens.weight",
                                             "model.layers.0.input_layernorm.weight",
                                             "model.layers.0.self_attn.q_a_proj.weight",
                                             "model.layers.0.self_attn.q_a_layernorm.weight",
                                             "model.layers.0.self_attn.q_b_proj.weight",
                                             "model.layers.0.self_attn.kv_a_proj_with_mqa.weight",
                                             "model.layers.0.self_attn.kv_a_layernorm.weight",
                                             "model.layers.0.self_attn.kv_b_proj.weight",
                                             "model.layers.0.self_attn.o_proj.weight",
                                             "model.layers.0.post_attention_layernorm.weight",
                                             "model.layers.0.mlp.gate_proj.weight",
                                             "model.layers.0.mlp.up_proj.weight",
                                             "model.layers.0.mlp.down_proj.weight",
                                             "model.layers.1.input_layernorm.weight",
                                             "model.layers.1.self_attn.q_a_proj.weight",
                                             "model.layers.1.self_attn.q_a_layernorm.weight",
                                             "model.layers.1.self_attn.q_b_proj.weight",
                                             "model.layers.1.self_attn.kv_a_proj_with_mqa.weight",
                                             "model.layers.1.self_attn.kv_a_layernorm.weight",
                                             "model.layers.1.self_attn.kv_b_proj.weight",
                                             "model.layers.1.self_attn.o_proj.weight",
                                             "model.layers.1.post_attention_layernorm.weight",
                                             "model.layers.1.mlp.gate.weight",
                                             "model.layers.1.mlp.gate.e_score_correction_bias",
                                             "model.layers.1.mlp.experts.*.gate_proj.weight",
                                             "model.layers.1.mlp.experts.*.up_proj.weight",
                                             "model.layers.1.mlp.experts.*.down_proj.weight",
                                             "model.layers.1.mlp.shared_experts.gate_proj.weight",
                                             "model.layers.1.mlp.shared_experts.up_proj.weight",
                                             "model.layers.1.mlp.shared_experts.down_proj.weight",
                                             "model.norm.weight",
                                             "lm_head.weight",
                                             "model.layers.2.enorm.weight",
                                             "model.layers.2.hnorm.weight",
                                             "model.layers.2.eh_proj.weight"};
  std::vector<std::string> found = names_of(deepseek);
  ASSERT_GT(found.size(), expected.size());
  EXPECT_EQ(found.back(), "model.layers.2.shared_head.norm.weight");
  found.resize(expected.size());
  EXPECT_EQ(found, expected);

  ModelConfig g = test::tiny_gqa();
  g.layers = 1;
  Model gqa(g);
  const std::vector<std::string> of_gqa = {"model.embed_tokens.weight",
                                           "model.layers.0.input_layernorm.weight",
                                           "model.layers.0.self_attn.q_proj.weight",
                                           "model.layers.0.self_attn.q_proj.bias",
                                           "model.layers.0.self_attn.k_proj.weight",
                                           "model.layers.0.self_attn.k_proj.bias",
                                           "model.layers.0.self_attn.v_proj.weight",
                                           "model.layers.0.self_attn.v_proj.bias",
                                           "model.layers.0.self_attn.o_proj.weight",
                                           "model.layers.0.post_attention_layernorm.weight",
                                           "model.layers.0.mlp.gate_proj.weight",
                                           "model.layers.0.mlp.up_proj.weight",
                                           "model.layers.0.mlp.down_proj.weight",
                                           "model.norm.weight"};
  EXPECT_EQ(names_of(gqa), of_gqa);
}

TEST(Params, HaveNamesOfTheirOwnAndLieInTheModel) {
  for (const auto& [name, config] : test::tiny_configs()) {
    SCOPED_TRACE(name);
    Model model(config);
    const auto names = names_of(model);
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
    int64_t total = 0;
    for (const Param* p : model.params()) total += num_elements(p->shape);
    EXPECT_EQ(total, count_parameters(config).total);
  }
}

// Which of the Params that a part has are named in some layer of these models.
template <typename Part>
void mark(const Part& part, std::set<size_t>& named) {
  static_assert(sizeof(Part) % sizeof(Param) == 0);
  const auto* params = reinterpret_cast<const Param*>(&part);  // a Part is a row of Params
  for (size_t i = 0; i < sizeof(Part) / sizeof(Param); ++i)
    if (!params[i].name.empty()) named.insert(i);
}

// A tensor that is added to a part and that no configuration declares would be no tensor at all.
TEST(Params, OfEveryPartAreDeclaredForSomeConfiguration) {
  std::vector<ModelConfig> configs;
  for (const auto& [name, config] : test::tiny_configs()) configs.push_back(config);
  configs.push_back(test::tiny_deepseek(true));
  configs.back().split_kv_b = true;
  std::set<size_t> mla, gqa, dense, experts, shared;
  for (const ModelConfig& config : configs) {
    const Model model(config);
    for (const BlockParams& b : model.blocks) {
      mark(b.mla, mla), mark(b.gqa, gqa), mark(b.dense, dense);
      mark(b.moe.experts, experts), mark(b.moe.shared, shared);
    }
  }
  EXPECT_EQ(mla.size(), sizeof(MlaParams) / sizeof(Param));
  EXPECT_EQ(gqa.size(), sizeof(GqaParams) / sizeof(Param));
  for (const auto* named : {&dense, &experts, &shared}) EXPECT_EQ(named->size(), sizeof(FfnParams) / sizeof(Param));
}

}  // namespace
}  // namespace hadal
