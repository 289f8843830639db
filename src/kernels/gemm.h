// Matrix products: the one place where floating-point time is spent. docs/kernels.md has the whole picture.
//
// C[M, N] = A[M, K] * B[K, N]. A has a row for each token, B is most often a weight; C is f32. The names in this
// module: a, b, c are the operands; m, n, k their extents; lda and ldc the elements from a row of a, c to the next. In
// Precision::bf16 both operands are rounded to bf16 and products are summed in f32 (vdpbf16ps and AMX treat denormals
// as zero); in Precision::f32 only sums are rounded.
//
// Batch invariance: for a level, precision and K, the sum along K has one fixed order. A row of C depends neither on M,
// nor on its place, nor on how the work is split. Zeros appended to K leave the bits of C unchanged.
//
// A quantised B is multiplied by its exact values in Precision::f32. In Precision::bf16 either the rows of A are
// rounded to 8 bits in blocks of 32, or both operands to bf16: the level and the number of rows decide.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/bf16.h"
#include "base/threads.h"
#include "kernels/quant.h"

namespace hadal {

enum class Precision { f32, bf16 };

// A matrix somewhere in memory: element (r, c) is data[r * row_stride + c * col_stride]; one stride must be 1.
struct MatrixView {
  const void* data = nullptr;
  bool is_bf16 = false;
  int64_t rows = 0, cols = 0;
  int64_t row_stride = 0, col_stride = 1;

  MatrixView() = default;
  MatrixView(const float* p, int64_t num_rows, int64_t num_cols, int64_t stride)
      : data(p), rows(num_rows), cols(num_cols), row_stride(stride) {}
  MatrixView(const Bf16* p, int64_t num_rows, int64_t num_cols, int64_t stride)
      : data(p), is_bf16(true), rows(num_rows), cols(num_cols), row_stride(stride) {}
  bool operator==(const MatrixView&) const = default;  // same memory and shape
  MatrixView transposed() const;                       // [cols, rows], the same memory
  MatrixView row_range(int64_t first, int64_t count) const;
};

// B [K, N], packed into panels of 32 columns (levels/level.h). Weights are packed once, other operands in each call.
// Copies share the memory. Threads may read one matrix together; pack() needs it alone.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  // b is [K, N]; K and N may be 0. Reuses this object's memory when it is large enough.
  void pack(MatrixView b, Precision precision, ThreadPool& pool);
  // Packs the transpose of a [n, k] matrix, of which read(first, count, out) writes `count` rows; called from all
  // threads of the pool.
  using ReadRows = std::function<void(int64_t first, int64_t count, float* out)>;
  void pack_rows(int64_t n, int64_t k, const ReadRows& read, Precision precision, ThreadPool& pool);
  int64_t k() const { return k_; }
  int64_t n() const { return n_; }
  Precision precision() const { return precision_; }
  int64_t bytes() const;
  const void* data() const { return data_.get(); }

 private:
  friend struct PackedMatrixAccess;
  int64_t k_ = 0, n_ = 0, capacity_bytes_ = 0;
  Precision precision_ = Precision::f32;
  std::shared_ptr<void> data_;  // 64-byte aligned
};

// One product. gemm() takes several at once, so that small ones share the cores: the experts of a mixture, the heads of
// an attention. B comes in one of three forms.
struct Product {
  MatrixView a;                          // [M, K]
  const PackedMatrix* packed = nullptr;  // B, packed before; or
  QuantMatrix quant = {};                // the transpose of B, quantised, [N, K]; or
  MatrixView b = {};                     // B [K, N], packed into scratch memory by gemm()
  float* c = nullptr;                    // [M, N]
  int64_t c_stride = 0;                  // elements from a row of C to the next
  bool accumulate = false;               // C += A * B instead of C = A * B
};

// Computes all products. Either all or none of them are quantised; their outputs must not overlap. M, N or K may be 0:
// K = 0 writes zeros, or leaves C when accumulating. `precision` must be that of the packed operands. May be called
// from several threads, and within a job of the pool, where it runs on that worker alone.
void gemm(std::span<const Product> products, Precision precision, ThreadPool& pool);

// The definition, the oracle of the tests: three loops, f32 sums in the order of k. A quantised B is dequantised first.
void gemm_plain(const Product& product, Precision precision);

// Floating-point operations per second of this level's own multiply-add in registers alone, on `num_threads` threads:
// the peak to which `hadal bench` and the trainer's utilisation (MFU) compare. Takes about 0.2 s.
double measure_peak_flops(Precision precision, int num_threads);

}  // namespace hadal
