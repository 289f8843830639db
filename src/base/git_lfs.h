// A clone made without Git LFS holds, in place of each large file, three lines of text that name it (git-lfs,
// docs/spec.md).
#pragma once

#include <string_view>

namespace hadal {

bool is_lfs_pointer(std::string_view beginning);  // of a file
// Error that says what `who`, a file, is, and how to get the real one.
[[noreturn]] void fail_lfs_pointer(std::string_view who);

}  // namespace hadal
