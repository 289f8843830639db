#include "formats/safetensors.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/git_lfs.h"
#include "base/half.h"
#include "base/json.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's own limit
constexpr size_t kMaxDimensions = 16;

struct TypeSize {
  std::string_view name;
  uint64_t bytes;
};
constexpr std::array kTypes = {TypeSize{"F64", 8},     TypeSize{"F32", 4},     TypeSize{"F16", 2}, TypeSize{"BF16", 2},
                               TypeSize{"F8_E4M3", 1}, TypeSize{"F8_E5M2", 1}, TypeSize{"I64", 8}, TypeSize{"I32", 4},
                               TypeSize{"I16", 2},     TypeSize{"I8", 1},      TypeSize{"U64", 8}, TypeSize{"U32", 4},
                               TypeSize{"U16", 2},     TypeSize{"U8", 1},      TypeSize{"BOOL", 1}};

uint64_t type_bytes(std::string_view dtype) {  // 0: unknown
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeSize& t) { return t.name == dtype; });
  return found == kTypes.end() ? 0 : found->bytes;
}

// A name that occurs twice is an Error: one of the two tensors would be lost.
Json parse_header(std::string_view text, const std::string& who) {
  Json header = parse_json(text, who + ": the header", {.unique_names = true});
  if (!header.is_object()) fail("{}: expected a JSON object as header, found {}", who, header.type_name());
  return header;
}

uint64_t get_size(const Json& value, const std::string& who, const std::string& name, const char* what) {
  if (!value.is_number_unsigned()) {
    fail("{}: tensor \"{}\": expected {} of whole numbers from 0 up, found {}", who, brief(name), what,
         brief_json(value));
  }
  return value.get<uint64_t>();
}

const Json& get_array(const Json& tensor, const char* key, const std::string& who, const std::string& name) {
  const auto found = tensor.find(key);
  if (found == tensor.end() || !found->is_array())
    fail("{}: tensor \"{}\": expected an array \"{}\"", who, brief(name), key);
  return *found;
}

// One tensor of the header, its bytes checked against the data part.
SafetensorsEntry read_entry(const std::string& name, const Json& tensor, std::span<const std::byte> data,
                            const std::string& who) {
  if (!tensor.is_object())
    fail("{}: tensor \"{}\": expected an object, found {}", who, brief(name), brief_json(tensor));
  SafetensorsEntry entry{name, {}, {}, {}, who};
  const auto dtype = tensor.find("dtype");
  if (dtype == tensor.end() || !dtype->is_string())
    fail("{}: tensor \"{}\": expected a string \"dtype\"", who, brief(name));
  entry.dtype = dtype->get<std::string>();
  const uint64_t element_bytes = type_bytes(entry.dtype);
  if (element_bytes == 0) fail("{}: tensor \"{}\": the type \"{}\" is not known", who, brief(name), brief(entry.dtype));

  const Json& shape = get_array(tensor, "shape", who, name);
  if (shape.size() > kMaxDimensions)
    fail("{}: tensor \"{}\": expected at most {} dimensions, found {}", who, brief(name), kMaxDimensions, shape.size());
  uint64_t num_bytes = element_bytes;
  for (const Json& dimension : shape) {
    const uint64_t n = get_size(dimension, who, name, "a shape");
    if (n > INT64_MAX || __builtin_mul_overflow(num_bytes, n, &num_bytes)) {
      fail("{}: tensor \"{}\": the shape is too large: {} after {}", who, brief(name), n, entry.shape);
    }
    entry.shape.push_back(static_cast<int64_t>(n));
  }

  const Json& offsets = get_array(tensor, "data_offsets", who, name);
  if (offsets.size() != 2)
    fail("{}: tensor \"{}\": expected two data_offsets, found {}", who, brief(name), offsets.size());
  const uint64_t begin = get_size(offsets[0], who, name, "data_offsets"),
                 end = get_size(offsets[1], who, name, "data_offsets");
  if (begin > end || end > data.size()) {
    fail(
        "{}: tensor \"{}\": expected data_offsets within the {} bytes of data, found [{}, {}]; the file is damaged or "
        "cut short",
        who, brief(name), data.size(), begin, end);
  }
  if (end - begin != num_bytes) {
    fail("{}: tensor \"{}\": expected {} bytes for {} {}, found {}", who, brief(name), num_bytes, entry.dtype,
         entry.shape, end - begin);
  }
  entry.bytes = data.subspan(begin, num_bytes);
  return entry;
}

// The format allows neither gaps nor overlaps: both can hide data.
void check_tiling(std::vector<const SafetensorsEntry*> entries, std::span<const std::byte> data,
                  const std::string& who) {
  std::sort(entries.begin(), entries.end(), [](auto* a, auto* b) {
    return std::pair(a->bytes.data(), a->bytes.size()) < std::pair(b->bytes.data(), b->bytes.size());
  });
  const std::byte* next = data.data();
  for (const auto* entry : entries) {
    if (entry->bytes.data() != next) {
      fail("{}: tensor \"{}\": expected it to begin where the one before it ends (byte {}), found byte {}", who,
           brief(entry->name), next - data.data(), entry->bytes.data() - data.data());
    }
    next += entry->bytes.size();
  }
  if (next != data.data() + data.size()) {
    fail("{}: expected {} bytes of tensors, found {} bytes of data", who, next - data.data(), data.size());
  }
}

void check_readable(const SafetensorsEntry& entry, int64_t first, size_t count) {
  if (entry.dtype != "F32" && entry.dtype != "BF16" && entry.dtype != "F16") {
    fail("{}: tensor \"{}\": expected F32, BF16 or F16, found {}; convert the file", entry.file, brief(entry.name),
         entry.dtype);
  }
  HADAL_CHECK(first >= 0 && first + static_cast<int64_t>(count) <= entry.num_elements(), "{}", entry.name);
}

template <typename T>
T load(const std::byte* bytes, size_t index) {
  T value;
  std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return value;
}

}  // namespace

int64_t SafetensorsEntry::num_elements() const {
  int64_t n = 1;
  for (const int64_t dimension : shape) n *= dimension;
  return n;
}

void SafetensorsEntry::read(std::span<float> out, int64_t first) const {
  check_readable(*this, first, out.size());
  if (out.empty()) return;
  const std::byte* from = bytes.data() + static_cast<size_t>(first) * (dtype == "F32" ? 4 : 2);
  if (dtype == "F32") {
    std::memcpy(out.data(), from, out.size_bytes());
  } else if (dtype == "BF16") {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(load<Bf16>(from, i));
  } else {
    for (size_t i = 0; i < out.size(); ++i) out[i] = half_to_float(load<uint16_t>(from, i));
  }
}

void SafetensorsEntry::read(std::span<Bf16> out) const {
  check_readable(*this, 0, out.size());
  HADAL_CHECK(static_cast<int64_t>(out.size()) == num_elements(), "{}", name);
  if (out.empty()) return;
  if (dtype == "BF16") {
    std::memcpy(out.data(), bytes.data(), bytes.size());
  } else if (dtype == "F32") {
    for (size_t i = 0; i < out.size(); ++i) out[i] = Bf16(load<float>(bytes.data(), i));
  } else {
    for (size_t i = 0; i < out.size(); ++i) out[i] = Bf16(half_to_float(load<uint16_t>(bytes.data(), i)));
  }
}

void Safetensors::add_file(const Path& file) {
  const std::string who = file.string();
  auto mapped = std::make_shared<const MappedFile>(file);
  const auto bytes = mapped->bytes();
  uint64_t header_bytes = 0;
  const std::string_view beginning(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 64));
  if (is_lfs_pointer(beginning)) fail_lfs_pointer(who);
  if (bytes.size() < sizeof header_bytes)
    fail("{}: expected a safetensors file, found only {} bytes", who, bytes.size());
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  const uint64_t limit = std::min<uint64_t>(bytes.size() - sizeof header_bytes, kMaxHeaderBytes);
  if (header_bytes > limit) {
    fail(
        "{}: expected a header of at most {} bytes, found one that says {}; this is not a safetensors file, or it is "
        "cut short",
        who, limit, header_bytes);
  }
  const auto text = bytes.subspan(sizeof header_bytes, header_bytes);
  const auto data = bytes.subspan(sizeof header_bytes + header_bytes);
  const Json header = parse_header({reinterpret_cast<const char*>(text.data()), text.size()}, who);

  std::vector<const SafetensorsEntry*> added;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      if (!value.is_object()) fail("{}: __metadata__: expected an object, found {}", who, value.type_name());
      for (const auto& [key, text_value] : value.items())
        if (text_value.is_string()) metadata_[key] = text_value.get<std::string>();
      continue;
    }
    const auto [at, is_new] = entries_.emplace(name, read_entry(name, value, data, who));
    if (!is_new) fail("{}: tensor \"{}\" is also in {}; expected each tensor once", who, brief(name), at->second.file);
    added.push_back(&at->second);
  }
  check_tiling(std::move(added), data, who);
  files_.push_back(std::move(mapped));
}

Safetensors Safetensors::open_file(const Path& file) {
  Safetensors result;
  result.add_file(file);
  return result;
}

// For a folder without the usual names: its only safetensors file; else an Error that says what was found instead.
Safetensors Safetensors::open_only_file(const Path& folder) {
  std::vector<Path> files;
  std::string pickled;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const Path path = entry.path(), ending = path.extension();
    if (ending == ".safetensors") files.push_back(path);
    if ((ending == ".bin" || ending == ".pth" || ending == ".pt" || ending == ".ckpt") && pickled.size() < 200)
      pickled += (pickled.empty() ? "" : ", ") + path.filename().string();
  }
  if (files.size() == 1) return open_file(files.front());
  if (files.size() > 1) {
    fail(
        "{}: expected model.safetensors or model.safetensors.index.json, found {} safetensors files and neither; fetch "
        "the index too",
        folder.string(), files.size());
  }
  if (pickled.empty())
    fail("{}: expected model.safetensors or model.safetensors.index.json, found neither", folder.string());
  fail(
      "{}: expected weights in safetensors files, found only pickled ones ({}), which are programs that run when they "
      "are read and are "
      "not supported; take a safetensors or GGUF version of the model, or convert it with the transformers library's "
      "save_pretrained()",
      folder.string(), pickled);
}

Safetensors Safetensors::open_folder(const Path& folder) {
  const Path single = folder / "model.safetensors", index_path = folder / "model.safetensors.index.json";
  if (std::filesystem::exists(single)) return open_file(single);
  if (!std::filesystem::exists(index_path)) return open_only_file(folder);
  const std::string who = index_path.string();
  const Json index = parse_json(read_file(index_path, kMaxHeaderBytes), who);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    fail("{}: expected an object \"weight_map\"", who);
  }
  std::set<std::string> shards;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string())
      fail("{}: weight_map: {}: expected a file name, found {}", who, brief(name), brief_json(shard));
    const auto& file = shard.get_ref<const std::string&>();
    if (file.empty() || Path(file) != Path(file).filename() || file == "." || file == "..") {
      fail("{}: weight_map: {}: expected the name of a file beside the index, found \"{}\"", who, brief(name),
           brief(file));
    }
    shards.insert(file);
  }
  Safetensors result;
  for (const auto& shard : shards) result.add_file(folder / shard);
  for (const auto& [name, shard] : index["weight_map"].items()) {
    const auto* entry = result.find(name);
    if (entry == nullptr || entry->file != (folder / shard.get<std::string>()).string()) {
      fail("{}: expected the tensor \"{}\" in {}, but it is not there", who, brief(name),
           brief(shard.get<std::string>()));
    }
  }
  return result;
}

const SafetensorsEntry* Safetensors::find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

uint64_t Safetensors::data_bytes() const {
  uint64_t sum = 0;
  for (const auto& [name, entry] : entries_) sum += entry.bytes.size();
  return sum;
}

SafetensorsWriter::SafetensorsWriter(const Path& path, const std::vector<Tensor>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  for (const auto& tensor : tensors) {
    uint64_t num_bytes = type_bytes(tensor.dtype);
    HADAL_CHECK(num_bytes > 0 && !header.contains(tensor.name), "{} {}", tensor.name, tensor.dtype);
    for (const int64_t n : tensor.shape) num_bytes *= static_cast<uint64_t>(n);
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {announced_, announced_ + num_bytes}}};
    announced_ += num_bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data is aligned
  const uint64_t header_bytes = text.size();
  file_.write(&header_bytes, sizeof header_bytes);
  file_.write(text);
}

void SafetensorsWriter::commit() {
  HADAL_CHECK(written_ == announced_, "{} bytes written, {} announced", written_, announced_);
  file_.commit();
}

}  // namespace hadal
