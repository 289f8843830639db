// The names that requests may say for what stands under markets/ and runs/, and the files there. A name is one part of
// a path; what leads out of the base, also by a link, is not found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.h"

namespace hadal {

// base/NAME where that is a folder inside of base, else nothing: for "..", for names with a slash, and for links that
// lead elsewhere.
std::optional<Path> folder_inside(const Path& base, const std::string& name);

// Whether folder/NAME is a regular file, not behind a link that leads out of the folder's base.
bool is_file_inside(const Path& base, const Path& file);

// The folders inside of base, sorted; hidden ones and those that lead out are left out. None where base is missing.
std::vector<std::string> folders_inside(const Path& base);

// Size and last change of a file, as a text that differs where the file was written again; "" where there is none.
std::string file_stamp(const Path& file);

}  // namespace hadal
