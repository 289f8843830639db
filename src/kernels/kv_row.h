// How the cached numbers of one token lie, in memory that attention reads: f32, bf16, or 8-bit integers with a scale
// for each block of them.
//
// q8: bf16 scales [width / block], then integers [width]; number i is integers[i] * scales[i / block], at most half a
// scale off. A row is rounded when it is written, from its own numbers alone, so that rounding depends on nothing
// beside it.
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
// The type that loses nothing: products of this precision round their operands to it anyway.
KvType kv_type_of(Precision precision);

struct KvRow {
  KvType type = KvType::f32;
  int64_t width = 0;  // numbers
  int64_t block =
      32;  // q8: numbers to a scale; width is a multiple of it, and so are the columns that are written and read

  int64_t bytes() const;
  // Columns [column, column + count) of the row that begins at `row`.
  void write(const float* x, int64_t column, int64_t count, std::byte* row) const;
  const void* at(const std::byte* row, int64_t column) const;  // f32, bf16: where a number lies
  // q8: as f32, or rounded once more to bf16.
  void read(const std::byte* row, int64_t column, int64_t count, float* out) const;
  void read(const std::byte* row, int64_t column, int64_t count, Bf16* out) const;
};

}  // namespace hadal
