// The keys of a GGUF file as a configuration.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "base/error.h"
#include "weights/gguf/gguf_keys.h"
#include "weights/gguf_model.h"

namespace hadal::weights {
namespace {

std::optional<double> as_number(const GgufValue& value) {
  if (value.type == GgufValueType::boolean) return value.bytes[0] != std::byte{0} ? 1 : 0;
  if (const auto whole = whole_number(value)) return static_cast<double>(*whole);
  float narrow;
  if (value.type != GgufValueType::f32) return std::nullopt;
  std::memcpy(&narrow, value.bytes.data(), sizeof narrow);
  return narrow;
}

// Is this a key without effect, although its architecture's reader does not know it? Zero switches a feature off; a
// window as wide as the context hides nothing; some keys are read by other architectures only.
bool changes_nothing(std::string_view name, const GgufValue& value, const ModelConfig& c) {
  static const std::set<std::string_view> kUnread = {"tensor_data_layout",        "attention.layer_norm_epsilon",
                                                     "use_parallel_residual",     "attention.sliding_window_pattern",
                                                     "rope.freq_base_swa",        "moe_every_n_layers",
                                                     "interleave_moe_layer_step", "pretraining_tp"};
  static const std::set<std::string_view> kScales = {"logit_scale", "embedding_scale", "residual_scale"};
  if (kUnread.contains(name) ||
      (c.experts == 0 && (name.starts_with("expert_") || name == "leading_dense_block_count")))
    return true;
  if (c.rope_scaling.kind != RopeScaling::Kind::yarn && name.starts_with("rope.scaling.yarn_")) return true;
  if (value.is_array && value.count > 0) return false;
  const auto number = as_number(value);
  if (!number) return value.count == 0;
  if (name == "attention.causal") return *number == 1;
  if (name == "attention.sliding_window") return *number == 0 || *number >= static_cast<double>(c.max_context);
  if (name == "attention.scale" && c.head_dim > 0)
    return *number == 0 || std::abs(*number * std::sqrt(static_cast<double>(c.head_dim)) - 1) < 1e-5;
  return *number == 0 || (*number == 1 && kScales.contains(name));
}

// The keys of the architecture ("qwen2.block_count"). Records which ones were read.
class Keys {
 public:
  Keys(const GgufFile& file, std::string architecture) : file_(file), prefix_(std::move(architecture) + ".") {}

  // A list with a value for each layer counts as one value if all are equal.
  std::optional<int64_t> find_integer(const char* name) {
    const std::string key = asked(name);
    const auto found = file_.values().find(key);
    if (found == file_.values().end() || !found->second.is_array || found->second.type == GgufValueType::string)
      return file_.integer(key);
    const auto numbers = file_.integers(key);
    const bool same = !numbers->empty() && std::ranges::count(*numbers, numbers->front()) == std::ssize(*numbers);
    only(name, same, "one number, or the same for each layer");
    return numbers->front();
  }
  int64_t integer(const char* name) { return required(name, find_integer(name)); }
  int64_t integer(const char* name, int64_t otherwise) { return find_integer(name).value_or(otherwise); }
  double number(const char* name) { return required(name, file_.number(asked(name))); }
  double number(const char* name, double otherwise) { return file_.number(asked(name)).value_or(otherwise); }
  bool boolean(const char* name, bool otherwise) { return file_.boolean(asked(name)).value_or(otherwise); }
  std::string text(const char* name, const char* otherwise) { return file_.text(asked(name)).value_or(otherwise); }

  void only(const char* name, bool supported, std::string_view expected) {
    if (supported) return;
    const auto found = file_.values().find(asked(name));
    fail("{}: {}{}: expected {}, found {}", file_.who(), prefix_, name, expected,
         found == file_.values().end() ? "none" : describe(found->second));
  }
  // A key that was not read may change the model in a way that is not supported, unless its value has no effect.
  void refuse_others(const ModelConfig& c) const {
    for (const auto& [key, value] : file_.values()) {
      if (!key.starts_with(prefix_) || asked_.contains(key) || changes_nothing(key.substr(prefix_.size()), value, c))
        continue;
      fail("{}: {}: expected no such key, found {}; Hadal does not support what it is for", file_.who(), key,
           describe(value));
    }
  }
  const GgufFile& file() const { return file_; }
  bool has_tensor(std::string_view name) const { return file_.find_tensor(name) != nullptr; }

 private:
  std::string asked(const char* name) {
    std::string key = prefix_ + name;
    asked_.insert(key);
    return key;
  }
  template <typename T>
  T required(const char* name, const std::optional<T>& value) const {
    if (!value) fail("{}: {}{}: expected a value, found none", file_.who(), prefix_, name);
    return *value;
  }
  const GgufFile& file_;
  std::string prefix_;
  std::set<std::string, std::less<>> asked_;
};

// llama.cpp takes its softmax scale and its rotation's factor from the one multiplier of YaRN that files have, which is
// 0.1 x mscale_all_dim, and takes mscale for the same. Files without it leave the softmax alone.
void read_yarn(Keys& keys, ModelConfig& c) {
  RopeScaling& s = c.rope_scaling;
  s.kind = RopeScaling::Kind::yarn;
  s.factor = keys.number("rope.scaling.factor");
  s.original_context = keys.number("rope.scaling.original_context_length", static_cast<double>(c.max_context));
  s.beta_fast = keys.number("rope.scaling.yarn_beta_fast", 32);
  s.beta_slow = keys.number("rope.scaling.yarn_beta_slow", 1);
  const double multiplier = keys.number("rope.scaling.yarn_log_multiplier", 0);
  if (c.is_mla() && multiplier != 0)
    s.mscale = s.mscale_all_dim = multiplier / 0.1;
  else
    keys.only("rope.scaling.yarn_log_multiplier", multiplier == 0, "none, or 0");
  keys.only("rope.scaling.yarn_ext_factor", keys.number("rope.scaling.yarn_ext_factor", 1) == 1, "1");
  keys.only("rope.scaling.yarn_attn_factor", keys.number("rope.scaling.yarn_attn_factor", 1) == 1, "1");
}

void read_factors(Keys& keys, double all, int64_t rope_dim, ModelConfig& c) {
  RopeScaling& s = c.rope_scaling;
  const GgufTensor* tensor = keys.file().find_tensor("rope_freqs.weight");
  if (tensor == nullptr) {
    if (all != 1) s.kind = RopeScaling::Kind::linear, s.factor = all;
    return;
  }
  s.kind = RopeScaling::Kind::factors;
  s.factors.assign(static_cast<size_t>(std::max<int64_t>(0, rope_dim) / 2), 1.0f);
  if (tensor->shape != std::vector<int64_t>{rope_dim / 2}) {
    fail("{}: tensor \"{}\": expected [{}], half of a head, found {} dimensions and {} elements", tensor->file,
         tensor->name, rope_dim / 2, tensor->shape.size(), tensor->num_elements());
  }
  if (!tensor->bytes.empty()) read_gguf_tensor(*tensor, 0, s.factors);  // only the head of the file may be here
  for (float& factor : s.factors) factor = static_cast<float>(factor * all);
}

void read_rope(Keys& keys, int64_t rope_dim, ModelConfig& c) {
  c.rope_theta = keys.number("rope.freq_base", 10000);
  keys.boolean("rope.scaling.finetuned", false);
  keys.only("rope.scaling.attn_factor", keys.number("rope.scaling.attn_factor", 1) == 1, "1");
  keys.only("rope.scaling.alpha", keys.number("rope.scaling.alpha", 0) == 0, "none, or 0");
  const std::string type = keys.text("rope.scaling.type", "linear");
  keys.only("rope.scaling.type", type == "none" || type == "linear" || type == "yarn", "none, linear or yarn");
  if (type == "yarn") return read_yarn(keys, c);
  double factor = keys.number("rope.scaling.factor", keys.number("rope.scale_linear", 1));
  if (factor == 0 || type == "none") factor = 1;
  keys.integer("rope.scaling.original_context_length", 0);
  keys.number("rope.scaling.yarn_log_multiplier", 0);
  if (c.is_mla() && factor != 1) {
    c.rope_scaling.kind = RopeScaling::Kind::linear, c.rope_scaling.factor = factor;
  } else if (rope_dim > 0 && rope_dim <= 1 << 12) {
    read_factors(keys, factor, rope_dim, c);
  }
}

// Files of DeepSeek-V3 and R1 from before llama.cpp knew of groups of experts do not say how many there are.
bool is_deepseek_v3_itself(const ModelConfig& c) {
  return c.layers == 61 && c.hidden == 7168 && c.experts == 256 && c.sigmoid_router;
}

void read_experts(Keys& keys, ModelConfig& c) {
  c.experts = keys.integer("expert_count", 0);
  c.top_k = keys.integer("expert_used_count", 0);
  c.shared_experts = keys.integer("expert_shared_count", 0);
  c.expert_inner = keys.integer("expert_feed_forward_length", 0);
  c.first_dense = keys.integer("leading_dense_block_count", 0);
  const int64_t gating = keys.integer("expert_gating_func", 0);
  keys.only("expert_gating_func", c.experts == 0 || (gating >= 0 && gating <= 2), "1 (softmax) or 2 (sigmoid)");
  c.sigmoid_router = c.group_by_top2 = gating == 2;
  c.family = gating == 2 ? ModelConfig::Family::deepseek_v3 : ModelConfig::Family::deepseek_v2;
  const bool unsaid = is_deepseek_v3_itself(c);
  c.groups = std::max<int64_t>(1, keys.integer("expert_group_count", unsaid ? 8 : 1));
  c.top_groups = std::max<int64_t>(1, keys.integer("expert_group_used_count", unsaid ? 4 : 1));
  c.normalise_top_k = keys.boolean("expert_weights_norm", false);
  const double scale = keys.number("expert_weights_scale", 1);
  c.routed_scale = scale == 0 ? 1.0f : static_cast<float>(scale);
}

// Newer files describe attention over latents as attention with one key of kv_lora + rope elements, and the heads under
// other names; older ones describe the heads.
// Prediction layers are those that hold such tensors ("blk.61.nextn.eh_proj.weight"): they lie behind the trunk. The
// key nextn_predict_layers says how many a converter knew of, block_count counts them or not, and some files leave them
// out; whatever the two say, a layer without such tensors is one of the trunk's.
void read_layers(Keys& keys, ModelConfig& c) {
  const int64_t blocks = keys.integer("block_count"), said = keys.integer("nextn_predict_layers", 0);
  std::set<int64_t> all, predicting;
  for (const auto& [name, tensor] : keys.file().tensors()) {
    if (!name.starts_with("blk.")) continue;
    const int64_t layer = std::atoll(name.c_str() + 4);
    all.insert(layer);
    if (name.find(".nextn.") != std::string::npos) predicting.insert(layer);
  }
  c.layers = blocks;
  if (said == 0 && predicting.empty()) return;
  const int64_t end = all.empty() ? 0 : *all.rbegin() + 1;
  c.mtp_depth = std::ssize(predicting);
  c.layers = end - c.mtp_depth;
  const bool behind = predicting.empty() || *predicting.begin() == c.layers;
  const bool fits = c.layers == blocks || c.layers == blocks - std::max(said, c.mtp_depth);
  if (behind && fits && said >= 0) return;
  fail(
      "{}: block_count {} and nextn_predict_layers {} do not fit the file: expected {} or {} layers and then those of "
      "prediction, found {} "
      "layers, {} of them of prediction (with nextn tensors); convert the model anew",
      keys.file().who(), blocks, said, blocks, blocks - said, end, c.mtp_depth);
}

void read_deepseek(Keys& keys, ModelConfig& c) {
  read_layers(keys, c);
  c.kv_heads = c.heads;
  const int64_t stored_heads = keys.integer("attention.head_count_kv", c.heads);
  keys.only("attention.head_count_kv", stored_heads == 1 || stored_heads == c.heads,
            "1, or as many as attention.head_count");
  c.q_lora = keys.integer("attention.q_lora_rank", 0);
  c.kv_lora = keys.integer("attention.kv_lora_rank");
  c.rope_dim = keys.integer("rope.dimension_count");
  const auto latent_key = keys.find_integer("attention.key_length"),
             latent_value = keys.find_integer("attention.value_length");
  const int64_t key = keys.integer("attention.key_length_mla", latent_key.value_or(0));
  c.v_dim = keys.integer("attention.value_length_mla", latent_value.value_or(0));
  keys.only("attention.key_length", key > c.rope_dim && c.rope_dim >= 0, "more than rope.dimension_count");
  c.nope_dim = key - c.rope_dim;
  c.split_kv_b = keys.has_tensor("blk.0.attn_k_b.weight") && !keys.has_tensor("blk.0.attn_kv_b.weight");
  read_experts(keys, c);
  read_rope(keys, 0, c);
}

void read_grouped_query(Keys& keys, ModelConfig& c) {
  const bool qwen2 = c.family == ModelConfig::Family::qwen2;
  c.kv_heads = keys.integer("attention.head_count_kv", c.heads);
  c.head_dim = keys.integer("attention.key_length", c.heads > 0 ? c.hidden / c.heads : 0);
  keys.only("attention.value_length", keys.integer("attention.value_length", c.head_dim) == c.head_dim,
            "the same as attention.key_length");
  keys.only("rope.dimension_count", keys.integer("rope.dimension_count", c.head_dim) == c.head_dim,
            "the length of a head");
  keys.only("expert_count", keys.integer("expert_count", 0) == 0, "none, or 0");
  keys.integer("expert_used_count", 0);
  c.qkv_bias = qwen2;
  c.rope_pairs = !qwen2;
  read_rope(keys, c.head_dim, c);
}

}  // namespace

std::string check_gguf_architecture(const GgufFile& file) {
  const auto architecture = file.text("general.architecture");
  if (!architecture) fail("{}: general.architecture: expected a value, found none", file.who());
  if (*architecture != "qwen2" && *architecture != "llama" && *architecture != "deepseek2")
    fail("{}: general.architecture: expected deepseek2, qwen2 or llama, found {}", file.who(), brief(*architecture));
  return *architecture;
}

ModelConfig config_from_gguf(const GgufFile& file) {
  const std::string architecture = check_gguf_architecture(file);
  ModelConfig c;
  if (architecture == "qwen2") c.family = ModelConfig::Family::qwen2;
  if (architecture == "llama") c.family = ModelConfig::Family::llama;
  Keys keys(file, architecture);
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr)
    fail("{}: expected the tensor \"token_embd.weight\", found none; does this file hold only a vocabulary?",
         file.who());
  c.vocab = embedding->shape[0];
  keys.only("vocab_size", keys.integer("vocab_size", c.vocab) == c.vocab, "as many as token_embd.weight has rows");
  c.hidden = keys.integer("embedding_length");
  c.layers = keys.integer("block_count");
  c.heads = keys.integer("attention.head_count");
  c.dense_inner = keys.integer("feed_forward_length", 0);
  c.max_context = keys.integer("context_length");
  c.norm_eps = static_cast<float>(keys.number("attention.layer_norm_rms_epsilon"));
  c.tied_head = !keys.has_tensor("output.weight");
  c.bos = static_cast<int32_t>(
      std::clamp<int64_t>(token_named(file, "tokenizer.ggml.bos_token_id").value_or(-1), -2, INT32_MAX));
  c.eos = static_cast<int32_t>(
      std::clamp<int64_t>(token_named(file, "tokenizer.ggml.eos_token_id").value_or(-1), -2, INT32_MAX));
  if (c.is_mla())
    read_deepseek(keys, c);
  else
    read_grouped_query(keys, c);
  keys.refuse_others(c);
  check(c, file.who());
  return c;
}

}  // namespace hadal::weights
