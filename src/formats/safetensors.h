// Safetensors files: eight bytes with the length of a JSON header, the header, the tensors' bytes
// (github.com/huggingface/safetensors, "Format"). Files are not trusted: opening one checks every size and offset
// against the file's size, so that reading a tensor stays inside. Throws Error naming the file and the tensor.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bf16.h"
#include "base/files.h"

namespace hadal {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;                 // the file's name of it: "F32", "BF16", "F16", "F8_E4M3", ...
  std::vector<int64_t> shape;        // [] is a scalar
  std::span<const std::byte> bytes;  // in the mapped file, of any alignment
  std::string file;                  // for errors

  int64_t num_elements() const;
  // Reads elements, converted. Error for a type other than F32, BF16 and F16.
  void read(std::span<float> out, int64_t first = 0) const;  // elements [first, first + out.size())
  void read(std::span<Bf16> out) const;                      // all elements; rounds wider types
};

// One file, or the shards that an index (model.safetensors.index.json) names. Immutable; any thread may read.
class Safetensors {
 public:
  static Safetensors open_file(const Path& file);
  // Opens a folder's model.safetensors, or the shards of model.safetensors.index.json, or its only safetensors file.
  static Safetensors open_folder(const Path& folder);

  const std::map<std::string, SafetensorsEntry, std::less<>>& entries() const { return entries_; }
  const SafetensorsEntry* find(std::string_view name) const;  // null: none
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  uint64_t data_bytes() const;

 private:
  static Safetensors open_only_file(const Path& folder);
  void add_file(const Path& file);
  std::map<std::string, SafetensorsEntry, std::less<>> entries_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
};

// Writes a file whole, tensor after tensor, in the order announced. Nothing appears at `path` before commit().
class SafetensorsWriter {
 public:
  struct Tensor {
    std::string name, dtype;  // dtype "F32", "BF16" or another of the format
    std::vector<int64_t> shape;
  };
  SafetensorsWriter(const Path& path, const std::vector<Tensor>& tensors,
                    const std::map<std::string, std::string>& metadata = {{"format", "pt"}});
  void write(const void* data, size_t num_bytes) {
    file_.write(data, num_bytes);
    written_ += num_bytes;
  }
  void commit();  // aborts unless exactly the announced bytes were written

 private:
  WholeFile file_;
  uint64_t written_ = 0, announced_ = 0;
};

}  // namespace hadal
