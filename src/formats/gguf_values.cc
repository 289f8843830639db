// The values of a GGUF file's keys. Their bytes were checked when the file was opened.
#include <array>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "formats/gguf.h"

namespace hadal {
namespace {

constexpr std::array<std::string_view, 13> kValueNames = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                          "bool", "string", "array", "u64", "i64", "f64"};

uint64_t load_integer(const GgufValue& value, uint64_t index) {  // the bits, sign-extended
  const auto get = [&]<typename T>(T number) {
    std::memcpy(&number, value.bytes.data() + index * sizeof(T), sizeof(T));
    return static_cast<uint64_t>(static_cast<int64_t>(number));
  };
  switch (value.type) {
    case GgufValueType::u8:
      return get(uint8_t{});
    case GgufValueType::i8:
      return get(int8_t{});
    case GgufValueType::u16:
      return get(uint16_t{});
    case GgufValueType::i16:
      return get(int16_t{});
    case GgufValueType::u32:
      return get(uint32_t{});
    case GgufValueType::i32:
      return get(int32_t{});
    case GgufValueType::u64:
      return get(uint64_t{});
    case GgufValueType::i64:
      return get(int64_t{});
    default:
      return get(uint8_t{});
  }
}

bool is_integer(GgufValueType type) {
  return type <= GgufValueType::i32 || type == GgufValueType::u64 || type == GgufValueType::i64;
}

template <typename T>
T load_as(const GgufValue& value) {
  T number;
  std::memcpy(&number, value.bytes.data(), sizeof number);
  return number;
}

// The shortest decimal that rounds to this float: 0.6 for 0.600000024, as the writer had it.
double decimal_of(float number) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  double decimal = number;
  std::from_chars(text, end, decimal);  // leaves it unchanged if it cannot be read
  return decimal;
}

[[noreturn]] void wrong(const std::string& who, std::string_view key, std::string_view expected,
                        const GgufValue& value) {
  fail("{}: {}: expected {}, found {}", who, key, expected, describe(value));
}

int64_t checked_integer(const GgufValue& value, uint64_t index, const std::string& who, std::string_view key) {
  const uint64_t bits = load_integer(value, index);
  if (value.type == GgufValueType::u64 && bits > INT64_MAX)
    fail("{}: {}: expected a number below 2^63, found {}", who, key, bits);
  return static_cast<int64_t>(bits);
}

std::string_view next_string(const std::byte*& at) {
  uint64_t length = 0;
  std::memcpy(&length, at, sizeof length);
  const std::string_view text(reinterpret_cast<const char*>(at) + sizeof length, length);
  at += sizeof length + length;
  return text;
}

}  // namespace

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::optional<int64_t> GgufFile::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array || !is_integer(value->type)) wrong(who_, key, "a whole number", *value);
  return checked_integer(*value, 0, who_, key);
}

std::optional<double> GgufFile::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array && value->type == GgufValueType::f32) return decimal_of(load_as<float>(*value));
  if (!value->is_array && value->type == GgufValueType::f64) return load_as<double>(*value);
  if (value->is_array || !is_integer(value->type)) wrong(who_, key, "a number", *value);
  return static_cast<double>(checked_integer(*value, 0, who_, key));
}

std::optional<bool> GgufFile::boolean(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array || value->type != GgufValueType::boolean) wrong(who_, key, "true or false", *value);
  return value->bytes[0] != std::byte{0};
}

std::optional<std::string> GgufFile::text(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array || value->type != GgufValueType::string) wrong(who_, key, "a string", *value);
  const std::byte* at = value->bytes.data();
  return std::string(next_string(at));
}

std::optional<std::vector<std::string_view>> GgufFile::texts(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array || value->type != GgufValueType::string) wrong(who_, key, "an array of strings", *value);
  std::vector<std::string_view> texts;
  texts.reserve(value->count);
  const std::byte* at = value->bytes.data();
  for (uint64_t i = 0; i < value->count; ++i) texts.push_back(next_string(at));
  return texts;
}

std::optional<std::vector<int64_t>> GgufFile::integers(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array || !is_integer(value->type)) wrong(who_, key, "an array of whole numbers", *value);
  std::vector<int64_t> numbers;
  numbers.reserve(value->count);
  for (uint64_t i = 0; i < value->count; ++i) numbers.push_back(checked_integer(*value, i, who_, key));
  return numbers;
}

std::optional<int64_t> whole_number(const GgufValue& value) {
  if (value.is_array || !is_integer(value.type)) return std::nullopt;
  const uint64_t bits = load_integer(value, 0);
  if (value.type == GgufValueType::u64 && bits > INT64_MAX) return std::nullopt;
  return static_cast<int64_t>(bits);
}

std::string describe(const GgufValue& value) {
  const std::string_view name = kValueNames[static_cast<size_t>(value.type)];
  if (value.is_array) return fmt::format("an array of {} {}", value.count, name);
  if (value.type == GgufValueType::f32) return fmt::format("{}", load_as<float>(value));
  if (value.type == GgufValueType::f64) return fmt::format("{}", load_as<double>(value));
  if (value.type == GgufValueType::boolean) return value.bytes[0] != std::byte{0} ? "true" : "false";
  if (value.type == GgufValueType::u64) return fmt::format("{}", load_integer(value, 0));
  if (is_integer(value.type)) return fmt::format("{}", static_cast<int64_t>(load_integer(value, 0)));
  const std::byte* at = value.bytes.data();
  const std::string_view text = next_string(at);
  return fmt::format("\"{}\"", brief(text));
}

}  // namespace hadal
