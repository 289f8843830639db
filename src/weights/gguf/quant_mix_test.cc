#include "weights/gguf/quant_mix.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal::weights {
namespace {

std::string type_of(const char* mix, const std::string& name, Shape shape, ParamGroup group = ParamGroup::matrix,
                    bool tied = false) {
  ModelConfig config;
  config.layers = 16;
  config.tied_head = tied;
  Param param;
  param.name = name;
  param.shape = std::move(shape);
  param.group = group;
  const auto type = quant_type_of(quant_mix_named(mix), param, config);
  return type ? std::string(quant_format(*type).name) : "F32";
}

TEST(QuantMix, NamesAreListedInTheError) {
  EXPECT_EQ(quant_mix_named("Q4_K_M").base, QuantType::q4_k);
  EXPECT_EQ(quant_mix_named("Q4_K_M").more, QuantType::q6_k);
  EXPECT_FALSE(quant_mix_named("Q8_0").more);
  try {
    quant_mix_named("Q7_X");
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    for (const char* part : {"Q4_K_M", "IQ4_XS", "found \"Q7_X\""})
      EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what();
  }
}

TEST(QuantMix, MatricesByTheirPlace) {
  struct {
    const char *mix, *name;
    Shape shape;
    const char* type;
  } const cases[] = {
      {"Q4_K_M", "model.layers.5.self_attn.q_proj.weight", {64, 256}, "Q4_K"},
      {"Q4_K_M", "model.layers.0.self_attn.v_proj.weight", {64, 256}, "Q6_K"},  // the first eighth
      {"Q4_K_M", "model.layers.15.mlp.down_proj.weight", {64, 256}, "Q6_K"},    // the last
      {"Q4_K_M", "model.layers.4.mlp.down_proj.weight", {64, 256}, "Q6_K"},     // every third between
      {"Q4_K_M", "model.layers.5.mlp.down_proj.weight", {64, 256}, "Q4_K"},
      {"Q4_K_M", "model.layers.4.mlp.experts.*.down_proj.weight", {8, 64, 256}, "Q6_K"},
      {"Q6_K", "model.layers.0.mlp.down_proj.weight", {64, 256}, "Q6_K"},
      {"Q8_0", "model.layers.0.mlp.down_proj.weight", {64, 256}, "Q8_0"},
      {"F16", "model.layers.0.mlp.down_proj.weight", {64, 33}, "F16"},
      // Rows that blocks of 256 do not fit, and rows that blocks of 32 do not fit.
      {"Q4_K_M", "model.layers.5.mlp.up_proj.weight", {64, 96}, "Q5_0"},
      {"Q5_K_M", "model.layers.5.mlp.up_proj.weight", {64, 96}, "Q5_1"},
      {"Q6_K", "model.layers.5.mlp.up_proj.weight", {64, 96}, "Q8_0"},
      {"Q3_K", "model.layers.5.mlp.up_proj.weight", {64, 96}, "IQ4_NL"},
      {"Q4_K_M", "model.layers.5.mlp.up_proj.weight", {64, 33}, "F16"},
      {"Q4_K_M", "model.norm.weight", {256}, "F32"},
  };
  for (const auto& c : cases) EXPECT_EQ(type_of(c.mix, c.name, c.shape), c.type) << c.mix << " " << c.name;
}

TEST(QuantMix, GroupsOfTheirOwn) {
  EXPECT_EQ(type_of("Q4_K_M", "model.layers.5.mlp.gate.weight", {8, 256}, ParamGroup::router), "F32");
  EXPECT_EQ(type_of("Q4_K_M", "model.layers.5.bias", {2, 256}, ParamGroup::buffer), "F32");
  EXPECT_EQ(type_of("Q4_K_M", "lm_head.weight", {300, 256}, ParamGroup::head), "Q6_K");
  EXPECT_EQ(type_of("Q4_0", "lm_head.weight", {300, 256}, ParamGroup::head), "Q4_0");
  EXPECT_EQ(type_of("Q4_K_M", "model.embed_tokens.weight", {300, 256}, ParamGroup::embedding), "Q4_K");
  EXPECT_EQ(type_of("Q4_K_M", "model.embed_tokens.weight", {300, 256}, ParamGroup::embedding, true), "Q6_K");
}

}  // namespace
}  // namespace hadal::weights
