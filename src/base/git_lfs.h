// Pointers of Git LFS: a clone made without it has, in place of each large file, three lines of text that name the file
// (git-lfs, docs/spec.md).
#pragma once

#include <string_view>

namespace hadal {

bool is_lfs_pointer(std::string_view beginning);  // of a file
// Throws Error that says that the file `who` is a pointer, and how to get the real file.
[[noreturn]] void fail_lfs_pointer(std::string_view who);

}  // namespace hadal
