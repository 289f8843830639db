#include "weights/gguf/quant_mix.h"

#include <array>

#include "base/error.h"

namespace hadal::weights {
namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// The first and last eighth of the layers, and every third between: where llama.cpp's _M mixes spend more bits.
bool gets_more(int64_t layer, int64_t layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

int64_t layer_of(const std::string& name) {
  constexpr std::string_view kPrefix = "model.layers.";
  return name.starts_with(kPrefix) ? std::stoll(name.substr(kPrefix.size())) : -1;
}

QuantType for_short_rows(QuantType type) {
  switch (type) {
    case QuantType::q4_k:
      return QuantType::q5_0;
    case QuantType::q5_k:
      return QuantType::q5_1;
    case QuantType::q6_k:
      return QuantType::q8_0;
    default:
      return QuantType::iq4_nl;
  }
}

const std::array<QuantMix, 13>& mixes() {
  static const std::array<QuantMix, 13> table = {{{"F16", QuantType::f16, {}},
                                                  {"Q8_0", QuantType::q8_0, {}},
                                                  {"Q6_K", QuantType::q6_k, {}},
                                                  {"Q5_K_M", QuantType::q5_k, QuantType::q6_k},
                                                  {"Q4_K_M", QuantType::q4_k, QuantType::q6_k},
                                                  {"Q3_K", QuantType::q3_k, {}},
                                                  {"Q2_K", QuantType::q2_k, {}},
                                                  {"Q5_0", QuantType::q5_0, {}},
                                                  {"Q5_1", QuantType::q5_1, {}},
                                                  {"Q4_0", QuantType::q4_0, {}},
                                                  {"Q4_1", QuantType::q4_1, {}},
                                                  {"IQ4_NL", QuantType::iq4_nl, {}},
                                                  {"IQ4_XS", QuantType::iq4_xs, {}}}};
  return table;
}

}  // namespace

QuantMix quant_mix_named(const std::string& name) {
  std::string known;
  for (const QuantMix& mix : mixes()) {
    if (mix.name == name) return mix;
    known += (known.empty() ? "" : ", ") + mix.name;
  }
  fail("type: expected one of {}, found \"{}\"", known, name);
}

std::optional<QuantType> quant_type_of(const QuantMix& mix, const Param& param, const ModelConfig& config) {
  if (param.shape.size() < 2 || param.group == ParamGroup::router || param.group == ParamGroup::vector ||
      param.group == ParamGroup::buffer)
    return {};
  const std::string& name = param.name;
  QuantType type = mix.base;
  const int64_t layer = layer_of(name);
  const bool is_head = param.group == ParamGroup::head || (config.tied_head && param.group == ParamGroup::embedding);
  if (is_head && quant_format(type).block_weights == 256) type = QuantType::q6_k;
  if (mix.more && (contains(name, "self_attn.v_proj") || contains(name, "down_proj")) &&
      gets_more(layer, config.layers))
    type = *mix.more;
  const int64_t cols = param.shape.back();
  if (cols % quant_format(type).block_weights != 0) type = for_short_rows(type);
  if (cols % quant_format(type).block_weights != 0) type = QuantType::f16;
  return type;
}

}  // namespace hadal::weights
