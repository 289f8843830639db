// Quantised matrices in the formats of files: the blocks of GGUF (llama.cpp, ggml-common.h) and the fp8 of
// DeepSeek-V3's checkpoints. A matrix stays in the file's own bytes, which products read directly (Product::quant).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hadal {

enum class QuantType : uint8_t {
  f16,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  fp8_e4m3,  // with an f32 scale for each 128 x 128 square, apart from the bytes
};
inline constexpr int kNumQuantTypes = 14;

struct QuantFormat {
  std::string_view name;  // GGUF's name ("Q4_K"), for fp8 that of safetensors ("F8_E4M3")
  int64_t block_weights, block_bytes;
};
const QuantFormat& quant_format(QuantType type);
std::optional<QuantType> quant_type_named(std::string_view name);

// A matrix [rows, cols]; each row is a whole number of blocks. A view: it does not own the bytes, which may have any
// alignment.
struct QuantMatrix {
  QuantType type = QuantType::f16;
  const std::byte* data = nullptr;
  int64_t rows = 0, cols = 0;
  // fp8: a scale for each square of kScaleSquare x kScaleSquare weights, of a stack of matrices with stack_rows rows
  // each: [stack][ceil(stack_rows / kScaleSquare)][ceil(cols / kScaleSquare)].
  const float* scales = nullptr;
  int64_t stack_rows = 0;
  int64_t first_row = 0;  // of this view in the whole matrix

  static constexpr int64_t kScaleSquare = 128;
  int64_t row_bytes() const;
  int64_t bytes() const { return rows * row_bytes(); }
  const std::byte* row(int64_t r) const { return data + r * row_bytes(); }
  QuantMatrix row_range(int64_t first, int64_t count) const;
};

// Row r as f32, [cols]: the definition of every type. Each operation rounds once, in the order of ggml.
void dequantise_row(const QuantMatrix& m, int64_t r, float* out);

// Quantises n values, a whole number of blocks, to the bytes of `type`: of all scales tried for a block, those with the
// least squared error. For types with can_quantise().
bool can_quantise(QuantType type);
void quantise_row(QuantType type, const float* x, int64_t n, std::byte* out);

}  // namespace hadal
