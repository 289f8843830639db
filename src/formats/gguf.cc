#include "formats/gguf.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/git_lfs.h"
#include "formats/gguf_name.h"

namespace hadal {
namespace {

// Far above any published file. They bound the memory that a false count in a header can request.
constexpr uint64_t kMaxKeys = 1 << 16, kMaxTensors = 1 << 20, kMaxNameBytes = 1 << 16, kMaxParts = 1 << 12;
constexpr uint32_t kMaxDimensions = 4;
constexpr uint64_t kDefaultAlignment = 32;  // as the format says

constexpr std::array kTypes = {
    GgufType{0, "F32", 1, 4},         GgufType{1, "F16", 1, 2},         GgufType{2, "Q4_0", 32, 18},
    GgufType{3, "Q4_1", 32, 20},      GgufType{6, "Q5_0", 32, 22},      GgufType{7, "Q5_1", 32, 24},
    GgufType{8, "Q8_0", 32, 34},      GgufType{9, "Q8_1", 32, 36},      GgufType{10, "Q2_K", 256, 84},
    GgufType{11, "Q3_K", 256, 110},   GgufType{12, "Q4_K", 256, 144},   GgufType{13, "Q5_K", 256, 176},
    GgufType{14, "Q6_K", 256, 210},   GgufType{15, "Q8_K", 256, 292},   GgufType{16, "IQ2_XXS", 256, 66},
    GgufType{17, "IQ2_XS", 256, 74},  GgufType{18, "IQ3_XXS", 256, 98}, GgufType{19, "IQ1_S", 256, 50},
    GgufType{20, "IQ4_NL", 32, 18},   GgufType{21, "IQ3_S", 256, 110},  GgufType{22, "IQ2_S", 256, 82},
    GgufType{23, "IQ4_XS", 256, 136}, GgufType{24, "I8", 1, 1},         GgufType{25, "I16", 1, 2},
    GgufType{26, "I32", 1, 4},        GgufType{27, "I64", 1, 8},        GgufType{28, "F64", 1, 8},
    GgufType{29, "IQ1_M", 256, 56},   GgufType{30, "BF16", 1, 2},       GgufType{34, "TQ1_0", 256, 54},
    GgufType{35, "TQ2_0", 256, 66},   GgufType{39, "MXFP4", 32, 17}};

constexpr std::array<uint64_t, 13> kValueBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};  // 0: strings and arrays
struct NotYetHere {};  // thrown when the beginning of a file ends too early

// Reads the header with bounds checks. `file_bytes`: size of the whole file.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, uint64_t file_bytes, std::string who)
      : bytes_(bytes), file_bytes_(file_bytes), who_(std::move(who)) {}

  template <typename T>
  T number(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }
  std::span<const std::byte> take(uint64_t count, std::string_view what) {
    if (count > left()) {
      fail("{}: expected {} of {} bytes at byte {}, found only {} bytes more; the file is damaged or cut short", who_,
           what, count, at_, left());
    }
    if (count > bytes_.size() - at_) throw NotYetHere();
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  std::string_view string(std::string_view what) {
    const auto length = number<uint64_t>(what);
    const auto part = take(length, what);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  std::string name(std::string_view what) {
    const std::string_view text = string(what);
    if (text.empty() || text.size() > kMaxNameBytes) {
      fail("{}: expected {} of 1 to {} bytes, found {} bytes", who_, what, kMaxNameBytes, text.size());
    }
    const auto control = [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; };
    if (std::any_of(text.begin(), text.end(), control))
      fail("{}: expected {} without control characters, found some", who_, what);
    return std::string(text);
  }
  // A count of items of at least min_bytes each.
  uint64_t count(std::string_view what, uint64_t min_bytes, uint64_t limit) {
    const auto n = number<uint64_t>(what);
    if (n > std::min(left() / min_bytes, limit)) {
      fail("{}: expected at most {} as {} in a file of this size, found {}; the file is damaged or cut short", who_,
           std::min(left() / min_bytes, limit), what, n);
    }
    return n;
  }
  std::string_view beginning() const {
    return {reinterpret_cast<const char*>(bytes_.data()), std::min<size_t>(bytes_.size(), 64)};
  }
  uint64_t at() const { return at_; }
  uint64_t left() const { return file_bytes_ - at_; }
  std::span<const std::byte> since(uint64_t begin) const { return bytes_.subspan(begin, at_ - begin); }
  const std::string& who() const { return who_; }

 private:
  std::span<const std::byte> bytes_;
  uint64_t file_bytes_, at_ = 0;
  std::string who_;
};

GgufValueType read_value_type(Cursor& in, const std::string& key) {
  const auto type = in.number<uint32_t>("the type of a value");
  if (type >= kValueBytes.size())
    fail("{}: key \"{}\": expected a type of value below {}, found {}", in.who(), key, kValueBytes.size(), type);
  return static_cast<GgufValueType>(type);
}

GgufValue read_value(Cursor& in, const std::string& key) {
  GgufValue value;
  value.type = read_value_type(in, key);
  if (value.type == GgufValueType::array) {
    value.is_array = true;
    value.type = read_value_type(in, key);
    if (value.type == GgufValueType::array)
      fail("{}: key \"{}\": expected no arrays of arrays, found one", in.who(), key);
  }
  const uint64_t size = kValueBytes[static_cast<size_t>(value.type)];
  if (value.is_array) value.count = in.count(fmt::format("the length of \"{}\"", key), size > 0 ? size : 8, UINT64_MAX);
  const uint64_t begin = in.at();
  if (size > 0) {
    in.take(value.count * size, key);
  } else {
    for (uint64_t i = 0; i < value.count; ++i) in.string(key);
  }
  value.bytes = in.since(begin);
  return value;
}

std::map<std::string, GgufValue, std::less<>> read_values(Cursor& in, uint64_t count) {
  std::map<std::string, GgufValue, std::less<>> values;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = in.name("the name of a key");
    if (!values.emplace(key, read_value(in, key)).second)
      fail("{}: expected each key once, found \"{}\" twice", in.who(), key);
  }
  return values;
}

// One entry of the list of tensors; `offset` is not checked yet.
struct Entry {
  GgufTensor tensor;
  uint64_t offset = 0, num_bytes = 0;
};

Entry read_entry(Cursor& in) {
  Entry entry;
  GgufTensor& t = entry.tensor;
  t.name = in.name("the name of a tensor");
  t.file = in.who();
  const auto dimensions = in.number<uint32_t>("a number of dimensions");
  if (dimensions == 0 || dimensions > kMaxDimensions) {
    fail("{}: tensor \"{}\": expected 1 to {} dimensions, found {}", in.who(), t.name, kMaxDimensions, dimensions);
  }
  uint64_t elements = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto n = in.number<uint64_t>("a dimension");
    if (n == 0 || n > INT64_MAX || __builtin_mul_overflow(elements, n, &elements) || elements > INT64_MAX) {
      fail("{}: tensor \"{}\": expected dimensions of 1 or more with a product below 2^63, found {} after {}", in.who(),
           t.name, n, t.shape);
    }
    t.shape.push_back(static_cast<int64_t>(n));
  }
  t.type = in.number<uint32_t>("the type of a tensor");
  entry.offset = in.number<uint64_t>("the offset of a tensor");
  if (const GgufType* type = gguf_type(t.type)) {
    if (t.shape[0] % type->block_numbers != 0) {
      fail("{}: tensor \"{}\": expected rows of a multiple of {} elements for {}, found {}", in.who(), t.name,
           type->block_numbers, type->name, t.shape[0]);
    }
    if (__builtin_mul_overflow(elements / type->block_numbers, uint64_t{type->block_bytes}, &entry.num_bytes)) {
      fail("{}: tensor \"{}\": expected a size below 2^64 bytes, found {} of {}", in.who(), t.name, elements,
           type->name);
    }
  }
  std::reverse(t.shape.begin(), t.shape.end());
  return entry;
}

// Sets each tensor's bytes, if the file is complete. They must be inside the data, aligned, and not overlap.
void place(std::vector<Entry>& entries, std::span<const std::byte> data, uint64_t data_bytes, uint64_t alignment,
           const std::string& who) {
  for (Entry& e : entries) {
    if (e.offset % alignment != 0) {
      fail("{}: tensor \"{}\": expected an offset that is a multiple of {}, found {}", who, e.tensor.name, alignment,
           e.offset);
    }
    if (e.offset > data_bytes || e.num_bytes > data_bytes - e.offset) {
      fail(
          "{}: tensor \"{}\": expected it within the {} bytes of data, found {} bytes from byte {} on; the file is "
          "damaged or cut short",
          who, e.tensor.name, data_bytes, e.num_bytes, e.offset);
    }
    if (data.size() == data_bytes) e.tensor.bytes = data.subspan(e.offset, e.num_bytes);
  }
  std::vector<const Entry*> order;
  for (const Entry& e : entries) order.push_back(&e);
  std::sort(order.begin(), order.end(),
            [](auto* a, auto* b) { return std::pair(a->offset, a->num_bytes) < std::pair(b->offset, b->num_bytes); });
  for (size_t i = 1; i < order.size(); ++i) {
    const Entry &before = *order[i - 1], &e = *order[i];
    if (e.offset < before.offset + std::max<uint64_t>(1, before.num_bytes)) {
      fail("{}: tensors \"{}\" and \"{}\": expected bytes of their own, found the same ones", who, before.tensor.name,
           e.tensor.name);
    }
  }
}

uint64_t read_alignment(const std::map<std::string, GgufValue, std::less<>>& values, const std::string& who) {
  const auto found = values.find("general.alignment");
  if (found == values.end()) return kDefaultAlignment;
  const uint64_t alignment = static_cast<uint64_t>(whole_number(found->second).value_or(0));
  if (alignment == 0 || alignment > (1 << 20) || (alignment & (alignment - 1)) != 0) {
    fail("{}: general.alignment: expected a power of two up to 2^20, found {}", who, describe(found->second));
  }
  return alignment;
}

void read_magic(Cursor& in) {
  const auto magic = in.take(4, "the letters GGUF");
  const std::string_view found(reinterpret_cast<const char*>(magic.data()), 4);
  if (is_lfs_pointer(in.beginning())) fail_lfs_pointer(in.who());
  if (found != "GGUF") {
    fail(
        "{}: expected a GGUF file, which begins with the letters GGUF, found the bytes {:02x}; this is another kind of "
        "file",
        in.who(), fmt::join(std::vector<int>(found.begin(), found.end()), " "));
  }
  const auto version = in.number<uint32_t>("a version");
  if (version == 0x02000000u || version == 0x03000000u)
    fail("{}: expected a little-endian GGUF file, found a big-endian one; convert it", in.who());
  if (version != 2 && version != 3)
    fail("{}: expected GGUF version 2 or 3, found {}; convert the file anew", in.who(), version);
}

}  // namespace

const GgufType* gguf_type(uint32_t number) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const GgufType& t) { return t.number == number; });
  return found == kTypes.end() ? nullptr : &*found;
}

const GgufType& gguf_type_named(std::string_view name) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const GgufType& t) { return t.name == name; });
  HADAL_CHECK(found != kTypes.end(), "{}", name);
  return *found;
}

std::string GgufTensor::type_name() const {
  const GgufType* known = gguf_type(type);
  return known != nullptr ? std::string(known->name) : fmt::format("type {}", type);
}

int64_t GgufTensor::num_elements() const {
  int64_t n = 1;
  for (const int64_t dimension : shape) n *= dimension;
  return n;
}

void GgufFile::add_part(const Path& path, bool first, std::optional<uint64_t> file_bytes) {
  auto mapped = std::make_shared<const MappedFile>(path);
  const uint64_t all = std::max<uint64_t>(file_bytes.value_or(0), mapped->bytes().size());
  Cursor in(mapped->bytes(), all, path.string());
  read_magic(in);
  const auto num_tensors = in.number<uint64_t>("the number of tensors");
  const uint64_t num_keys = in.count("the number of keys", 8 + 1 + 4 + 1, kMaxKeys);
  auto values = read_values(in, num_keys);
  constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
  if (const uint64_t limit = std::min(in.left() / kMinTensorBytes, kMaxTensors); num_tensors > limit) {
    fail("{}: expected at most {} tensors in a file of this size, found {}; the file is damaged or cut short", in.who(),
         limit, num_tensors);
  }
  std::vector<Entry> entries;
  entries.reserve(num_tensors);
  for (uint64_t i = 0; i < num_tensors; ++i) entries.push_back(read_entry(in));
  const uint64_t alignment = read_alignment(values, in.who());
  const uint64_t begin = std::min<uint64_t>((in.at() + alignment - 1) / alignment * alignment, all);
  const auto data = file_bytes ? std::span<const std::byte>() : mapped->bytes().subspan(begin);
  place(entries, data, all - begin, alignment, in.who());
  for (Entry& e : entries) {
    e.tensor.owner = mapped;
    const std::string name = e.tensor.name;
    if (!tensors_.emplace(name, std::move(e.tensor)).second)
      fail("{}: expected each tensor once, found \"{}\" twice", in.who(), name);
  }
  if (first) who_ = in.who(), values_ = std::move(values);
  files_.push_back(std::move(mapped));
}

// Parts are in one folder, with numbers in their names; the first one has the model's keys.
void GgufFile::add_other_parts(const Path& first, int64_t count) {
  const std::string name = first.filename().string(), ending = first.extension().string();
  const std::string stem = name.substr(0, name.size() - std::string_view("-00001-of-00000").size() - ending.size());
  for (int64_t part = 2; part <= count; ++part) {
    const Path path = first.parent_path() / fmt::format("{}-{:05}-of-{:05}{}", stem, part, count, ending);
    if (!std::filesystem::exists(path))
      fail("{}: expected {} parts, but {} is not there; fetch it too", who_, count, path.filename().string());
    add_part(path, false);
  }
  const auto expected = integer("split.tensors.count");
  if (expected && *expected != static_cast<int64_t>(tensors_.size())) {
    fail("{}: expected {} tensors in {} parts (split.tensors.count), found {}", who_, *expected, count,
         tensors_.size());
  }
}

std::optional<GgufFile> GgufFile::open_head(const Path& path, uint64_t file_bytes) {
  GgufFile file;
  try {
    file.add_part(path, true, file_bytes);
  } catch (const NotYetHere&) {
    return std::nullopt;
  }
  return file;
}

GgufFile GgufFile::open(const Path& path) {
  const std::string name = path.filename().string();
  const auto part = gguf_part(name);
  const Path first = part ? path.parent_path() / part->name(1) : path;
  if (part && !std::filesystem::exists(first))
    fail("{}: this is a part of a split file; expected its first part {} beside it, found none", path.string(),
         first.filename().string());
  GgufFile file;
  file.add_part(first, true);
  const int64_t count = file.integer("split.count").value_or(1);
  if (count <= 1) return file;
  if (static_cast<uint64_t>(count) > kMaxParts)
    fail("{}: split.count: expected at most {} parts, found {}", file.who_, kMaxParts, count);
  if (!part || part->count != count || file.integer("split.no").value_or(0) != 0) {
    fail(
        "{}: expected the name of the first of {} parts to end in -00001-of-{:05}.gguf (it is part {}); name the parts "
        "as they were",
        file.who_, count, count, file.integer("split.no").value_or(0) + 1);
  }
  file.add_other_parts(first, count);
  return file;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

uint64_t GgufFile::tensor_bytes() const {
  uint64_t sum = 0;
  for (const auto& [name, tensor] : tensors_) sum += tensor.bytes.size();
  return sum;
}

}  // namespace hadal
