// Quantised matrices as files keep them: the blocks of GGUF (llama.cpp, ggml-common.h) and the fp8 of DeepSeek-V3's
// checkpoints. A matrix stays in the file's own bytes; products read them as they lie (Product::quant).
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
  fp8_e4m3,  // one f32 factor for each 128 x 128 square, beside the bytes
};
inline constexpr int kNumQuantTypes = 14;

struct QuantFormat {
  std::string_view name;  // as GGUF names it: "Q4_K"; "F8_E4M3" as safetensors does
  int64_t block_weights, block_bytes;
};
const QuantFormat& quant_format(QuantType type);
std::optional<QuantType> quant_type_named(std::string_view name);

// Rows of cols weights, each a whole number of blocks. A view: the bytes belong to someone else, and are aligned to
// nothing.
struct QuantMatrix {
  QuantType type = QuantType::f16;
  const std::byte* data = nullptr;
  int64_t rows = 0, cols = 0;
  // fp8: factors of squares of kScaleSquare, [stack][ceil(stack_rows / square)][ceil(cols / square)], stack_rows rows
  // each.
  const float* scales = nullptr;
  int64_t stack_rows = 0;
  int64_t first_row = 0;  // of this view in the whole matrix

  static constexpr int64_t kScaleSquare = 128;
  int64_t row_bytes() const;
  int64_t bytes() const { return rows * row_bytes(); }
  const std::byte* row(int64_t r) const { return data + r * row_bytes(); }
  QuantMatrix row_range(int64_t first, int64_t count) const;
};

// The definition of every type: row r as f32, [cols]. Each value is rounded once per operation, in the order of ggml.
void dequantise_row(const QuantMatrix& m, int64_t r, float* out);

// n numbers, a whole number of blocks, to the bytes of `type`: the blocks that gave the smallest squared error among
// those tried. For the types that can_quantise().
bool can_quantise(QuantType type);
void quantise_row(QuantType type, const float* x, int64_t n, std::byte* out);

}  // namespace hadal
