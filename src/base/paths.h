// What a path leads to, before anything is read or written there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"

namespace hadal {

// Where its links lead: a descriptor, or what is no link; nothing need be there. Error for a link that leads to itself.
Path end_of_links(const Path& path);
// Of /dev/fd/N and /proc/self/fd/N: this process's own descriptor, which is shared by others that write there too.
std::optional<int> descriptor_of(const Path& path);
// Whether what is written to `path` goes to a pipe or a device, such as /dev/stdout, and to no file of its own.
bool is_written_through(const Path& path);

// The files below a folder in the order of their names. Hidden ones are left out, and symbolic links, which may lead
// anywhere. `wanted` is asked of each; `unread` gets a folder that cannot be looked into, and why. Error where `folder`
// itself cannot be read.
std::vector<Path> files_below(const Path& folder, const std::function<bool(const Path&)>& wanted,
                              const std::function<void(const Path&, const std::string&)>& unread);

}  // namespace hadal
