// Models on disk. A Hugging Face folder: config.json, model.safetensors (or shards with an index), tokenizer files.
#pragma once

#include <memory>
#include <string>

#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace hadal {

struct LoadedModel {
  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string name;  // the folder's or the file's own name
};

// A folder, or a name under models/ (of the working folder or HADAL_MODELS). Throws Error naming file, tensor, expected
// and found. Every size is checked before memory is taken; vocabulary and tokenizer must fit each other.
// frozen: weights for inference in the type of the file; otherwise f32, ready to train.
LoadedModel load_model(const std::string& name_or_path, bool frozen = true);
Path find_model(const std::string& name_or_path);

// Writes config.json, model.safetensors and the tokenizer's files, whole. dtype bf16 or f32.
void save_model(const Path& folder, Model& model, const Tokenizer& tokenizer, DType dtype);

}  // namespace hadal
