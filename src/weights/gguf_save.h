// Writing a model as a GGUF file, with the names, keys and orders of llama.cpp's converter, so that both programs read
// it.
#pragma once

#include <functional>

#include "weights/load.h"

namespace hadal::weights {

struct GgufSaveOptions {
  std::string name;  // general.name of the file
  // "": matrices as the model has them (F32, BF16, or a file's own blocks). Else a mix (quant_mix.h) of types that
  // can_quantise(); vectors and routers are always F32.
  std::string mix;
  std::function<void(uint64_t done_bytes, uint64_t all_bytes)> progress;
  GenerationDefaults defaults = {};
};

// Writes the file whole; prediction layers are left out, as llama.cpp does. Throws Error for a model that the format
// cannot describe, and for values that are not finite where they would be quantised.
void save_gguf(const Path& path, Model& model, const Tokenizer& tokenizer, const GgufSaveOptions& options);

}  // namespace hadal::weights
