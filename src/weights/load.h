// Models on disk: a Hugging Face folder with config.json, model.safetensors (or shards with an index) and the
// tokenizer's files; or a GGUF file (gguf_model.h), any of its parts, or a folder with one such file.
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

// The files that a name or a path refers to.
struct ModelFiles {
  enum class Kind {
    folder,
    gguf,
    tensors
  } kind = Kind::folder;  // tensors: a safetensors file without a model's folder
  Path path;              // the Hugging Face folder, or the file (of a split GGUF model any of its parts)
  std::string name;       // of the model, for display: that of the folder or file
  Path weights = {};      // a safetensors file requested by an unusual name; else empty, and the folder's are read
};

// Tries in this order: a path (also in the cache of Hugging Face's tools, or a blob of Ollama's); a name under models/
// (of the working folder or HADAL_MODELS); "owner/repo" or "hf:owner/repo", optionally followed by ":Q4_K_M" or
// "/file.gguf", or "name:tag", among what `hadal pull`, Hugging Face's tools or Ollama stored here. Throws Error, with
// the command that fetches the model if there is one.
ModelFiles find_model(const std::string& name_or_path);

struct LoadedModel {
  std::shared_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string name;                           // ModelFiles::name
  std::shared_ptr<ExpertStore> experts = {};  // null: all of them are in memory
  GenerationDefaults defaults = {};
};

// Loads the model that find_model() finds. Throws Error naming file, tensor, expected and found. Every size is checked
// before memory is allocated; vocabulary and tokenizer must fit each other. LoadAs: frozen is for inference, weights in
// the type of the file, without the layers that only training uses; trainable is f32; whole is frozen, but with those
// layers if the files have them. `run` (frozen only) plans memory for running: a model that fits neither in memory nor
// with experts on demand is an Error. Without `run` only what is copied must fit; the rest stays mapped.
enum class LoadAs { frozen, whole, trainable };
LoadedModel load_model(const std::string& name_or_path, LoadAs as = LoadAs::frozen,
                       const std::optional<RunPlan>& run = {});
Tokenizer load_tokenizer(const std::string& name_or_path);  // alone, without the weights

// Writes config.json, model.safetensors, the tokenizer's files and, if there are defaults, generation_config.json,
// whole. dtype bf16 or f32.
void save_model(const Path& folder, Model& model, const Tokenizer& tokenizer, DType dtype,
                const GenerationDefaults& defaults = {});
// The same without the weights.
void save_description(const Path& folder, const ModelConfig& config, const Tokenizer& tokenizer, DType dtype,
                      const GenerationDefaults& defaults = {});

}  // namespace hadal::weights
