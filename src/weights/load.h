// Models on disk. A Hugging Face folder: config.json, model.safetensors (or shards with an index), tokenizer files. Or
// a GGUF file (gguf_model.h) of any name, or any of its parts, or a folder that holds one such.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model/model.h"
#include "tokenizer/tokenizer.h"
#include "weights/experts/expert_store.h"
#include "weights/experts/memory_plan.h"
#include "weights/generation.h"

namespace hadal::weights {

// What a name or a path means.
struct ModelFiles {
  enum class Kind {
    folder,
    gguf,
    tensors
  } kind = Kind::folder;  // tensors: a safetensors file without a model's folder
  Path path;              // the Hugging Face folder, or the file (of a split GGUF model any of its parts)
  std::string name;       // of the model, for people: the folder's or the file's own
  Path weights = {};      // the one safetensors file that was asked for by an unusual name; else the folder's
};

// In this order: a path (also of the cache of Hugging Face's tools, or of a blob of Ollama's); a name under models/ (of
// the working folder or HADAL_MODELS); "owner/repo", "hf:owner/repo", with ":Q4_K_M" or "/file.gguf" behind it, or
// "name:tag", among what `hadal pull`, Hugging Face's tools or Ollama stored here. Throws Error with the command that
// fetches it where there is one.
ModelFiles find_model(const std::string& name_or_path);

struct LoadedModel {
  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string name;                           // ModelFiles::name
  std::shared_ptr<ExpertStore> experts = {};  // null: all of them are in memory
  GenerationDefaults defaults = {};
};

// By what find_model() takes. Throws Error naming file, tensor, expected and found. Every size is checked before memory
// is taken; vocabulary and tokenizer must fit each other. Frozen: weights for inference in the type of the file,
// without the layers that only training uses; otherwise f32, ready to train. Whole: frozen, but with those layers where
// the files have them. With `run` (frozen only) memory is planned for running it: what fits neither whole nor with
// experts on demand is refused. Without it only what is copied must fit, and mapped parts are read where they lie.
enum class LoadAs { frozen, whole, trainable };
LoadedModel load_model(const std::string& name_or_path, LoadAs as = LoadAs::frozen,
                       const std::optional<RunPlan>& run = {});
Tokenizer load_tokenizer(const std::string& name_or_path);  // alone, without the weights

// Writes config.json, model.safetensors, the tokenizer's files and, where there is defaults, generation_config.json,
// whole. dtype bf16 or f32.
void save_model(const Path& folder, Model& model, const Tokenizer& tokenizer, DType dtype,
                const GenerationDefaults& defaults = {});
// The same without the weights.
void save_description(const Path& folder, const ModelConfig& config, const Tokenizer& tokenizer, DType dtype,
                      const GenerationDefaults& defaults = {});

}  // namespace hadal::weights
