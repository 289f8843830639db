// Safetensors files: eight bytes with the length of a JSON header, the header, the numbers
// (github.com/huggingface/safetensors, "Format"). Files are hostile until checked: opening one verifies every size and
// offset against the file, so that reading a tensor cannot leave it. Throws Error naming the file and the tensor.
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
  std::string dtype;                 // as the file writes it: "F32", "BF16", "F16", "F8_E4M3", ...
  std::vector<int64_t> shape;        // [] is a scalar
  std::span<const std::byte> bytes;  // in the mapped file; aligned to nothing
  std::string file;                  // for errors

  int64_t num_elements() const;
  // The numbers, converted. Error for a type other than F32, BF16 and F16.
  void read(std::span<float> out, int64_t first = 0) const;  // numbers [first, first + out.size())
  void read(std::span<Bf16> out) const;                      // all; rounds what is wider
};

// One file, or the shards that an index (model.safetensors.index.json) names. Immutable; any thread may read.
class Safetensors {
 public:
  static Safetensors open_file(const Path& file);
  // Of a folder: model.safetensors, or the shards of model.safetensors.index.json, or the only safetensors file there.
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
    std::string name, dtype;  // dtype "F32", "BF16" or another that the format knows
    std::vector<int64_t> shape;
  };
  SafetensorsWriter(const Path& path, const std::vector<Tensor>& tensors,
                    const std::map<std::string, std::string>& metadata = {{"format", "pt"}});
  void write(const void* data, size_t num_bytes) {
    file_.write(data, num_bytes);
    written_ += num_bytes;
  }
  void commit();  // aborts when other than the announced bytes were written

 private:
  WholeFile file_;
  uint64_t written_ = 0, announced_ = 0;
};

}  // namespace hadal
