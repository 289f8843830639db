#include "base/error.h"
#include "formats/gguf.h"

namespace hadal {
namespace {

constexpr uint64_t kAlignment = 32;  // the format's default

void put_bytes(std::string& out, const void* data, size_t num_bytes) {
  out.append(static_cast<const char*>(data), num_bytes);
}
template <typename T>
void put(std::string& out, T number) {
  put_bytes(out, &number, sizeof number);
}
void put_string(std::string& out, std::string_view text) {
  put(out, uint64_t{text.size()});
  out += text;
}
void put_type(std::string& out, GgufValueType type) { put(out, static_cast<uint32_t>(type)); }
void put_array(std::string& out, GgufValueType type, size_t count) {
  put_type(out, GgufValueType::array), put_type(out, type), put(out, uint64_t{count});
}

struct PutValue {
  std::string& out;
  void operator()(uint32_t x) const { put_type(out, GgufValueType::u32), put(out, x); }
  void operator()(float x) const { put_type(out, GgufValueType::f32), put(out, x); }
  void operator()(bool x) const { put_type(out, GgufValueType::boolean), put(out, uint8_t{x}); }
  void operator()(const std::string& x) const { put_type(out, GgufValueType::string), put_string(out, x); }
  void operator()(const std::vector<std::string>& list) const {
    put_array(out, GgufValueType::string, list.size());
    for (const std::string& x : list) put_string(out, x);
  }
  void operator()(const std::vector<int32_t>& list) const {
    put_array(out, GgufValueType::i32, list.size());
    put_bytes(out, list.data(), list.size() * sizeof(int32_t));
  }
};

uint64_t padded(uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

GgufWriter::GgufWriter(const Path& path, const Keys& keys, const std::vector<Tensor>& tensors) : file_(path) {
  std::string out = "GGUF";
  put(out, uint32_t{3}), put(out, uint64_t{tensors.size()}), put(out, uint64_t{keys.size()});
  for (const auto& [key, value] : keys) put_string(out, key), std::visit(PutValue{out}, value);
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    const GgufType& type = gguf_type_named(tensor.type);
    HADAL_CHECK(!tensor.shape.empty() && tensor.shape.back() % type.block_numbers == 0, "{} as {}", tensor.name,
                tensor.type);
    put_string(out, tensor.name), put(out, static_cast<uint32_t>(tensor.shape.size()));
    uint64_t elements = 1;
    for (auto n = tensor.shape.rbegin(); n != tensor.shape.rend(); ++n)
      put(out, static_cast<uint64_t>(*n)), elements *= static_cast<uint64_t>(*n);
    put(out, type.number), put(out, offset);
    sizes_.push_back(elements / type.block_numbers * type.block_bytes);
    offset += padded(sizes_.back());
  }
  out.resize(padded(out.size()), '\0');
  file_.write(out);
}

void GgufWriter::write(const void* data, size_t num_bytes) {
  const auto* at = static_cast<const char*>(data);
  while (num_bytes > 0) {
    HADAL_CHECK(tensor_ < sizes_.size(), "more bytes than announced");
    const auto part = static_cast<size_t>(std::min<uint64_t>(num_bytes, sizes_[tensor_] - written_));
    file_.write(at, part);
    at += part, num_bytes -= part, written_ += part;
    if (written_ < sizes_[tensor_]) continue;
    static constexpr char kZeros[kAlignment] = {};
    file_.write(kZeros, static_cast<size_t>(padded(written_) - written_));
    ++tensor_, written_ = 0;
  }
}

void GgufWriter::commit() {
  HADAL_CHECK(tensor_ == sizes_.size() && written_ == 0, "{} of {} tensors written", tensor_, sizes_.size());
  file_.commit();
}

}  // namespace hadal
