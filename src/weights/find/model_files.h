// What lies at a path: a model's folder, a GGUF file, or a folder of another program that holds one of these. Files are
// known by how they begin, not by their names. Inside the module only.
#pragma once

#include "weights/load.h"

namespace hadal::weights {

bool is_gguf_file(const Path& path);   // by its first four bytes; a pointer of Git LFS in its place counts too
bool is_model_path(const Path& path);  // a folder or file that files_at() would take for a model at first sight

// `tag`: of several GGUF files the one with this word in its name ("Q4_K_M"); "": no wish. Throws Error that says what
// is there instead, or which of several may be meant.
ModelFiles files_at(const Path& path, const std::string& tag = "");

// The model's GGUF files in a folder: first parts alone, without what belongs to one (projectors, prediction heads,
// adapters, importance matrices); sorted.
std::vector<Path> gguf_files_in(const Path& folder);

bool has_gguf_with(const Path& folder, const std::string& tag);  // one with this word in its name
// The snapshot that is meant of a repository in the cache of Hugging Face's tools.
Path snapshot_of(const Path& repository);

// "Q4_K_M" stands in the name as a word of its own, in either case: Q4_K does not mean Q4_K_M.
bool has_word(const std::string& name, const std::string& word);

std::string lower_case(std::string text);
// "x-00001-of-00003.gguf" and "x.GGUF" -> "x".
std::string without_gguf_ending(const std::string& name);

}  // namespace hadal::weights
