// A trainable or loaded parameter as the ops see it: its values, its gradient, and the packed copies that products read.
#pragma once

#include <memory>
#include <vector>

#include "ops/context.h"

namespace hadal {

// value is [out, in] for a matrix, [experts, out, in] for a stack of them, [n] for a vector. f32 while training; bf16
// or f32 when loaded for inference. One Weight must not be used from two threads at once.
class Weight {
 public:
  Weight() = default;
  explicit Weight(Tensor value) : value_(std::move(value)) {}

  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  float* grad() const { return value_.grad(); }
  bool frozen = false;  // no gradient is wanted (inference, buffers)

  int64_t stack() const { return value_.shape().size() == 3 ? value_.dim(0) : 1; }
  int64_t out() const { return value_.dim(-2); }
  int64_t in() const { return value_.dim(-1); }
  MatrixView matrix(int64_t index = 0) const;  // [out, in]

  // Packed B operands, made on first use and kept until changed().
  const PackedMatrix& for_forward(const Context& ctx, int64_t index = 0) const;   // [in, out]: x W^T
  const PackedMatrix& for_backward(const Context& ctx, int64_t index = 0) const;  // [out, in]: dy W
  void changed();        // the values were written: packed copies are stale
  void drop_packed();    // and their memory goes
  // For inference: packs for products and lets go of the plain values; grad(), matrix() and value().f32() are gone.
  void keep_only_packed(const Context& ctx);

 private:
  const PackedMatrix& packed(std::vector<PackedMatrix>& cache, std::vector<bool>& fresh, const Context& ctx, int64_t index,
                             bool forward) const;
  Tensor value_;
  mutable std::vector<PackedMatrix> forward_, backward_;
  mutable std::vector<bool> forward_fresh_, backward_fresh_;
};

}  // namespace hadal
