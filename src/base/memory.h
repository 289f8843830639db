// How much memory there is, so that a plan which does not fit is refused instead of killed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/files.h"

namespace hadal {

// Bytes that can be taken without swapping: MemAvailable of /proc/meminfo, or what the limits of this process's control
// groups (version 2 or 1, its own and those above it) leave, where that is less; pages of files that a group has read
// count as left, since they are given back first. UINT64_MAX where nothing is known. `root`: of the file system.
uint64_t available_memory_bytes(const Path& root = "/");

// Zeros, in large pages where the system gives such: fewer of them are missed when rows lie far apart. Taken as they
// are first written. Null: there is no room.
std::shared_ptr<std::byte> take_pages(uint64_t bytes);

// Memory for std::free, aligned to 64 bytes, not cleared; from 2 MiB up in large pages where the system gives such.
// Null: there is no room.
void* take_aligned(uint64_t bytes);

// Reads mapped bytes in, and locks them there where the system permits it. True: they are locked; else the system may
// still drop them when memory is short.
bool keep_resident(std::span<const std::byte> mapped);
// Lets whole pages of a mapped file go; what is read of them later comes from the file again.
void let_go(std::span<const std::byte> mapped);

}  // namespace hadal
