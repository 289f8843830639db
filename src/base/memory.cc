#include "base/memory.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {
namespace {

// The number after `key` in a file of lines "key number".
std::optional<uint64_t> number_after(const Path& path, std::string_view wanted) {
  std::ifstream file(path);
  uint64_t number = 0;
  for (std::string key, rest; file >> key; std::getline(file, rest)) {
    if (key != wanted) continue;
    if (file >> number) return number;
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<uint64_t> number_in(const Path& path) {  // none if the file says "max" or is missing
  std::ifstream file(path);
  uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

struct GroupFiles {
  const char *limit, *used, *inactive, *active;
};
constexpr GroupFiles kVersion2 = {"memory.max", "memory.current", "inactive_file", "active_file"};
constexpr GroupFiles kVersion1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
                                  "total_active_file"};

uint64_t left_in(const Path& group, const GroupFiles& files) {
  const auto limit = number_in(group / files.limit), used = number_in(group / files.used);
  if (!limit || !used) return UINT64_MAX;
  const Path stat = group / "memory.stat";
  const uint64_t cached = number_after(stat, files.inactive).value_or(0) + number_after(stat, files.active).value_or(0);
  const uint64_t taken = *used - std::min(*used, cached);
  return *limit - std::min(*limit, taken);
}

// The least memory that the group `name` under `mount` and its parents leave. In a container `name` may be the one
// outside of it, while `mount` is the group itself.
uint64_t left_in_all(const Path& mount, std::string name, const GroupFiles& files) {
  uint64_t left = left_in(mount, files);
  while (name.size() > 1) {
    left = std::min(left, left_in(mount / name.substr(1), files));
    name.resize(name.rfind('/') == std::string::npos ? 0 : name.rfind('/'));
  }
  return left;
}

// Lines of /proc/self/cgroup: "0::/name" (version 2), "4:memory:/name" (version 1).
uint64_t left_in_groups(const Path& root) {
  uint64_t left = UINT64_MAX;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1)),
                      name = line.substr(second + 1);
    if (controllers == ",,") left = std::min(left, left_in_all(root / "sys/fs/cgroup", name, kVersion2));
    if (controllers.find(",memory,") != std::string::npos)
      left = std::min(left, left_in_all(root / "sys/fs/cgroup/memory", name, kVersion1));
  }
  return left;
}

}  // namespace

uint64_t available_memory_bytes(const Path& root) {
  const auto kib = number_after(root / "proc/meminfo", "MemAvailable:");
  return std::min(kib ? *kib * 1024 : UINT64_MAX, left_in_groups(root));
}

std::shared_ptr<std::byte> take_pages(uint64_t bytes) {
  if (bytes == 0) return std::make_shared<std::byte>();
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  return {static_cast<std::byte*>(memory), [bytes](std::byte* p) { ::munmap(p, bytes); }};
}

void* take_aligned(uint64_t bytes) {
  constexpr uint64_t kLine = 64, kHugePage = 2 << 20;
  if (bytes < kHugePage) return std::aligned_alloc(kLine, (bytes + kLine - 1) / kLine * kLine);
  void* memory = std::aligned_alloc(kHugePage, bytes);
  if (memory != nullptr) ::madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return memory;
}

bool keep_resident(std::span<const std::byte> mapped) {
  if (mapped.empty()) return true;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(mapped.data()) / page * page;
  const size_t size = reinterpret_cast<uintptr_t>(mapped.data()) + mapped.size() - begin;
  auto* first = reinterpret_cast<void*>(begin);
  ::madvise(first, size, MADV_WILLNEED);
  if (::mlock(first, size) == 0) return true;
  for (size_t at = 0; at < mapped.size(); at += page)
    static_cast<void>(*static_cast<const volatile std::byte*>(&mapped[at]));
  return false;
}

void let_go(std::span<const std::byte> mapped) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(mapped.data()) + page - 1) / page * page;
  const auto end = (reinterpret_cast<uintptr_t>(mapped.data()) + mapped.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace hadal
