#include "kernels/quant.h"

#include <cmath>
#include <cstring>

#include "base/bf16.h"
#include "base/error.h"
#include "base/half.h"
#include "kernels/quants/quant_blocks.h"

namespace hadal {
namespace {

using namespace kernels;

constexpr QuantFormat kFormats[kNumQuantTypes] = {
    {"F16", 1, 2},      {"Q8_0", 32, 34},   {"Q4_0", 32, 18},     {"Q4_1", 32, 20},   {"Q5_0", 32, 22},
    {"Q5_1", 32, 24},   {"Q2_K", 256, 84},  {"Q3_K", 256, 110},   {"Q4_K", 256, 144}, {"Q5_K", 256, 176},
    {"Q6_K", 256, 210}, {"IQ4_NL", 32, 18}, {"IQ4_XS", 256, 136}, {"F8_E4M3", 1, 1},
};

float half(const std::byte* at) { return half_to_float(read_u16(at)); }
int byte_at(const std::byte* at, int64_t i) { return static_cast<int>(at[i]); }
int signed_at(const std::byte* at, int64_t i) { return static_cast<int8_t>(at[i]); }
int bit(const std::byte* at, int i) { return byte_at(at, i / 8) >> (i % 8) & 1; }

// Blocks of 32 with one scale; codes 0-15 are the low nibbles of 16 bytes, 16-31 the high ones.
void q8_0(const std::byte* b, float* y) {
  const float d = half(b);
  for (int i = 0; i < 32; ++i) y[i] = static_cast<float>(signed_at(b + 2, i)) * d;
}
void q4_0(const std::byte* b, float* y) {
  const float d = half(b);
  for (int i = 0; i < 16; ++i) {
    y[i] = static_cast<float>((byte_at(b + 2, i) & 15) - 8) * d;
    y[i + 16] = static_cast<float>((byte_at(b + 2, i) >> 4) - 8) * d;
  }
}
void q4_1(const std::byte* b, float* y) {
  const float d = half(b), m = half(b + 2);
  for (int i = 0; i < 16; ++i) {
    y[i] = static_cast<float>(byte_at(b + 4, i) & 15) * d + m;
    y[i + 16] = static_cast<float>(byte_at(b + 4, i) >> 4) * d + m;
  }
}
void q5_0(const std::byte* b, float* y) {
  const float d = half(b);
  for (int i = 0; i < 16; ++i) {
    y[i] = static_cast<float>(((byte_at(b + 6, i) & 15) | bit(b + 2, i) << 4) - 16) * d;
    y[i + 16] = static_cast<float>(((byte_at(b + 6, i) >> 4) | bit(b + 2, i + 16) << 4) - 16) * d;
  }
}
void q5_1(const std::byte* b, float* y) {
  const float d = half(b), m = half(b + 2);
  for (int i = 0; i < 16; ++i) {
    y[i] = static_cast<float>((byte_at(b + 8, i) & 15) | bit(b + 4, i) << 4) * d + m;
    y[i + 16] = static_cast<float>((byte_at(b + 8, i) >> 4) | bit(b + 4, i + 16) << 4) * d + m;
  }
}
void iq4_nl(const std::byte* b, float* y) {
  const float d = half(b);
  for (int i = 0; i < 16; ++i) {
    y[i] = d * static_cast<float>(kIq4Values[byte_at(b + 2, i) & 15]);
    y[i + 16] = d * static_cast<float>(kIq4Values[byte_at(b + 2, i) >> 4]);
  }
}

// Blocks of 256: groups of 16 or 32 have integer scales, which d (and dmin) of the block multiplies.
void q2_k(const std::byte* b, float* y) {
  const std::byte* codes = b + 16;
  const float d = half(b + 80), dmin = half(b + 82);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, shift = i % 128 / 32 * 2, scale = byte_at(b, i / 16);
    const float dl = d * static_cast<float>(scale & 15), ml = dmin * static_cast<float>(scale >> 4);
    y[i] = dl * static_cast<float>(byte_at(codes, part * 32 + i % 32) >> shift & 3) - ml;
  }
}
void q3_k(const std::byte* b, float* y) {
  const std::byte* codes = b + 32;
  int8_t scales[16];
  q3_scales(b + 96, scales);
  const float d = half(b + 108);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, shift = i % 128 / 32 * 2, high = byte_at(b, i % 32) >> (i / 32) & 1;
    const float dl = d * static_cast<float>(scales[i / 16]);
    y[i] = dl * static_cast<float>((byte_at(codes, part * 32 + i % 32) >> shift & 3) - (high ? 0 : 4));
  }
}
void q4_k(const std::byte* b, float* y) {
  uint8_t scales[8], mins[8];
  q4_scales(b + 4, scales, mins);
  const float d = half(b), dmin = half(b + 2);
  for (int i = 0; i < 256; ++i) {
    const int group = i / 32, code = byte_at(b + 16, i / 64 * 32 + i % 32);
    y[i] = d * static_cast<float>(scales[group]) * static_cast<float>(group % 2 ? code >> 4 : code & 15) -
           dmin * static_cast<float>(mins[group]);
  }
}
void q5_k(const std::byte* b, float* y) {
  uint8_t scales[8], mins[8];
  q4_scales(b + 4, scales, mins);
  const float d = half(b), dmin = half(b + 2);
  for (int i = 0; i < 256; ++i) {
    const int group = i / 32, code = byte_at(b + 48, i / 64 * 32 + i % 32), high = byte_at(b + 16, i % 32) >> group & 1;
    y[i] = d * static_cast<float>(scales[group]) * static_cast<float>((group % 2 ? code >> 4 : code & 15) + 16 * high) -
           dmin * static_cast<float>(mins[group]);
  }
}
void q6_k(const std::byte* b, float* y) {
  const float d = half(b + 208);
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, quarter = i % 128 / 32;
    const int low = byte_at(b, part * 64 + quarter % 2 * 32 + i % 32) >> (quarter / 2 * 4) & 15;
    const int high = byte_at(b + 128, part * 32 + i % 32) >> (quarter * 2) & 3;
    y[i] = d * static_cast<float>(signed_at(b + 192, i / 16)) * static_cast<float>((low | high << 4) - 32);
  }
}
void iq4_xs(const std::byte* b, float* y) {
  const float d = half(b);
  for (int group = 0; group < 8; ++group) {
    const float dl = d * static_cast<float>(iq4_xs_scale(b, group));
    for (int i = 0; i < 16; ++i) {
      const int code = byte_at(b + 8, group * 16 + i);
      y[group * 32 + i] = dl * static_cast<float>(kIq4Values[code & 15]);
      y[group * 32 + i + 16] = dl * static_cast<float>(kIq4Values[code >> 4]);
    }
  }
}

using BlockFn = void (*)(const std::byte*, float*);
constexpr BlockFn kBlocks[kNumQuantTypes] = {nullptr, q8_0, q4_0, q4_1, q5_0,   q5_1,   q2_k,
                                             q3_k,    q4_k, q5_k, q6_k, iq4_nl, iq4_xs, nullptr};

void fp8_row(const QuantMatrix& m, int64_t r, float* out) {
  constexpr int64_t kSquare = QuantMatrix::kScaleSquare;
  const int64_t at = m.first_row + r, squares = (m.cols + kSquare - 1) / kSquare,
                per_matrix = (m.stack_rows + kSquare - 1) / kSquare;
  const float* scales = m.scales + (at / m.stack_rows * per_matrix + at % m.stack_rows / kSquare) * squares;
  for (int64_t i = 0; i < m.cols; ++i) out[i] = fp8_to_float(static_cast<uint8_t>(m.row(r)[i])) * scales[i / kSquare];
}

}  // namespace

const QuantFormat& quant_format(QuantType type) { return kFormats[static_cast<int>(type)]; }

std::optional<QuantType> quant_type_named(std::string_view name) {
  for (int i = 0; i < kNumQuantTypes; ++i)
    if (kFormats[i].name == name) return static_cast<QuantType>(i);
  return std::nullopt;
}

int64_t QuantMatrix::row_bytes() const {
  const QuantFormat& format = quant_format(type);
  return cols / format.block_weights * format.block_bytes;
}

QuantMatrix QuantMatrix::row_range(int64_t first, int64_t count) const {
  HADAL_CHECK(first >= 0 && count >= 0 && first + count <= rows, "rows {} + {} of {}", first, count, rows);
  QuantMatrix part = *this;
  part.data = row(first);
  part.rows = count;
  part.first_row = first_row + first;
  return part;
}

void dequantise_row(const QuantMatrix& m, int64_t r, float* out) {
  if (m.type == QuantType::fp8_e4m3) return fp8_row(m, r, out);
  const std::byte* at = m.row(r);
  if (m.type == QuantType::f16) {
    for (int64_t i = 0; i < m.cols; ++i) out[i] = half(at + 2 * i);
    return;
  }
  const QuantFormat& format = quant_format(m.type);
  for (int64_t i = 0; i < m.cols; i += format.block_weights, at += format.block_bytes)
    kBlocks[static_cast<int>(m.type)](at, out + i);
}

}  // namespace hadal
