#include "weights/synthetic.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tokenizer/unicode.h"
#include "weights/gguf/quant_mix.h"

namespace hadal::weights {
namespace {

ModelConfig v2_lite() {
  ModelConfig c;
  c.family = ModelConfig::Family::deepseek_v2;
  c.vocab = 102400, c.hidden = 2048, c.layers = 27, c.heads = c.kv_heads = 16, c.max_context = 163840,
  c.dense_inner = 10944;
  c.kv_lora = 512, c.nope_dim = 128, c.rope_dim = 64, c.v_dim = 128;
  c.split_kv_b = true;
  c.experts = 64, c.top_k = 6, c.shared_experts = 2, c.expert_inner = 1408, c.first_dense = 1;
  c.sigmoid_router = c.normalise_top_k = c.group_by_top2 = false;
  c.rope_scaling = {.kind = RopeScaling::Kind::yarn,
                    .factor = 40,
                    .original_context = 4096,
                    .mscale = 0.707,
                    .mscale_all_dim = 0.707};
  return c;
}

ModelConfig v3_layer() {
  ModelConfig c;
  c.vocab = 129280, c.hidden = 7168, c.layers = 1, c.heads = c.kv_heads = 128, c.max_context = 163840,
  c.dense_inner = 18432;
  c.q_lora = 1536, c.kv_lora = 512, c.nope_dim = 128, c.rope_dim = 64, c.v_dim = 128;
  c.split_kv_b = true;
  c.experts = 256, c.top_k = 8, c.shared_experts = 1, c.expert_inner = 2048, c.first_dense = 0;
  c.groups = 8, c.top_groups = 4, c.routed_scale = 2.5f;
  c.rope_scaling = {
      .kind = RopeScaling::Kind::yarn, .factor = 40, .original_context = 4096, .mscale = 1, .mscale_all_dim = 1};
  return c;
}

ModelConfig qwen_1_5b() {
  ModelConfig c;
  c.family = ModelConfig::Family::qwen2;
  c.vocab = 151936, c.hidden = 1536, c.layers = 28, c.heads = 12, c.kv_heads = 2, c.head_dim = 128,
  c.max_context = 131072, c.dense_inner = 8960;
  c.qkv_bias = true;
  return c;
}

ModelConfig llama_8b() {
  ModelConfig c;
  c.family = ModelConfig::Family::llama;
  c.vocab = 128256, c.hidden = 4096, c.layers = 32, c.heads = 32, c.kv_heads = 8, c.head_dim = 128,
  c.max_context = 131072, c.dense_inner = 14336;
  c.norm_eps = 1e-5f, c.rope_theta = 500000;
  c.rope_pairs = true;  // as in its GGUF files: saving copies the blocks
  c.rope_scaling = {.kind = RopeScaling::Kind::llama3,
                    .factor = 8,
                    .original_context = 8192,
                    .low_freq_factor = 1,
                    .high_freq_factor = 4};
  return c;
}

const std::map<std::string, ModelConfig (*)()>& shapes() {
  static const std::map<std::string, ModelConfig (*)()> table = {{"V2-Lite", v2_lite},
                                                                 {"V3-layer", v3_layer},
                                                                 {"R1-Distill-Qwen-1.5B", qwen_1_5b},
                                                                 {"R1-Distill-Llama-8B", llama_8b}};
  return table;
}

// Where a block keeps f16 scales, and values for them with which random codes have mean 0 and deviation 0.02, about.
struct Factors {
  int64_t at, at_offset;  // -1: none
  float scale, offset;
};
Factors factors_of(QuantType type) {
  switch (type) {
    case QuantType::q8_0:
      return {0, -1, 2.7e-4f, 0};
    case QuantType::q4_0:
      return {0, -1, 4.3e-3f, 0};
    case QuantType::q4_1:
      return {0, 2, 4.3e-3f, -7.5f * 4.3e-3f};
    case QuantType::q5_0:
      return {0, -1, 2.2e-3f, 0};
    case QuantType::q5_1:
      return {0, 2, 2.2e-3f, -15.5f * 2.2e-3f};
    case QuantType::q2_k:
      return {80, 82, 1.7e-3f, 1.5f * 1.7e-3f};
    case QuantType::q3_k:
      return {108, -1, 4.7e-4f, 0};
    case QuantType::q4_k:
      return {0, 2, 1e-4f, 7.5e-4f};
    case QuantType::q5_k:
      return {0, 2, 5e-5f, 15.5f * 5e-5f};
    case QuantType::q6_k:
      return {208, -1, 1.5e-5f, 0};
    case QuantType::iq4_nl:
      return {0, -1, 2.9e-4f, 0};
    case QuantType::iq4_xs:
      return {0, -1, 1.5e-5f, 0};
    default:
      return {-1, -1, 0, 0};
  }
}

void put_half(std::byte* at, float value) {
  const uint16_t half = float_to_half(value);
  std::memcpy(at, &half, sizeof half);
}

// Random blocks of one type; large tensors repeat them.
std::vector<std::byte> block_pool(QuantType type, Rng& rng) {
  const QuantFormat& format = quant_format(type);
  constexpr int64_t kBytes = 1 << 20;
  std::vector<std::byte> pool(static_cast<size_t>(kBytes / format.block_bytes * format.block_bytes));
  if (type == QuantType::f16) {
    for (size_t i = 0; i < pool.size(); i += 2) put_half(pool.data() + i, 0.02f * rng.normal());
    return pool;
  }
  for (auto& b : pool) b = static_cast<std::byte>(rng.next() & 255);
  const Factors f = factors_of(type);
  for (size_t i = 0; i < pool.size(); i += static_cast<size_t>(format.block_bytes)) {
    put_half(pool.data() + i + f.at, f.scale);
    if (f.at_offset >= 0) put_half(pool.data() + i + f.at_offset, f.offset);
  }
  return pool;
}

// The 256 bytes, one merge (readers want some), an end token, and tokens that no text becomes.
std::shared_ptr<const Tokenizer> byte_tokenizer(const ModelConfig& config) {
  TokenizerParts parts;
  for (int byte = 0; byte < 256; ++byte)
    parts.tokens.push_back(to_byte_alphabet(std::string(1, static_cast<char>(byte))));
  parts.tokens.push_back("ab");
  parts.merges.push_back("a b");
  parts.types.assign(parts.tokens.size(), TokenType::normal);
  parts.tokens.push_back("<end>");
  parts.types.push_back(TokenType::control);
  parts.eos = static_cast<TokenId>(parts.tokens.size()) - 1;
  while (static_cast<int64_t>(parts.tokens.size()) < config.vocab) {
    parts.tokens.push_back(fmt::format("<unused {}>", parts.tokens.size()));
    parts.types.push_back(TokenType::unused);
  }
  parts.pre_tokenizer = "qwen2";
  return std::make_shared<const Tokenizer>(Tokenizer::from_parts(std::move(parts), "synthetic"));
}

class Maker {
 public:
  Weight quantised(QuantType type, const Shape& shape) {
    auto& pool = pools_[type];
    if (pool.empty()) pool = block_pool(type, rng_);
    QuantMatrix m{.type = type, .rows = num_elements(shape) / shape.back(), .cols = shape.back()};
    const int64_t bytes = m.bytes(), size = static_cast<int64_t>(pool.size());
    void* memory = std::aligned_alloc(64, static_cast<size_t>((bytes + 63) / 64 * 64));
    if (memory == nullptr) fail("out of memory: a tensor needs {} bytes", bytes);
    const std::shared_ptr<void> owner(memory, std::free);
    auto copy = [&](int64_t i, int) {
      std::memcpy(static_cast<char*>(memory) + i * size, pool.data(),
                  static_cast<size_t>(std::min(size, bytes - i * size)));
    };
    ThreadPool::shared().parallel_for((bytes + size - 1) / size, copy);
    m.data = static_cast<const std::byte*>(memory);
    return Weight(m, shape, owner);
  }
  Weight plain(const Param& p) {
    const Tensor value = Tensor::zeros(p.shape);
    for (float& x : value.values()) x = p.init_std < 0 ? 1.0f : p.init_std > 0 ? 0.02f * rng_.normal() : 0.0f;
    Weight weight(value);
    weight.frozen = true;
    return weight;
  }

 private:
  Rng rng_{2026};
  std::map<QuantType, std::vector<std::byte>> pools_;
};

}  // namespace

std::vector<std::string> synthetic_shapes() {
  std::vector<std::string> names;
  for (const auto& [name, make] : shapes()) names.push_back(name);
  return names;
}

LoadedModel make_synthetic(const std::string& shape_and_type) {
  const size_t colon = shape_and_type.find(':');
  const auto shape = shapes().find(shape_and_type.substr(0, colon));
  if (colon == std::string::npos || shape == shapes().end())
    fail("synthetic: expected SHAPE:TYPE with a shape of {}, found \"{}\"", fmt::join(synthetic_shapes(), ", "),
         shape_and_type);
  const QuantMix mix = quant_mix_named(shape_and_type.substr(colon + 1));
  const ModelConfig config = shape->second();
  check(config, shape->first);
  auto model = std::make_shared<Model>(config);
  int64_t needed = 0;
  for (const Param* p : model->params()) {
    const auto type = quant_type_of(mix, *p, config);
    needed +=
        type ? QuantMatrix{.type = *type, .rows = num_elements(p->shape) / p->shape.back(), .cols = p->shape.back()}
                   .bytes()
             : num_elements(p->shape) * 4;
  }
  if (const uint64_t available = available_memory_bytes(); static_cast<uint64_t>(needed) > available) {
    fail("synthetic: {} needs {:.1f} GB of memory, and this machine has {:.1f} GB left; take a smaller type or shape",
         shape_and_type, static_cast<double>(needed) / 1e9, static_cast<double>(available) / 1e9);
  }
  Maker maker;
  for (Param* p : model->params()) {
    const auto type = quant_type_of(mix, *p, config);
    p->weight = type ? maker.quantised(*type, p->shape) : maker.plain(*p);
  }
  return {std::move(model), byte_tokenizer(config), shape_and_type};
}

}  // namespace hadal::weights
