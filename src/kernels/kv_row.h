// The layout of a token's cached values, in memory that attention reads: f32, bf16, or 8-bit integers with a scale for
// each block of them.
//
// q8: bf16 scales [width / block], then int8 [width]; value i is integers[i] * scales[i / block], off by at most half a
// scale. A row is rounded when it is written, from its own values alone, so that rounding does not depend on other
// tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/gemm.h"

namespace hadal {

enum class KvType : uint8_t { f32, bf16, q8 };
std::string_view kv_type_name(KvType type);
std::optional<KvType> kv_type_named(std::string_view name);
// The type that loses nothing at this precision: products round their operands to it anyway.
KvType kv_type_of(Precision precision);

struct KvRow {
  KvType type = KvType::f32;
  int64_t width = 0;   // values
  int64_t block = 32;  // q8: values to a scale; width, and the columns that are written or read, are multiples of it

  int64_t bytes() const;
  // Writes x to columns [column, column + count) of the row at `row`, which has bytes() bytes.
  void write(const float* x, int64_t column, int64_t count, std::byte* row) const;
  const void* at(const std::byte* row, int64_t column) const;  // f32, bf16: the address of a value
  // q8: reads columns as f32, or rounded once more to bf16.
  void read(const std::byte* row, int64_t column, int64_t count, float* out) const;
  void read(const std::byte* row, int64_t column, int64_t count, Bf16* out) const;
};

}  // namespace hadal
