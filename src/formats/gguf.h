// GGUF files (github.com/ggml-org/ggml, docs/gguf.md), versions 2 and 3, little-endian: typed keys, a list of tensors,
// the tensors' bytes. Files are not trusted: opening one checks every count, length and offset against its size, so
// that reading a value or a tensor stays inside. Throws Error naming the file and the key or tensor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/files.h"

namespace hadal {

// Types of values, with the format's numbers.
enum class GgufValueType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

struct GgufValue {
  GgufValueType type = GgufValueType::u8;  // of the elements, when it is an array
  bool is_array = false;                   // never of arrays
  uint64_t count = 1;
  std::span<const std::byte> bytes;  // in the mapped file; strings with their lengths before them
};

// The layout of a tensor type, by its number in files. Null: unknown.
struct GgufType {
  uint32_t number;
  std::string_view name;  // "F32", "Q4_K"
  uint32_t block_numbers, block_bytes;
};
const GgufType* gguf_type(uint32_t number);
const GgufType& gguf_type_named(std::string_view name);  // of the known ones

struct GgufTensor {
  std::string name;
  uint32_t type = 0;
  std::vector<int64_t> shape;        // [experts, out, in] as elsewhere in Hadal: the reverse of the file's order
  std::span<const std::byte> bytes;  // in the mapped file, of any alignment. Empty if the type is unknown
  std::string file;                  // for errors
  std::shared_ptr<const MappedFile> owner;

  std::string type_name() const;  // "type 77" if it is unknown
  int64_t num_elements() const;
};

// One file, or all parts of a split one ("name-00001-of-00003.gguf"), opened by any of them. Immutable; any thread may
// read.
class GgufFile {
 public:
  static GgufFile open(const Path& path);
  // Reads keys and the list of tensors (without bytes) from the beginning of a file of `file_bytes`, the only part of
  // it that `path` has. None: the beginning is too short. Parts of split files are opened one by one.
  static std::optional<GgufFile> open_head(const Path& path, uint64_t file_bytes);

  const std::string& who() const { return who_; }                                          // the path, for errors
  const std::map<std::string, GgufValue, std::less<>>& values() const { return values_; }  // of the first part
  const std::map<std::string, GgufTensor, std::less<>>& tensors() const { return tensors_; }
  const GgufTensor* find_tensor(std::string_view name) const;  // null: none
  uint64_t tensor_bytes() const;

  // None if the key is absent; Error if it has another type of value.
  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::vector<std::string_view>> texts(std::string_view key) const;  // views into the mapped file
  std::optional<std::vector<int64_t>> integers(std::string_view key) const;

 private:
  void add_part(const Path& path, bool first, std::optional<uint64_t> file_bytes = {});
  void add_other_parts(const Path& first, int64_t count);
  const GgufValue* find(std::string_view key) const;
  std::string who_;
  std::map<std::string, GgufValue, std::less<>> values_;
  std::map<std::string, GgufTensor, std::less<>> tensors_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
};

std::optional<int64_t> whole_number(const GgufValue& value);  // none: not an integer, or above 2^63

// A value as text, for display: arrays as their length.
std::string describe(const GgufValue& value);

// Writes a file whole, tensor after tensor, in the order announced. Nothing appears at `path` before commit().
class GgufWriter {
 public:
  using Value = std::variant<uint32_t, float, bool, std::string, std::vector<std::string>, std::vector<int32_t>>;
  using Keys = std::vector<std::pair<std::string, Value>>;
  struct Tensor {
    std::string name, type;  // a known type
    std::vector<int64_t> shape;
  };
  GgufWriter(const Path& path, const Keys& keys, const std::vector<Tensor>& tensors);
  void write(const void* data, size_t num_bytes);  // the tensors' bytes in order; padding is added
  void commit();                                   // aborts unless exactly the announced bytes were written

 private:
  WholeFile file_;
  std::vector<uint64_t> sizes_;  // of tensors
  size_t tensor_ = 0;
  uint64_t written_ = 0;  // of this tensor
};

}  // namespace hadal
