// Matrix products, the one place where floating-point time is spent.
//
// C[M,N] = A[M,K] * B[K,N], C in f32. In Precision::bf16 both operands are rounded to bf16 and products are summed in
// f32 (vdpbf16ps and AMX take denormals as zero); in Precision::f32 only sums are rounded. A row of C never depends on
// M, on its place or on how the work is split: for a level, precision and K the sum along K runs in one fixed order
// (batch invariance). Appending zeros to K leaves the result's bits as they are.
//
// A quantised B is multiplied exactly as its values say in Precision::f32. In Precision::bf16 the rows of A are rounded
// to 8 bits in blocks of 32, or both sides to bf16: which one depends on the level and on the number of rows.
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
  bool operator==(const MatrixView&) const = default;  // the same place and shape
  MatrixView transposed() const;                       // [cols, rows], the same memory
  MatrixView row_range(int64_t first, int64_t count) const;
};

// B, laid out for the product: panels of columns, k running inside. Made once for weights, per call for the rest.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  // b is [K, N]. Rows and columns may be 0. Reuses this object's memory when it is large enough.
  void pack(MatrixView b, Precision precision, ThreadPool& pool);
  // b is the transpose of [n, k], of which read(first, count, out) gives rows; called from all threads.
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

// One product. Several are handed over together so that small ones share the cores (the experts of a mixture, the heads
// of an attention): "grouped".
struct Product {
  MatrixView a;                          // [M, K]
  const PackedMatrix* packed = nullptr;  // B packed before, or
  QuantMatrix quant = {};                // the transpose of B as a file has it, [N, K], or
  MatrixView b = {};                     // B as it lies, [K, N], packed on the way in scratch memory
  float* c = nullptr;                    // [M, N]
  int64_t c_stride = 0;
  bool accumulate = false;  // C += A * B instead of C = A * B
};

// Either all or none of a call's products are quantised; their outputs must not overlap. M, N or K may be 0 (K = 0
// writes zeros, or leaves C when accumulating). `precision` must be that of the packed operands. Safe to call from
// within a job of the pool (it then runs on that worker alone), and from several threads.
void gemm(std::span<const Product> products, Precision precision, ThreadPool& pool);

// The definition: three loops, f32 sums in the order of k. The oracle of the tests. A quantised B counts by its values.
void gemm_plain(const Product& product, Precision precision);

// Floating-point operations per second of this level's own multiply-add in registers alone, on `num_threads` threads:
// the peak that the bench and the trainer's utilisation (MFU) are measured against. Takes about 0.2 s.
double measure_peak_flops(Precision precision, int num_threads);

}  // namespace hadal
