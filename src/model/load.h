// Models on disk. A Hugging Face folder: config.json, model.safetensors (or shards with an index), tokenizer files. Or a
// GGUF file (gguf_model.h), or the first of its parts, or a folder that holds one such.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model/expert_store.h"
#include "model/generation.h"
#include "model/memory_plan.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

namespace hadal {

struct LoadedModel {
  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string name;  // the folder's or the file's own name
  std::shared_ptr<ExpertStore> experts = {};  // null: all of them are in memory
  GenerationAdvice advice = {};
};

// A path, or a name under models/ (of the working folder or HADAL_MODELS). Throws Error naming file, tensor, expected
// and found. Every size is checked before memory is taken; vocabulary and tokenizer must fit each other.
// Frozen: weights for inference in the type of the file, without the layers that only training uses; otherwise f32, ready
// to train. Whole: frozen, but with those layers where the files have them.
// With `run` (frozen only) memory is planned for running it: what fits neither whole nor with experts on demand is refused.
// Without it only what is copied must fit, and mapped parts are read where they lie.
enum class LoadAs { frozen, whole, trainable };
LoadedModel load_model(const std::string& name_or_path, LoadAs as = LoadAs::frozen, const std::optional<RunPlan>& run = {});
Path find_model(const std::string& name_or_path);
Path gguf_of(const Path& path);  // the GGUF file of a path that find_model() gave; empty: it is a Hugging Face folder
Tokenizer load_tokenizer(const std::string& name_or_path);  // alone, without the weights

// Writes config.json, model.safetensors and the tokenizer's files, whole. dtype bf16 or f32.
void save_model(const Path& folder, Model& model, const Tokenizer& tokenizer, DType dtype);
// The same without the weights.
void save_description(const Path& folder, const ModelConfig& config, const Tokenizer& tokenizer, DType dtype);

}  // namespace hadal
