// The hash that git gives a file (SHA-1 of a blob), in lower-case hexadecimal: the hub's hash of small files. Large
// ones have SHA-256 (base/digest.h).
#pragma once

#include <string>

#include "base/files.h"

namespace hadal {

std::string git_sha1_of_file(const Path& path);

}  // namespace hadal
