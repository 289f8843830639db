// Models in GGUF files (formats/gguf.h), with the names, keys and orders of llama.cpp's converter: architectures
// deepseek2, qwen2 and llama. What a file says and Hadal does not support is refused by its name.
#pragma once

#include "formats/gguf.h"
#include "weights/load.h"

namespace hadal::weights {

// Throws Error naming the key that is missing, out of range, or not supported.
ModelConfig config_from_gguf(const GgufFile& file);
std::string check_gguf_architecture(const GgufFile& file);  // its name

// From the file's metadata alone: files without weights will do.
Tokenizer tokenizer_from_gguf(const GgufFile& file);

// Unless it is to be trained, matrices of quantised blocks and of F16 stay in the mapped file; F32 and BF16 ones are
// copied, vectors and routers are read in f32. `run`: load_model(); `experts` gets the store, where experts are read on
// demand.
std::shared_ptr<Model> model_from_gguf(const GgufFile& file, LoadAs as, const std::optional<RunPlan>& run = {},
                                       std::shared_ptr<ExpertStore>* experts = nullptr);

// Error for what cannot run here, from the keys and the list of tensors alone: GgufFile::open_head() will do, also of
// one part of several.
void check_gguf_head(const GgufFile& file);

// The numbers of a tensor from number `first` on (whole rows), as f32. Error for a type that Hadal cannot compute with.
void read_gguf_tensor(const GgufTensor& tensor, int64_t first, std::span<float> out);

}  // namespace hadal::weights
