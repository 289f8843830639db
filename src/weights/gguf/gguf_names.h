// What GGUF files call the parameters of a model.
#pragma once

#include <string>

namespace hadal::weights {

// "model.layers.0.self_attn.o_proj.weight" -> "blk.0.attn_output.weight"; a stack of experts has one name as a whole.
// `name` is that of a parameter of a Model.
std::string gguf_name(const std::string& name);

}  // namespace hadal::weights
