// Packing for one level: rounding to bf16, pairing rows, transposing, in the layouts of level.h. Included by one
// level_*.cc per level, compiled with its flags.
#pragma once

#include <hwy/highway.h>

#include "kernels/levels/level.h"

namespace hadal::kernels {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::CappedTag<float, 16>;
using U32 = hn::Rebind<uint32_t, F32>;
using U16 = hn::Rebind<uint16_t, F32>;
constexpr F32 kF32;
constexpr U32 kU32;
constexpr U16 kU16;
using VecF = hn::Vec<F32>;
using VecU = hn::Vec<U32>;
constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(kF32));  // every level here has vectors of one size

inline uint16_t round_one(float value) {
  const uint32_t u = __builtin_bit_cast(uint32_t, value);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((u >> 16) | 0x40u);
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
inline float widen_one(uint16_t value) { return __builtin_bit_cast(float, static_cast<uint32_t>(value) << 16); }

// f32 to the nearest bf16, ties to even, NaN stays NaN. The bf16 is the upper half of each word, the lower is garbage.
inline VecU rounded_bits(VecF x) {
  const VecU u = hn::BitCast(kU32, x);
  const VecU odd = hn::And(hn::ShiftRight<16>(u), hn::Set(kU32, 1u));
  const VecU rounded = hn::Add(u, hn::Add(odd, hn::Set(kU32, 0x7fffu)));
  const VecU quiet = hn::Or(u, hn::Set(kU32, 0x400000u));
  return hn::IfThenElse(hn::RebindMask(kU32, hn::IsNaN(x)), quiet, rounded);
}
inline VecU upper_half(VecU u) { return hn::And(u, hn::Set(kU32, 0xffff0000u)); }

inline VecF load_widened(const uint16_t* x) {
  return hn::BitCast(kF32, hn::ShiftLeft<16>(hn::PromoteTo(kU32, hn::LoadU(kU16, x))));
}

void round_row(const float* x, uint16_t* y, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    hn::StoreU(hn::TruncateTo(kU16, hn::ShiftRight<16>(rounded_bits(hn::LoadU(kF32, x + i)))), kU16, y + i);
  for (; i < n; ++i) y[i] = round_one(x[i]);
}

void widen_row(const uint16_t* x, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(load_widened(x + i), kF32, y + i);
  for (; i < n; ++i) y[i] = widen_one(x[i]);
}

void round_row_in_f32(const float* x, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    hn::StoreU(hn::BitCast(kF32, upper_half(rounded_bits(hn::LoadU(kF32, x + i)))), kF32, y + i);
  for (; i < n; ++i) y[i] = widen_one(round_one(x[i]));
}

inline void copy_bytes(const void* from, void* to, int64_t bytes) {
  __builtin_memcpy(to, from, static_cast<size_t>(bytes));
}
inline void zero_bytes(void* at, int64_t bytes) { __builtin_memset(at, 0, static_cast<size_t>(bytes)); }

// out[c][r] = in[r][c] in words of 32 bits.
void transpose_words(const uint32_t* in, int64_t in_stride, int64_t rows, int64_t cols, uint32_t* out,
                     int64_t out_stride) {
  const hn::FixedTag<uint32_t, 4> d;
  const hn::Repartition<uint64_t, decltype(d)> d64;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    int64_t c = 0;
    for (; c + 4 <= cols; c += 4) {
      const uint32_t* p = in + r * in_stride + c;
      const auto r0 = hn::LoadU(d, p), r1 = hn::LoadU(d, p + in_stride);
      const auto r2 = hn::LoadU(d, p + 2 * in_stride), r3 = hn::LoadU(d, p + 3 * in_stride);
      const auto a = hn::BitCast(d64, hn::InterleaveLower(d, r0, r1)),
                 b = hn::BitCast(d64, hn::InterleaveLower(d, r2, r3));
      const auto e = hn::BitCast(d64, hn::InterleaveUpper(d, r0, r1)),
                 f = hn::BitCast(d64, hn::InterleaveUpper(d, r2, r3));
      uint32_t* q = out + c * out_stride + r;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, a, b)), d, q);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, a, b)), d, q + out_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d64, e, f)), d, q + 2 * out_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d64, e, f)), d, q + 3 * out_stride);
    }
    for (; c < cols; ++c)
      for (int64_t i = 0; i < 4; ++i) out[c * out_stride + r + i] = in[(r + i) * in_stride + c];
  }
  const int64_t rest = rows - r;
  for (int64_t c = 0; c < cols; ++c)
    for (int64_t i = 0; i < 3; ++i)
      if (i < rest) out[c * out_stride + r + i] = in[(r + i) * in_stride + c];
}

// One word of (low, high) bf16 per column from two rows; `high` may be null (zeros).
void pair_rows(const void* low, const void* high, bool is_bf16, int64_t n, uint32_t* out) {
  int64_t i = 0;
  if (is_bf16) {
    const auto* l = static_cast<const uint16_t*>(low);
    const auto* h = static_cast<const uint16_t*>(high);
    for (; i + kLanes <= n; i += kLanes) {
      const VecU a = hn::PromoteTo(kU32, hn::LoadU(kU16, l + i));
      const VecU b = h ? hn::ShiftLeft<16>(hn::PromoteTo(kU32, hn::LoadU(kU16, h + i))) : hn::Zero(kU32);
      hn::StoreU(hn::Or(a, b), kU32, out + i);
    }
    for (; i < n; ++i) out[i] = l[i] | (h ? static_cast<uint32_t>(h[i]) << 16 : 0u);
    return;
  }
  const auto* l = static_cast<const float*>(low);
  const auto* h = static_cast<const float*>(high);
  for (; i + kLanes <= n; i += kLanes) {
    const VecU a = hn::ShiftRight<16>(rounded_bits(hn::LoadU(kF32, l + i)));
    const VecU b = h ? upper_half(rounded_bits(hn::LoadU(kF32, h + i))) : hn::Zero(kU32);
    hn::StoreU(hn::Or(a, b), kU32, out + i);
  }
  for (; i < n; ++i) out[i] = round_one(l[i]) | (h ? static_cast<uint32_t>(round_one(h[i])) << 16 : 0u);
}

// The same for a whole panel's width, both rows in bf16.
inline void pair_whole_rows(const uint16_t* low, const uint16_t* high, uint32_t* out) {
#pragma GCC unroll 8
  for (int64_t i = 0; i < kPanel; i += kLanes) {
    const VecU a = hn::PromoteTo(kU32, hn::LoadU(kU16, low + i)), b = hn::PromoteTo(kU32, hn::LoadU(kU16, high + i));
    hn::StoreU(hn::Or(a, hn::ShiftLeft<16>(b)), kU32, out + i);
  }
}

inline const void* element(const Source& s, int64_t r, int64_t c) {
  return static_cast<const char*>(s.data) + (r * s.row_stride + c * s.col_stride) * (s.is_bf16 ? 2 : 4);
}

// Copies n contiguous elements, converted to `format` (f32, bf16 or f32_rounded_to_bf16).
inline void copy_line(const void* from, bool is_bf16, int64_t n, Format format, void* to) {
  if (is_bf16) {
    if (format == Format::bf16)
      copy_bytes(from, to, n * 2);
    else
      widen_row(static_cast<const uint16_t*>(from), static_cast<float*>(to), n);
  } else {
    const auto* x = static_cast<const float*>(from);
    if (format == Format::f32)
      copy_bytes(from, to, n * 4);
    else if (format == Format::bf16)
      round_row(x, static_cast<uint16_t*>(to), n);
    else
      round_row_in_f32(x, static_cast<float*>(to), n);
  }
}

constexpr int64_t kStep = 64;  // of k, through a small buffer at a time

// Packs rows of an A whose columns are contiguous: element (r, k) is next to (r + 1, k).
void pack_a_transposed(const Source& a, int64_t row, int64_t rows, int64_t k, Format format, void* out, int64_t lda) {
  constexpr int64_t kWidth = 32;
  alignas(64) uint32_t words[kStep * kWidth];
  for (int64_t k0 = 0; k0 < k; k0 += kStep) {
    const int64_t steps = k - k0 < kStep ? k - k0 : kStep;
    for (int64_t r0 = 0; r0 < rows; r0 += kWidth) {
      const int64_t width = rows - r0 < kWidth ? rows - r0 : kWidth;
      if (format == Format::bf16) {
        for (int64_t i = 0; i < steps; i += 2)
          pair_rows(element(a, row + r0, k0 + i), i + 1 < steps ? element(a, row + r0, k0 + i + 1) : nullptr, a.is_bf16,
                    width, words + i / 2 * kWidth);
        // lda is even and rows are padded to kUnit, so the last odd element's pair has its place.
        transpose_words(words, kWidth, (steps + 1) / 2, width, static_cast<uint32_t*>(out) + (r0 * lda + k0) / 2,
                        lda / 2);
      } else {
        for (int64_t i = 0; i < steps; ++i)
          copy_line(element(a, row + r0, k0 + i), a.is_bf16, width, format, words + i * kWidth);
        transpose_words(words, kWidth, steps, width, static_cast<uint32_t*>(out) + r0 * lda + k0, lda);
      }
    }
  }
}

// To bf16_tiles, kRun columns at a time, so that both reads and writes are contiguous for a while.
void pack_a_tiles(const Source& a, int64_t row, int64_t rows, int64_t k, int64_t padded_k, uint16_t* out) {
  constexpr int64_t kTile = 32, kRun = 8 * kTile;
  for (int64_t r0 = 0; r0 < rows; r0 += kTile, out += padded_k * kTile) {
    const int64_t group = rows - r0 < kTile ? rows - r0 : kTile;
    for (int64_t k0 = 0; k0 < k; k0 += kRun) {
      const int64_t end = k - k0 < kRun ? k : k0 + kRun;
      if (a.col_stride != 1) {
        for (int64_t i = k0; i < end; i += kTile) {
          uint16_t* tile = out + i * kTile;
          const int64_t steps = end - i < kTile ? end - i : kTile;
          if (steps < kTile) zero_bytes(tile, kTile * kTile * 2);
          pack_a_transposed({element(a, 0, i), a.is_bf16, a.row_stride, a.col_stride}, row + r0, group, steps,
                            Format::bf16, tile, kTile);
        }
        continue;
      }
      for (int64_t r = 0; r < group; ++r)
        for (int64_t i = k0; i < end; i += kTile) {
          uint16_t* line = out + i * kTile + r * kTile;
          const int64_t steps = end - i < kTile ? end - i : kTile;
          copy_line(element(a, row + r0 + r, i), a.is_bf16, steps, Format::bf16, line);
          if (steps < kTile) zero_bytes(line + steps, (kTile - steps) * 2);
        }
    }
  }
}

void pack_a(const Source& a, int64_t row, int64_t rows, int64_t k, int64_t padded_k, Format format, void* out,
            int64_t lda) {
  if (format == Format::bf16_tiles) return pack_a_tiles(a, row, rows, k, padded_k, static_cast<uint16_t*>(out));
  const int64_t bytes = format == Format::bf16 ? 2 : 4;
  char* at = static_cast<char*>(out);
  for (int64_t r = 0; r < rows; ++r) {
    if (a.col_stride == 1) copy_line(element(a, row + r, 0), a.is_bf16, k, format, at + r * lda * bytes);
    zero_bytes(at + (r * lda + k) * bytes, (padded_k - k) * bytes);
  }
  if (a.col_stride != 1) pack_a_transposed(a, row, rows, k, format, out, lda);
}

// The hardware does not prefetch lines that are far apart in memory.
inline void prefetch_line(const void* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(static_cast<const char*>(from) + i);
}
constexpr int64_t kRowsAhead = 16;

// Copies columns that are contiguous along K: rows [k0, k0 + steps) of each to lines [kPanel][kDepth].
template <int64_t kDepth>
inline void gather_columns(const Source& b, int64_t k0, int64_t steps, int64_t col, int64_t cols, Format format,
                           void* lines) {
  const int64_t bytes = format == Format::bf16 ? 2 : 4;
  for (int64_t c = 0; c < cols; ++c) {
    const void* from = element(b, k0, col + c);
    prefetch_line(static_cast<const char*>(from) + steps * (b.is_bf16 ? 2 : 4), steps * (b.is_bf16 ? 2 : 4));
    char* line = static_cast<char*>(lines) + c * kDepth * bytes;
    copy_line(from, b.is_bf16, steps, format, line);
    if (steps < kDepth) zero_bytes(line + steps * bytes, bytes);  // the second element of an odd last pair
  }
}

void pack_panel_bf16(const Source& b, int64_t k, int64_t col, int64_t cols, uint32_t* panel) {
  const int64_t padded_pairs = (k + kUnit - 1) / kUnit * kUnit / 2, pairs = (k + 1) / 2;
  if (b.col_stride == 1) {
    if (cols < kPanel) zero_bytes(panel, pairs * kPanel * 4);
    const int64_t line = cols * (b.is_bf16 ? 2 : 4);
    const int64_t whole = b.is_bf16 && cols == kPanel ? k / 2 : 0;
    for (int64_t p = 0; p < whole; ++p) {
      const auto *low = static_cast<const uint16_t*>(element(b, 2 * p, col)),
                 *high = static_cast<const uint16_t*>(element(b, 2 * p + 1, col));
      __builtin_prefetch(low + kRowsAhead * b.row_stride), __builtin_prefetch(high + kRowsAhead * b.row_stride);
      pair_whole_rows(low, high, panel + p * kPanel);
    }
    for (int64_t p = whole; p < pairs; ++p) {
      prefetch_line(element(b, 2 * p + kRowsAhead, col), line);
      prefetch_line(element(b, 2 * p + kRowsAhead + 1, col), line);
      pair_rows(element(b, 2 * p, col), 2 * p + 1 < k ? element(b, 2 * p + 1, col) : nullptr, b.is_bf16, cols,
                panel + p * kPanel);
    }
  } else {
    constexpr int64_t kDepth = 256;
    alignas(64) uint32_t words[kPanel * kDepth / 2];
    if (cols < kPanel) zero_bytes(words, sizeof words);
    for (int64_t k0 = 0; k0 < k; k0 += kDepth) {
      const int64_t steps = k - k0 < kDepth ? k - k0 : kDepth;
      gather_columns<kDepth>(b, k0, steps, col, cols, Format::bf16, words);
      transpose_words(words, kDepth / 2, kPanel, (steps + 1) / 2, panel + k0 / 2 * kPanel, kPanel);
    }
  }
  zero_bytes(panel + pairs * kPanel, (padded_pairs - pairs) * kPanel * 4);
}

void pack_panel_f32(const Source& b, int64_t k, int64_t col, int64_t cols, float* panel) {
  if (b.col_stride == 1) {
    if (cols < kPanel) zero_bytes(panel, k * kPanel * 4);
    for (int64_t i = 0; i < k; ++i) {
      prefetch_line(element(b, i + kRowsAhead, col), cols * (b.is_bf16 ? 2 : 4));
      copy_line(element(b, i, col), b.is_bf16, cols, Format::f32, panel + i * kPanel);
    }
    return;
  }
  constexpr int64_t kDepth = 128;
  alignas(64) uint32_t words[kPanel * kDepth];
  if (cols < kPanel) zero_bytes(words, sizeof words);
  for (int64_t k0 = 0; k0 < k; k0 += kDepth) {
    const int64_t steps = k - k0 < kDepth ? k - k0 : kDepth;
    gather_columns<kDepth>(b, k0, steps, col, cols, Format::f32, words);
    transpose_words(words, kDepth, kPanel, steps, reinterpret_cast<uint32_t*>(panel) + k0 * kPanel, kPanel);
  }
}

void pack_panel(const Source& b, int64_t k, int64_t col, int64_t cols, bool to_bf16, void* panel) {
  if (to_bf16)
    pack_panel_bf16(b, k, col, cols, static_cast<uint32_t*>(panel));
  else
    pack_panel_f32(b, k, col, cols, static_cast<float*>(panel));
}

}  // namespace
}  // namespace hadal::kernels
