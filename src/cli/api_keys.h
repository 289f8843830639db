// API keys in a file: one a line; empty lines and lines that begin with # are passed over. Error when there is none.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"

namespace hadal {

std::vector<std::string> read_api_keys(const Path& file);

}  // namespace hadal
