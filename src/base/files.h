// Reading and writing files. Writes are atomic (temporary file, fsync, rename); a symbolic link is followed, and stays;
// a pipe or a device is written to as it comes. All functions throw Error with the path and the system's reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace hadal {

using Path = std::filesystem::path;

std::string read_file(const Path& path, uint64_t max_bytes = uint64_t{4} << 30);

void write_file_whole(const Path& path, std::string_view content);

// The same for content that is produced in pieces. Nothing appears at `path` until commit(); without commit() the
// temporary file is removed. (A pipe or device has what was written before.)
class WholeFile {
 public:
  explicit WholeFile(Path path);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;
  void write(const void* data, size_t num_bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  Path path_, temporary_;  // temporary_ is empty where path_ is written to directly
  int fd_ = -1;
};

// A file mapped read-only.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const Path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Calls `line(text, number)` for each line, counted from 1, without its line end; decompresses files named *.zst. Stops
// when `line` returns false. A line above max_line_bytes is an Error.
void for_each_line(const Path& path, const std::function<bool(std::string_view, int64_t)>& line,
                   size_t max_line_bytes = size_t{256} << 20);

// Free bytes on the file system that holds `path` (or its nearest existing parent).
uint64_t free_disk_bytes(const Path& path);

}  // namespace hadal
