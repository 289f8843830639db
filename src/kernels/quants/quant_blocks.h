// Small parts of quantised blocks, shared by the definition (quant.cc) and the kernels. Private to the module. These
// functions are compiled into files of every level, so they are always_inline and use no template of the standard
// library (see level.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal::kernels {

#define HADAL_INLINE [[gnu::always_inline]] inline

// The values of the 16 codes of IQ4_NL and IQ4_XS.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

HADAL_INLINE uint16_t read_u16(const std::byte* at) {
  uint16_t value;
  __builtin_memcpy(&value, at, 2);
  return value;
}

// Q4_K, Q5_K: 8 scales and 8 minima of 6 bits in 12 bytes.
HADAL_INLINE void q4_scales(const std::byte* at, uint8_t* scales, uint8_t* mins) {
  uint32_t w[3];
  __builtin_memcpy(w, at, 12);
  const uint32_t low[4] = {w[0] & 0x3f3f3f3fu, (w[2] & 0x0f0f0f0fu) | (w[0] >> 6 & 0x03030303u) << 4,
                           w[1] & 0x3f3f3f3fu, (w[2] >> 4 & 0x0f0f0f0fu) | (w[1] >> 6 & 0x03030303u) << 4};
  __builtin_memcpy(scales, low, 8);
  __builtin_memcpy(mins, low + 2, 8);
}

// Q3_K: 16 signed scales of 6 bits in 12 bytes.
HADAL_INLINE void q3_scales(const std::byte* at, int8_t* scales) {
  uint32_t w[3];
  __builtin_memcpy(w, at, 12);
  const uint32_t packed[4] = {(w[0] & 0x0f0f0f0fu) | (w[2] & 0x03030303u) << 4,
                              (w[1] & 0x0f0f0f0fu) | (w[2] >> 2 & 0x03030303u) << 4,
                              (w[0] >> 4 & 0x0f0f0f0fu) | (w[2] >> 4 & 0x03030303u) << 4,
                              (w[1] >> 4 & 0x0f0f0f0fu) | (w[2] >> 6 & 0x03030303u) << 4};
  __builtin_memcpy(scales, packed, 16);
  for (int i = 0; i < 16; ++i) scales[i] = static_cast<int8_t>(scales[i] - 32);
}

HADAL_INLINE int iq4_xs_scale(const std::byte* block, int group) {
  const int low = static_cast<int>(block[4 + group / 2]) >> (group % 2 * 4) & 15,
            high = read_u16(block + 2) >> (2 * group) & 3;
  return (low | high << 4) - 32;
}

// E4M3 without infinities: sign, 4 bits of exponent (bias 7), 3 of mantissa; all ones is NaN.
HADAL_INLINE float fp8_to_float(uint8_t x) {
  const uint32_t sign = static_cast<uint32_t>(x & 0x80u) << 24, exponent = x >> 3 & 15u, mantissa = x & 7u;
  if ((x & 0x7fu) == 0x7fu) return __builtin_bit_cast(float, sign | 0x7fc00000u);
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-9f;
    return sign ? -magnitude : magnitude;
  }
  return __builtin_bit_cast(float, sign | (exponent + 120) << 23 | mantissa << 20);
}

// Super-block i of a row. The last one of a row with blocks of 32 may be shorter: it is copied to `buffer` and padded
// with zeros.
template <typename T>
HADAL_INLINE const std::byte* super_block(const std::byte* row, int64_t i, int64_t row_bytes, std::byte* buffer) {
  const std::byte* at = row + i * T::kBytes;
  const int64_t left = row_bytes - i * T::kBytes;
  if (left >= T::kBytes) [[likely]]
    return at;
  __builtin_memset(buffer, 0, T::kBytes);
  __builtin_memcpy(buffer, at, static_cast<size_t>(left));
  return buffer;
}

// The same without a copy, unless it would pass `end` of the matrix: a short last super-block continues into the next
// row, and the caller must multiply those groups by a scale of 0.
template <typename T>
HADAL_INLINE const std::byte* super_block_and_more(const std::byte* row, int64_t i, int64_t row_bytes,
                                                   const std::byte* end, std::byte* buffer) {
  const std::byte* at = row + i * T::kBytes;
  if (at + T::kBytes <= end) [[likely]]
    return at;
  return super_block<T>(row, i, row_bytes, buffer);
}

// return CALL(T), T being the struct of the level's quant_unpack_*.h that reads `type`.
#define HADAL_FOR_BLOCK_TYPE(type, CALL) \
  switch (type) {                        \
    case QuantType::q8_0:                \
      return CALL(Q8_0);                 \
    case QuantType::q4_0:                \
      return CALL(Q4_0);                 \
    case QuantType::q4_1:                \
      return CALL(Q4_1);                 \
    case QuantType::q5_0:                \
      return CALL(Q5_0);                 \
    case QuantType::q5_1:                \
      return CALL(Q5_1);                 \
    case QuantType::q2_k:                \
      return CALL(Q2K);                  \
    case QuantType::q3_k:                \
      return CALL(Q3K);                  \
    case QuantType::q4_k:                \
      return CALL(Q4K);                  \
    case QuantType::q5_k:                \
      return CALL(Q5K);                  \
    case QuantType::q6_k:                \
      return CALL(Q6K);                  \
    case QuantType::iq4_nl:              \
      return CALL(Iq4Nl);                \
    case QuantType::iq4_xs:              \
      return CALL(Iq4Xs);                \
    default:                             \
      __builtin_trap();                  \
  }

}  // namespace hadal::kernels
