// Finds out what a path is: a model's folder, a GGUF file, or a folder of another program that holds one of these.
// Files are recognised by their first bytes, not by their names. Private to the module.
#pragma once

#include "weights/load.h"

namespace hadal::weights {

bool is_gguf_file(const Path& path);   // by its first four bytes; a pointer of Git LFS in its place counts too
bool is_model_path(const Path& path);  // a folder or file that files_at() would try to open

// `tag` selects one of several GGUF files by a word in its name ("Q4_K_M"); "": no selection. Throws Error that says
// what was found instead, or lists the files to choose from.
ModelFiles files_at(const Path& path, const std::string& tag = "");

// The GGUF files of models in a folder, sorted: of split ones the first part, without files that belong to a model
// (projectors, prediction heads, adapters, importance matrices).
std::vector<Path> gguf_files_in(const Path& folder);

bool has_gguf_with(const Path& folder, const std::string& tag);  // one with this word in its name
// The current snapshot of a repository in the cache of Hugging Face's tools.
Path snapshot_of(const Path& repository);

}  // namespace hadal::weights
