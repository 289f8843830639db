// The models on this disk: what stands directly in a models folder (of HADAL_MODELS, or models/ of the working folder).
// A model is a folder with config.json, a GGUF file or a folder of its splits, or a single safetensors file.
// `.NAME.partial` is a download that is not finished, or a removal that was cut off.
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
  std::string family;        // "deepseek_v3", or GGUF's "deepseek2"; "" when that cannot be read cheaply
  std::string quantisation;  // "Q4_K_M", "bfloat16", "fp8"; "" likewise
};

const char* to_text(ModelKind kind);

// HADAL_MODELS where it is set, then models/. The first is where new ones are written.
std::vector<Path> model_store_folders();

std::vector<StoredModel> stored_models();  // by folder, then name

// A finished model of this name, else an unfinished one. Error that lists the names when there is none.
StoredModel find_stored_model(const std::string& name);

// Removes it; of a symbolic link the link alone. Nothing outside its models folder is touched.
void remove_model(const StoredModel& model);

// Gives it another name in the same folder, and returns its path. Error when that name is taken.
Path rename_model(const StoredModel& model, const std::string& name);

// Error unless `name` can be the name of a file: letters of any script, digits, . - _ and blanks; no folder, no leading
// dot.
void check_model_name(const std::string& name);

// Error when a model of this name stands in `folder`.
void check_name_is_free(const Path& folder, const std::string& name);

Path partial_folder(const Path& folder, const std::string& name);
Path source_note(
    const Path& model);  // `.NAME.source` beside a model: "owner/repo" of the pull that made it, and a line end

}  // namespace hadal::weights
