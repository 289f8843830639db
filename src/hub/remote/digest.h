// The hashes of the hub's files, in lower-case hexadecimal: SHA-256 for large files, git's SHA-1 of a blob for small
// ones. Each reads the file once.
#pragma once

#include <string>

#include "base/files.h"

namespace hadal {

std::string sha256_of_file(const Path& path);
std::string git_sha1_of_file(const Path& path);

}  // namespace hadal
