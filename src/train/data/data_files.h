// Data files as users have them: JSON lines, one list of JSON values, or plain text; UTF-8 with or without a mark at
// its beginning, packed with zstd or not. What is none of these is an Error that says what it is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/files.h"

namespace hadal {

// Throws Error unless `path` is a file that can be read and is of a kind that is known here.
void check_data_file(const Path& path);

bool is_plain_text(const Path& path);  // named .txt, also .txt.zst

// Calls `use(text, line)` for each JSON value: each line that is not blank, or each element of the list when the file
// is one list. `line` counts from 1 and is where the value begins. Stops when `use` returns false.
void for_each_json(const Path& path, const std::function<bool(std::string_view, int64_t)>& use);

// A text file whole: without a byte order mark, lines ending in \n. Lines that are not UTF-8 are left out and given to
// `bad_line(number, error)`, which may throw the error.
std::string read_plain_text(const Path& path, const std::function<void(int64_t, const std::string&)>& bad_line);

}  // namespace hadal
