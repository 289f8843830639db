#include "weights/gguf/gguf_names.h"

#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace hadal::weights {
namespace {

using Names = std::pair<std::string_view, std::string_view>;

constexpr Names kOfModel[] = {{"model.embed_tokens.weight", "token_embd.weight"},
                              {"model.norm.weight", "output_norm.weight"},
                              {"lm_head.weight", "output.weight"}};

// Behind "model.layers.N." and behind "blk.N.".
constexpr Names kOfLayer[] = {{"input_layernorm.weight", "attn_norm.weight"},
                              {"post_attention_layernorm.weight", "ffn_norm.weight"},

                              {"self_attn.q_proj.weight", "attn_q.weight"},
                              {"self_attn.q_proj.bias", "attn_q.bias"},
                              {"self_attn.k_proj.weight", "attn_k.weight"},
                              {"self_attn.k_proj.bias", "attn_k.bias"},
                              {"self_attn.v_proj.weight", "attn_v.weight"},
                              {"self_attn.v_proj.bias", "attn_v.bias"},
                              {"self_attn.o_proj.weight", "attn_output.weight"},

                              {"self_attn.q_a_proj.weight", "attn_q_a.weight"},
                              {"self_attn.q_a_layernorm.weight", "attn_q_a_norm.weight"},
                              {"self_attn.q_b_proj.weight", "attn_q_b.weight"},
                              {"self_attn.kv_a_proj_with_mqa.weight", "attn_kv_a_mqa.weight"},
                              {"self_attn.kv_a_layernorm.weight", "attn_kv_a_norm.weight"},
                              {"self_attn.kv_b_proj.weight", "attn_kv_b.weight"},
                              {"self_attn.k_b_proj.weight", "attn_k_b.weight"},
                              {"self_attn.v_b_proj.weight", "attn_v_b.weight"},

                              {"mlp.gate_proj.weight", "ffn_gate.weight"},
                              {"mlp.up_proj.weight", "ffn_up.weight"},
                              {"mlp.down_proj.weight", "ffn_down.weight"},

                              {"mlp.gate.weight", "ffn_gate_inp.weight"},
                              {"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"},
                              {"mlp.experts.*.gate_proj.weight", "ffn_gate_exps.weight"},
                              {"mlp.experts.*.up_proj.weight", "ffn_up_exps.weight"},
                              {"mlp.experts.*.down_proj.weight", "ffn_down_exps.weight"},
                              {"mlp.shared_experts.gate_proj.weight", "ffn_gate_shexp.weight"},
                              {"mlp.shared_experts.up_proj.weight", "ffn_up_shexp.weight"},
                              {"mlp.shared_experts.down_proj.weight", "ffn_down_shexp.weight"},

                              {"hnorm.weight", "nextn.hnorm.weight"},
                              {"enorm.weight", "nextn.enorm.weight"},
                              {"eh_proj.weight", "nextn.eh_proj.weight"},
                              {"shared_head.norm.weight", "nextn.shared_head_norm.weight"}};

std::string_view found_in(std::span<const Names> table, std::string_view name) {
  for (const auto& [ours, theirs] : table)
    if (ours == name) return theirs;
  HADAL_CHECK(false, "no name for {} in GGUF files", name);
}

}  // namespace

std::string gguf_name(const std::string& name) {
  constexpr std::string_view kLayers = "model.layers.";
  if (!name.starts_with(kLayers)) return std::string(found_in(kOfModel, name));
  const size_t dot = name.find('.', kLayers.size());
  const std::string layer = name.substr(kLayers.size(), dot - kLayers.size());
  return "blk." + layer + "." + std::string(found_in(kOfLayer, std::string_view(name).substr(dot + 1)));
}

}  // namespace hadal::weights
