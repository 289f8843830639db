#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/json.h"

namespace hadal {
namespace {

// Typed access to the fields of config.json; every complaint names the file and the field.
class Fields {
 public:
  Fields(const Json& json, std::string who) : json_(json), who_(std::move(who)) {
    if (!json.is_object()) fail("{}: expected a JSON object, found {}", who_, json.type_name());
  }
  const Json* find(const char* name) const {
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  int64_t integer(const char* name, std::optional<int64_t> otherwise = {}) const {
    const Json* value = get(name, otherwise.has_value());
    if (value == nullptr) return *otherwise;
    const bool fits =
        value->is_number_integer() && !(value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX);
    if (!fits) wrong(name, "a whole number", *value);
    return value->get<int64_t>();
  }
  double number(const char* name, std::optional<double> otherwise = {}) const {
    const Json* value = get(name, otherwise.has_value());
    if (value == nullptr) return *otherwise;
    if (!value->is_number()) wrong(name, "a number", *value);
    return value->get<double>();
  }
  bool boolean(const char* name, bool otherwise) const {
    const Json* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) wrong(name, "true or false", *value);
    return value->get<bool>();
  }
  std::string text(const char* name, std::optional<std::string> otherwise = {}) const {
    const Json* value = get(name, otherwise.has_value());
    if (value == nullptr) return *otherwise;
    if (!value->is_string()) wrong(name, "a string", *value);
    return value->get<std::string>();
  }
  // A token id, or the first of a list of them; -1 when there is none (some files say so themselves).
  int32_t token(const char* name) const {
    const Json* value = find(name);
    if (value != nullptr && value->is_array() && !value->empty()) value = &(*value)[0];
    if (value == nullptr || *value == -1) return -1;
    if (!value->is_number_unsigned() || value->get<uint64_t>() > INT32_MAX) wrong(name, "a token id", *value);
    return value->get<int32_t>();
  }
  void only(const char* name, bool supported, const char* expected) const {
    if (!supported) wrong(name, expected, *find(name));
  }
  [[noreturn]] void wrong(const char* name, const char* expected, const Json& found) const {
    fail("{}: {}: expected {}, found {}", who_, name, expected, brief_json(found));
  }
  const std::string& who() const { return who_; }

 private:
  const Json* get(const char* name, bool optional) const {
    const Json* value = find(name);
    if (value == nullptr && !optional) fail("{}: {}: expected a value, found none", who_, name);
    return value;
  }
  const Json& json_;
  std::string who_;
};

// The factor by which YaRN multiplies rotated vectors follows from the others; a file may repeat it.
void check_attention_factor(const Fields& fields, const RopeScaling& s) {
  const auto term = [&](double mscale) { return s.factor <= 1 ? 1.0 : 0.1 * mscale * std::log(s.factor) + 1.0; };
  const double implied = term(s.mscale) / term(s.mscale_all_dim), said = fields.number("attention_factor", implied);
  fields.only("attention_factor", std::abs(said - implied) < 1e-6 * implied,
              "none, or what follows from factor and mscale");
}

void read_rope_scaling(const Fields& top, const Fields& fields, ModelConfig& c) {
  RopeScaling& scaling = c.rope_scaling;
  const char* key = fields.find("rope_type") != nullptr ? "rope_type" : "type";
  const std::string type = fields.text(key, "default");
  fields.only("partial_rotary_factor", fields.number("partial_rotary_factor", 1) == 1, "1");
  scaling = {};
  if (type == "default" || type == "none") return;
  scaling.factor = fields.number("factor");
  if (type == "linear") {
    if (scaling.factor != 1) scaling.kind = RopeScaling::Kind::linear;
    return;
  }
  scaling.original_context =
      fields.number("original_max_position_embeddings", static_cast<double>(top.integer("max_position_embeddings")));
  if (type == "yarn") {
    scaling.kind = RopeScaling::Kind::yarn;
    scaling.beta_fast = fields.number("beta_fast", 32);
    scaling.beta_slow = fields.number("beta_slow", 1);
    scaling.mscale = fields.number("mscale", 1);
    scaling.mscale_all_dim = fields.number("mscale_all_dim", 0);
    check_attention_factor(fields, scaling);
    fields.only("truncate", fields.boolean("truncate", true), "true");
  } else if (type == "llama3") {
    scaling.kind = RopeScaling::Kind::llama3;
    scaling.low_freq_factor = fields.number("low_freq_factor");
    scaling.high_freq_factor = fields.number("high_freq_factor");
  } else {
    fields.only(key, false, "default, linear, yarn or llama3");
  }
}

void read_rope(const Fields& f, ModelConfig& c) {
  c.rope_theta = f.number("rope_theta", 10000);
  f.only("rope_interleave", f.boolean("rope_interleave", true), "true");
  f.only("partial_rotary_factor", f.number("partial_rotary_factor", 1) == 1, "1");
  for (const char* name : {"rope_parameters", "rope_scaling"}) {  // the former is how newer files write it
    const Json* value = f.find(name);
    if (value == nullptr) continue;
    if (!value->is_object()) f.wrong(name, "an object", *value);
    const Fields rope(*value, f.who() + ": " + name);
    c.rope_theta = rope.number("rope_theta", c.rope_theta);
    read_rope_scaling(f, rope, c);
  }
}

void read_experts(const Fields& f, ModelConfig& c) {
  const bool v3 = c.family == ModelConfig::Family::deepseek_v3;
  c.experts = f.integer("n_routed_experts", 0);
  if (c.experts == 0) return;
  c.top_k = f.integer("num_experts_per_tok");
  c.shared_experts = f.integer("n_shared_experts", 0);
  c.expert_inner = f.integer("moe_intermediate_size");
  c.first_dense = f.integer("first_k_dense_replace", 0);
  f.only("moe_layer_freq", f.integer("moe_layer_freq", 1) == 1, "1");
  const std::string scoring = f.text("scoring_func", v3 ? "sigmoid" : "softmax");
  f.only("scoring_func", scoring == (v3 ? "sigmoid" : "softmax"), v3 ? "sigmoid" : "softmax");
  const std::string method = f.text("topk_method", v3 ? "noaux_tc" : "greedy");
  f.only("topk_method", v3 ? method == "noaux_tc" : method == "greedy" || method == "group_limited_greedy",
         v3 ? "noaux_tc" : "greedy or group_limited_greedy");
  c.sigmoid_router = c.group_by_top2 = v3;
  if (method != "greedy") {
    c.groups = f.integer("n_group", 1);
    c.top_groups = f.integer("topk_group", 1);
  }
  c.normalise_top_k = f.boolean("norm_topk_prob", v3);
  c.routed_scale = static_cast<float>(f.number("routed_scaling_factor", 1));
  f.only("norm_topk_prob", v3 || !c.normalise_top_k || c.routed_scale == 1, "false beside a routed_scaling_factor");
}

void read_deepseek(const Fields& f, ModelConfig& c) {
  c.kv_heads = f.integer("num_key_value_heads", c.heads);
  f.only("num_key_value_heads", c.kv_heads == c.heads, "as many as num_attention_heads");
  c.q_lora = f.integer("q_lora_rank", 0);
  c.kv_lora = f.integer("kv_lora_rank");
  c.nope_dim = f.integer("qk_nope_head_dim");
  c.rope_dim = f.integer("qk_rope_head_dim");
  c.v_dim = f.integer("v_head_dim");
  c.mtp_depth = f.integer("num_nextn_predict_layers", 0);
  f.only("attention_bias", !f.boolean("attention_bias", false), "false");
  f.only("index_topk", f.find("index_topk") == nullptr, "no value (sparse attention is not supported)");
  read_experts(f, c);
}

// Qwen2's layers from max_window_layers on look back sliding_window tokens, where use_sliding_window says so; a window
// that no layer has, or that holds the whole context, changes nothing.
void check_sliding_window(const Fields& f, const ModelConfig& c) {
  if (!f.boolean("use_sliding_window", false) || f.find("sliding_window") == nullptr) return;
  if (f.integer("sliding_window") >= c.max_context) return;
  bool windowed = f.integer("max_window_layers", 28) < c.layers;
  if (const Json* types = f.find("layer_types"); types != nullptr && types->is_array()) {
    windowed = std::ranges::any_of(*types, [](const Json& type) { return type != "full_attention"; });
  }
  f.only("use_sliding_window", !windowed, "false");
}

void read_grouped_query(const Fields& f, ModelConfig& c) {
  const bool qwen2 = c.family == ModelConfig::Family::qwen2;
  c.kv_heads = f.integer("num_key_value_heads", c.heads);
  c.head_dim = f.integer("head_dim", c.heads > 0 ? c.hidden / c.heads : 0);
  c.qkv_bias = qwen2;  // always there in Qwen2, whatever attention_bias says
  f.only("attention_bias", qwen2 || !f.boolean("attention_bias", false), "false");
  f.only("mlp_bias", !f.boolean("mlp_bias", false), "false");
  check_sliding_window(f, c);
}

const char* family_name(ModelConfig::Family family) {
  switch (family) {
    case ModelConfig::Family::deepseek_v3:
      return "deepseek_v3";
    case ModelConfig::Family::deepseek_v2:
      return "deepseek_v2";
    case ModelConfig::Family::qwen2:
      return "qwen2";
    case ModelConfig::Family::llama:
      return "llama";
  }
  return "";
}

ModelConfig::Family read_family(const Fields& f) {
  const std::string type = f.text("model_type");
  for (const auto family : {ModelConfig::Family::deepseek_v3, ModelConfig::Family::deepseek_v2,
                            ModelConfig::Family::qwen2, ModelConfig::Family::llama})
    if (type == family_name(family)) return family;
  f.wrong("model_type", "deepseek_v3, deepseek_v2, qwen2 or llama", Json(type));
}

// DeepSeek-V3's own: fp8 matrices beside one factor for each square of 128.
void check_quantisation(const Fields& f) {
  const Json* value = f.find("quantization_config");
  if (value == nullptr) return;
  if (!value->is_object()) f.wrong("quantization_config", "an object", *value);
  if (value->empty()) return;
  const Fields q(*value, f.who() + ": quantization_config");
  const bool bitsandbytes = q.text("quant_method", "") == "bitsandbytes";
  if (bitsandbytes && !q.boolean("load_in_4bit", false) && !q.boolean("load_in_8bit", false)) return;
  q.only("quant_method", q.text("quant_method") == "fp8", "fp8");
  q.only("fmt", q.text("fmt", "e4m3") == "e4m3", "e4m3");
  const Json* square = q.find("weight_block_size");
  if (square == nullptr || *square != Json{128, 128}) {
    q.wrong("weight_block_size", "[128, 128]", square == nullptr ? Json() : *square);
  }
}

}  // namespace

ModelConfig config_from_json(const Json& json, std::string_view who) {
  const Fields f(json, std::string(who));
  ModelConfig c;
  c.family = read_family(f);
  check_quantisation(f);
  const std::string activation = f.text("hidden_act", "silu");
  f.only("hidden_act", activation == "silu" || activation == "swish", "silu");  // two names of one function
  c.vocab = f.integer("vocab_size");
  c.hidden = f.integer("hidden_size");
  c.layers = f.integer("num_hidden_layers");
  c.heads = f.integer("num_attention_heads");
  c.dense_inner = f.integer("intermediate_size");
  c.max_context = f.integer("max_position_embeddings");
  c.norm_eps = static_cast<float>(f.number("rms_norm_eps", 1e-6));
  c.tied_head = f.boolean("tie_word_embeddings", false);
  c.init_std = f.number("initializer_range", 0.02);
  c.bos = f.token("bos_token_id");
  c.eos = f.token("eos_token_id");
  read_rope(f, c);
  if (c.is_mla()) {
    read_deepseek(f, c);
  } else {
    read_grouped_query(f, c);
  }
  check(c, who);
  return c;
}

namespace {

OrderedJson rope_scaling_to_json(const RopeScaling& s) {
  switch (s.kind) {
    case RopeScaling::Kind::none:
      break;
    case RopeScaling::Kind::linear:
      return {{"rope_type", "linear"}, {"type", "linear"}, {"factor", s.factor}};
    case RopeScaling::Kind::yarn:
      return {{"type", "yarn"},
              {"factor", s.factor},
              {"original_max_position_embeddings", static_cast<int64_t>(s.original_context)},
              {"beta_fast", s.beta_fast},
              {"beta_slow", s.beta_slow},
              {"mscale", s.mscale},
              {"mscale_all_dim", s.mscale_all_dim}};
    case RopeScaling::Kind::llama3:
      return {{"rope_type", "llama3"},
              {"factor", s.factor},
              {"original_max_position_embeddings", static_cast<int64_t>(s.original_context)},
              {"low_freq_factor", s.low_freq_factor},
              {"high_freq_factor", s.high_freq_factor}};
    case RopeScaling::Kind::factors:
      return {{"rope_type", "factors"}, {"factors", s.factors}};
  }
  return nullptr;
}

void deepseek_to_json(const ModelConfig& c, OrderedJson& json) {
  const bool v3 = c.family == ModelConfig::Family::deepseek_v3;
  json["q_lora_rank"] = c.q_lora > 0 ? OrderedJson(c.q_lora) : OrderedJson(nullptr);
  json["kv_lora_rank"] = c.kv_lora;
  json["qk_nope_head_dim"] = c.nope_dim;
  json["qk_rope_head_dim"] = c.rope_dim;
  json["v_head_dim"] = c.v_dim;
  json["n_routed_experts"] = c.experts > 0 ? OrderedJson(c.experts) : OrderedJson(nullptr);
  if (c.experts > 0) {
    json["num_experts_per_tok"] = c.top_k;
    json["n_shared_experts"] = c.shared_experts;
    json["moe_intermediate_size"] = c.expert_inner;
    json["moe_layer_freq"] = 1;
    json["n_group"] = c.groups;
    json["topk_group"] = c.top_groups;
    json["topk_method"] = v3 ? "noaux_tc" : c.groups > 1 ? "group_limited_greedy" : "greedy";
    json["scoring_func"] = v3 ? "sigmoid" : "softmax";
    json["norm_topk_prob"] = c.normalise_top_k;
    json["routed_scaling_factor"] = c.routed_scale;
  }
  // Readers that take every layer from here on for a mixture are told that there is none.
  json["first_k_dense_replace"] = c.experts > 0 ? c.first_dense : c.layers;
  json["num_nextn_predict_layers"] = c.mtp_depth;
  json["attention_bias"] = false;
}

}  // namespace

OrderedJson config_to_json(const ModelConfig& c) {
  static constexpr const char* kArchitectures[] = {"DeepseekV3ForCausalLM", "DeepseekV2ForCausalLM", "Qwen2ForCausalLM",
                                                   "LlamaForCausalLM"};
  OrderedJson json;
  json["model_type"] = family_name(c.family);
  json["architectures"] = {kArchitectures[static_cast<int>(c.family)]};
  json["vocab_size"] = c.vocab;
  json["hidden_size"] = c.hidden;
  json["intermediate_size"] = c.dense_inner;
  json["num_hidden_layers"] = c.layers;
  json["num_attention_heads"] = c.heads;
  json["num_key_value_heads"] = c.is_mla() ? c.heads : c.kv_heads;
  if (c.is_mla()) {
    deepseek_to_json(c, json);
  } else {
    json["head_dim"] = c.head_dim;
    json["attention_bias"] = c.qkv_bias;
  }
  json["max_position_embeddings"] = c.max_context;
  json["rms_norm_eps"] = std::stod(fmt::format("{}", c.norm_eps));  // 1e-06, not the float's neighbour in double
  json["rope_theta"] = c.rope_theta;
  json["rope_scaling"] = rope_scaling_to_json(c.rope_scaling);
  json["tie_word_embeddings"] = c.tied_head;
  json["hidden_act"] = "silu";
  json["initializer_range"] = c.init_std;
  json["bos_token_id"] = c.bos >= 0 ? OrderedJson(c.bos) : OrderedJson(nullptr);
  json["eos_token_id"] = c.eos >= 0 ? OrderedJson(c.eos) : OrderedJson(nullptr);
  json["torch_dtype"] = "bfloat16";
  json["use_cache"] = true;
  return json;
}

int64_t ModelConfig::cache_width() const { return is_mla() ? kv_lora + rope_dim : 2 * kv_heads * head_dim; }

}  // namespace hadal
