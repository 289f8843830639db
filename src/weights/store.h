// The models in the models folders (HADAL_MODELS, and models/ of the working folder). A model is a folder with
// config.json, a GGUF file or a folder of its splits, or a single safetensors file. `.NAME.partial` is an unfinished
// download or removal.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"

namespace hadal::weights {

enum class ModelKind { folder, gguf, safetensors, unfinished };

struct StoredModel {
  std::string name;
  Path path;
  ModelKind kind = ModelKind::folder;
  uint64_t bytes = 0;
  std::string family;        // "deepseek_v3", or GGUF's "deepseek2"; "" if that is expensive to read
  std::string quantisation;  // "Q4_K_M", "bfloat16", "fp8"; "" likewise
};

const char* to_text(ModelKind kind);

// HADAL_MODELS if it is set, then models/. New models are written to the first.
std::vector<Path> model_store_folders();

std::vector<StoredModel> stored_models();  // by folder, then name

// A finished model of this name, else an unfinished one; else an Error that lists the names.
StoredModel find_stored_model(const std::string& name);

// Removes a model; of a symbolic link the link alone. Nothing outside its models folder is touched.
void remove_model(const StoredModel& model);

// Renames a model within its folder and returns the new path. Error when that name is taken.
Path rename_model(const StoredModel& model, const std::string& name);

// Error unless `name` can be the name of a file: letters of any script, digits, . - _ and blanks; no folder, no leading
// dot.
void check_model_name(const std::string& name);

// Error when `folder` has a model of this name.
void check_name_is_free(const Path& folder, const std::string& name);

Path partial_folder(const Path& folder, const std::string& name);
Path source_note(
    const Path& model);  // `.NAME.source` beside a model: "owner/repo" of the pull that made it, and a line end

}  // namespace hadal::weights
