// Models in GGUF files (formats/gguf.h), with the names, keys and orders of llama.cpp's converter: architectures
// deepseek2, qwen2 and llama. Whatever a file has and Hadal does not support is an Error that names it.
#pragma once

#include "formats/gguf.h"
#include "weights/load.h"

namespace hadal::weights {

// Throws Error naming the key that is missing, out of range, or not supported.
ModelConfig config_from_gguf(const GgufFile& file);
std::string check_gguf_architecture(const GgufFile& file);  // its name

// Needs only the file's metadata: files without weights are accepted.
Tokenizer tokenizer_from_gguf(const GgufFile& file);

// Unless the model is loaded for training, quantised and F16 matrices stay in the mapped file, F32 and BF16 ones are
// copied, and vectors and routers are read as f32. `run`: see load_model(). `experts` receives the store if experts are
// read on demand.
std::shared_ptr<Model> model_from_gguf(const GgufFile& file, LoadAs as, const std::optional<RunPlan>& run = {},
                                       std::shared_ptr<ExpertStore>* experts = nullptr);

// Throws Error for a model that cannot run here, from the keys and the list of tensors alone: GgufFile::open_head() is
// enough, also of one part of several.
void check_gguf_head(const GgufFile& file);

// Reads elements [first, first + out.size()) of a tensor (whole rows) as f32. Error for a type that is not supported.
void read_gguf_tensor(const GgufTensor& tensor, int64_t first, std::span<float> out);

}  // namespace hadal::weights
