// Available memory, so that a model that does not fit is refused instead of killed, and allocations in huge pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/files.h"

namespace hadal {

// Bytes that can be allocated without swapping: MemAvailable of /proc/meminfo, or less if the limits of this process's
// control groups (version 2 or 1, its own and their parents) leave less. Cached file pages of a group count as
// available, since the kernel reclaims them first. UINT64_MAX if unknown. `root`: root of the file system, for tests.
uint64_t available_memory_bytes(const Path& root = "/");

// Zeroed memory, in huge pages if the system has them, which cause fewer TLB misses when rows are far apart. Pages are
// allocated when first written. Null: not enough memory.
std::shared_ptr<std::byte> take_pages(uint64_t bytes);

// Memory for std::free, aligned to 64 bytes, not cleared; from 2 MiB up in huge pages if the system has them. Null: not
// enough memory.
void* take_aligned(uint64_t bytes);

// Reads mapped bytes into memory and locks them if the system permits it. False: not locked; the system may evict them
// when memory is short.
bool keep_resident(std::span<const std::byte> mapped);
// Releases the whole pages of a range of a mapped file; later reads load them from the file again.
void let_go(std::span<const std::byte> mapped);

}  // namespace hadal
