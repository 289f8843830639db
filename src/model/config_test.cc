#include "model/config.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "model/model.h"
#include "model/rope_angles.h"

namespace hadal {
namespace {

Json deepseek_v3() {
  return Json::parse(
      R"({"model_type":"deepseek_v3","vocab_size":384,"hidden_size":128,"intermediate_size":256,"moe_intermediate_size":32,
    "num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":4,"q_lora_rank":64,"kv_lora_rank":64,"qk_nope_head_dim":32,
    "qk_rope_head_dim":32,"v_head_dim":24,"n_routed_experts":16,"num_experts_per_tok":4,"n_shared_experts":1,"first_k_dense_replace":1,
    "n_group":4,"topk_group":2,"topk_method":"noaux_tc","scoring_func":"sigmoid","norm_topk_prob":true,"routed_scaling_factor":2.5,
    "rope_theta":10000,"rope_scaling":{"type":"yarn","factor":40,"original_max_position_embeddings":512,"beta_fast":32,"beta_slow":1,
    "mscale":1.0,"mscale_all_dim":1.0},"max_position_embeddings":20480,"rms_norm_eps":1e-06,"num_nextn_predict_layers":1,
    "hidden_act":"silu","bos_token_id":379,"eos_token_id":[380,381]})");
}
Json llama() {
  return Json::parse(
      R"({"model_type":"llama","vocab_size":320,"hidden_size":128,"intermediate_size":256,"num_hidden_layers":3,
    "num_attention_heads":4,"num_key_value_heads":2,"rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3","factor":8.0,
    "low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":256},"max_position_embeddings":2048,
    "rms_norm_eps":1e-05})");
}

TEST(Config, ReadsDeepseek) {
  const ModelConfig c = config_from_json(deepseek_v3(), "config.json");
  EXPECT_EQ(c.family, ModelConfig::Family::deepseek_v3);
  EXPECT_EQ(c.q_lora, 64);
  EXPECT_EQ(c.experts, 16);
  EXPECT_EQ(c.groups, 4);
  EXPECT_EQ(c.top_groups, 2);
  EXPECT_TRUE(c.sigmoid_router);
  EXPECT_TRUE(c.normalise_top_k);
  EXPECT_EQ(c.rope_scaling.kind, RopeScaling::Kind::yarn);
  EXPECT_EQ(c.rope_scaling.factor, 40);
  EXPECT_EQ(c.eos, 380);
  EXPECT_EQ(c.cache_width(), 96);
  EXPECT_FALSE(c.layer_is_moe(0));
  EXPECT_TRUE(c.layer_is_moe(1));
}

TEST(Config, ReadsDeepseekV2) {
  Json json = deepseek_v3();
  json["model_type"] = "deepseek_v2";
  json["scoring_func"] = "softmax";
  json["topk_method"] = "greedy";
  json["norm_topk_prob"] = false;
  json["q_lora_rank"] = nullptr;
  json.erase("num_nextn_predict_layers");
  ModelConfig c = config_from_json(json, "config.json");
  EXPECT_EQ(c.groups, 1);
  EXPECT_FALSE(c.sigmoid_router);
  EXPECT_EQ(c.q_lora, 0);
  json["topk_method"] = "group_limited_greedy";
  c = config_from_json(json, "config.json");
  EXPECT_EQ(c.groups, 4);
  EXPECT_FALSE(c.group_by_top2);
}

TEST(Config, ReadsLlamaAndQwen2) {
  const ModelConfig c = config_from_json(llama(), "config.json");
  EXPECT_EQ(c.head_dim, 32);
  EXPECT_FALSE(c.qkv_bias);
  EXPECT_EQ(c.rope_scaling.kind, RopeScaling::Kind::llama3);
  EXPECT_EQ(c.cache_width(), 128);
  Json json = llama();
  json["model_type"] = "qwen2";
  json["rope_scaling"] = nullptr;
  json["tie_word_embeddings"] = true;
  const ModelConfig q = config_from_json(json, "config.json");
  EXPECT_TRUE(q.qkv_bias);
  EXPECT_TRUE(q.tied_head);
  EXPECT_EQ(q.rope_scaling.kind, RopeScaling::Kind::none);
}

TEST(Config, ReadsRopeParametersOfNewerFiles) {
  Json json = llama();
  json["rope_parameters"] = json["rope_scaling"];
  json["rope_parameters"]["rope_theta"] = 1234.0;
  json.erase("rope_scaling");
  json.erase("rope_theta");
  const ModelConfig c = config_from_json(json, "config.json");
  EXPECT_EQ(c.rope_theta, 1234.0);
  EXPECT_EQ(c.rope_scaling.high_freq_factor, 4);
}

TEST(Config, WritesWhatItReads) {
  Json v2 = deepseek_v3();
  v2.update(Json::parse(
      R"({"model_type":"deepseek_v2","scoring_func":"softmax","topk_method":"group_limited_greedy","norm_topk_prob":false})"));
  Json dense = deepseek_v3();
  dense["n_routed_experts"] = nullptr;
  for (const Json& json : {deepseek_v3(), v2, dense, llama()}) {
    const OrderedJson once = config_to_json(config_from_json(json, "config.json"));
    const Json again = Json::parse(once.dump());
    EXPECT_EQ(config_to_json(config_from_json(again, "written")).dump(), once.dump());
    EXPECT_EQ(again["rms_norm_eps"], json["rms_norm_eps"]);
  }
}

TEST(Config, ReadsLinearScaling) {
  const ModelConfig plain = [] {
    Json json = llama();
    json["rope_scaling"] = nullptr;
    return config_from_json(json, "config.json");
  }();
  for (const char* text : {R"({"type":"linear","factor":4.0})", R"({"rope_type":"linear","factor":4})"}) {
    for (Json json : {llama(), deepseek_v3()}) {
      json["rope_scaling"] = Json::parse(text);
      const ModelConfig c = config_from_json(json, "config.json");
      EXPECT_EQ(c.rope_scaling.kind, RopeScaling::Kind::linear);
      EXPECT_EQ(rope_angles(c).inv_freq[0], 0.25f);
      EXPECT_EQ(rope_angles(c).attention_factor, 1);
      EXPECT_TRUE(rope_factors(c).empty());
      const Json written = Json::parse(config_to_json(c).dump());
      EXPECT_EQ(rope_angles(config_from_json(written, "written")).inv_freq, rope_angles(c).inv_freq);
    }
  }
  Json json = llama();
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 1}};
  EXPECT_EQ(rope_angles(config_from_json(json, "config.json")).inv_freq, rope_angles(plain).inv_freq);
}

// Values that leave the model as it is are no reason to refuse it.
TEST(Config, PassesOverWhatChangesNothing) {
  const std::string llama_config = config_to_json(config_from_json(llama(), "x")).dump();
  for (
      const char* patch :
      {R"({"use_sliding_window":true,"sliding_window":null})",
       R"({"use_sliding_window":true,"sliding_window":2048,"max_window_layers":0})",
       R"({"use_sliding_window":true,"sliding_window":64,"max_window_layers":3})",
       R"({"use_sliding_window":false,"sliding_window":64})",
       R"({"use_sliding_window":true,"sliding_window":64,"layer_types":["full_attention","full_attention","full_attention"]})",
       R"({"attention_dropout":0.1,"pretraining_tp":1,"final_logit_softcapping":0,"use_cache":false})",
       R"({"hidden_act":"swish"})", R"({"quantization_config":null})", R"({"quantization_config":{}})",
       R"({"bos_token_id":-1,"eos_token_id":-1})",
       R"({"quantization_config":{"quant_method":"bitsandbytes","load_in_4bit":false,"load_in_8bit":false}})",
       R"({"attention_bias":false,"mlp_bias":null,"partial_rotary_factor":1.0})"}) {
    Json json = llama();
    json.merge_patch(Json::parse(patch));
    EXPECT_EQ(config_to_json(config_from_json(json, "config.json")).dump(), llama_config) << patch;
  }
  Json json = llama();
  json["initializer_range"] = 0;
  EXPECT_EQ(config_from_json(json, "config.json").init_std, 0);
  json = deepseek_v3();
  const ModelConfig plain = config_from_json(json, "config.json");
  json["rope_scaling"]["attention_factor"] = 1.0;  // mscale and mscale_all_dim are the same
  EXPECT_EQ(rope_angles(config_from_json(json, "config.json")).attention_factor, rope_angles(plain).attention_factor);
}

// Each row: what is changed, and the field that the refusal must name.
TEST(Config, RefusesWhatItDoesNotSupport) {
  const auto refused = [](Json json, const char* patch, std::string_view field) {
    json.merge_patch(Json::parse(patch));
    try {
      config_from_json(json, "here/config.json");
      ADD_FAILURE() << "accepted: " << patch;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(field), std::string_view::npos) << e.what();
      EXPECT_EQ(std::string_view(e.what()).find("here/config.json"), 0u) << e.what();
    }
  };
  for (const char* field :
       {"model_type", "vocab_size", "hidden_size", "num_hidden_layers", "kv_lora_rank", "max_position_embeddings"})
    refused(deepseek_v3(), fmt::format(R"({{"{}":null}})", field).c_str(), field);
  refused(deepseek_v3(), R"({"model_type":"gpt2"})", "model_type");
  refused(deepseek_v3(), R"({"model_type":"deepseek_v32"})", "model_type");
  refused(deepseek_v3(), R"({"hidden_act":"gelu"})", "hidden_act");
  refused(deepseek_v3(), R"({"vocab_size":"many"})", "vocab_size");
  refused(deepseek_v3(), R"({"vocab_size":1.5})", "vocab_size");
  refused(deepseek_v3(), R"({"vocab_size":-1})", "vocab_size");
  refused(deepseek_v3(), R"({"vocab_size":99999999999999999999})", "vocab_size");
  refused(deepseek_v3(), R"({"vocab_size":18446744073709551615})", "vocab_size");
  refused(deepseek_v3(), R"({"hidden_size":1000000000000})", "hidden_size");
  refused(deepseek_v3(), R"({"num_hidden_layers":0})", "num_hidden_layers");
  refused(deepseek_v3(), R"({"qk_rope_head_dim":31})", "qk_rope_head_dim");
  refused(deepseek_v3(), R"({"num_experts_per_tok":17})", "num_experts_per_tok");
  refused(deepseek_v3(), R"({"num_experts_per_tok":9})", "num_experts_per_tok");
  refused(deepseek_v3(), R"({"n_group":3})", "n_group");
  refused(deepseek_v3(), R"({"topk_group":5})", "topk_group");
  refused(deepseek_v3(), R"({"scoring_func":"softmax"})", "scoring_func");
  refused(deepseek_v3(), R"({"topk_method":"greedy"})", "topk_method");
  refused(deepseek_v3(), R"({"moe_layer_freq":2})", "moe_layer_freq");
  refused(deepseek_v3(), R"({"num_key_value_heads":2})", "num_key_value_heads");
  refused(deepseek_v3(), R"({"num_nextn_predict_layers":-1})", "num_nextn_predict_layers");
  refused(deepseek_v3(), R"({"attention_bias":true})", "attention_bias");
  refused(deepseek_v3(), R"({"quantization_config":{"quant_method":"fp8"}})", "quantization_config");
  refused(deepseek_v3(), R"({"rope_scaling":{"type":"dynamic"}})", "type");
  refused(deepseek_v3(), R"({"rope_scaling":{"factor":null}})", "factor");
  refused(deepseek_v3(), R"({"rope_scaling":{"factor":-2}})", "factor");
  refused(deepseek_v3(), R"({"rope_scaling":7})", "rope_scaling");
  refused(deepseek_v3(), R"({"rope_scaling":{"attention_factor":2}})", "attention_factor");
  refused(deepseek_v3(), R"({"rope_theta":0})", "rope_theta");
  refused(deepseek_v3(), R"({"rms_norm_eps":0})", "rms_norm_eps");
  refused(deepseek_v3(), R"({"eos_token_id":384})", "eos_token_id");
  refused(deepseek_v3(), R"({"eos_token_id":"x"})", "eos_token_id");
  refused(deepseek_v3(), R"({"tie_word_embeddings":1})", "tie_word_embeddings");
  refused(llama(), R"({"attention_bias":true})", "attention_bias");
  refused(llama(), R"({"mlp_bias":true})", "mlp_bias");
  refused(llama(), R"({"num_key_value_heads":3})", "num_key_value_heads");
  refused(llama(), R"({"use_sliding_window":true,"sliding_window":64,"max_window_layers":0})", "use_sliding_window");
  refused(llama(),
          R"({"use_sliding_window":true,"sliding_window":64,"layer_types":["full_attention","sliding_attention"]})",
          "use_sliding_window");
  refused(llama(), R"({"rope_parameters":{"rope_type":"default","partial_rotary_factor":0.5}})",
          "partial_rotary_factor");
  refused(llama(), R"({"rope_scaling":{"rope_type":"linear","factor":null}})", "factor");
  refused(llama(), R"({"rope_scaling":{"rope_type":"linear","factor":0}})", "factor");
  refused(llama(), R"({"initializer_range":-1})", "initializer_range");
  refused(llama(), R"({"quantization_config":{"quant_method":"bitsandbytes","load_in_4bit":true}})", "quant_method");
  refused(llama(), R"({"partial_rotary_factor":0.5})", "partial_rotary_factor");
  EXPECT_THROW(config_from_json(Json::parse("[]"), "x"), Error);
}

// The count in closed form agrees with the list of parameters.
TEST(Config, CountsWhatTheModelHas) {
  Json plain_query = deepseek_v3();
  plain_query["q_lora_rank"] = nullptr;
  Json qwen2 = llama();
  qwen2.update(Json::parse(R"({"model_type":"qwen2","tie_word_embeddings":true,"rope_scaling":null})"));
  for (const Json& json : {deepseek_v3(), plain_query, llama(), qwen2}) {
    const ModelConfig c = config_from_json(json, "config.json");
    Model model(c);
    int64_t total = 0, active = 0;
    for (const Param* p : model.params()) {
      const int64_t size = num_elements(p->shape);
      total += size;
      const bool predicts = p->name.starts_with("model.layers.3.");
      if (!predicts) active += p->shape.size() == 3 ? size / c.experts * c.top_k : size;
    }
    const ParameterCounts counts = count_parameters(c);
    EXPECT_EQ(counts.total, total);
    EXPECT_EQ(counts.active, active);
    EXPECT_LT(counts.matrix_active, active);
  }
}

// A GGUF file has the factors alone; a folder needs the numbers that they came from.
TEST(Config, KnowsLlama3ScalingByItsFactors) {
  const ModelConfig c = config_from_json(llama(), "config.json");
  ModelConfig found = c;
  found.rope_scaling = {.kind = RopeScaling::Kind::factors, .factors = rope_factors(c)};
  const std::optional<RopeScaling> named = as_llama3(found);
  ASSERT_TRUE(named.has_value());
  EXPECT_EQ(named->kind, RopeScaling::Kind::llama3);
  EXPECT_EQ(named->factor, 8);
  found.rope_scaling = *named;
  EXPECT_EQ(rope_angles(found).inv_freq, rope_angles(c).inv_freq);

  ModelConfig other = c;
  other.rope_scaling = {.kind = RopeScaling::Kind::factors,
                        .factors = std::vector<float>(rope_factors(c).size(), 2.0f)};
  EXPECT_FALSE(as_llama3(other).has_value());
  other.rope_scaling = {};
  EXPECT_FALSE(as_llama3(other).has_value());
}

}  // namespace
}  // namespace hadal
