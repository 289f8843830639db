// A trainable or loaded parameter as the ops see it: its values, its gradient, and the packed copies that products read.
#pragma once

#include <compare>
#include <map>
#include <utility>

#include "ops/context.h"

namespace hadal {

// value is [out, in] for a matrix, [experts, out, in] for a stack of them, [n] for a vector. f32 while training; bf16
// or f32 when loaded for inference. One Weight must not be used from two threads at once. Ops keep its address on the
// tape: it must stay where it is.
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

  // Rows of the value seen as [stack * out, in].
  struct Rows {
    int64_t first = 0, count = 0;
    auto operator<=>(const Rows&) const = default;
  };
  Rows matrix_rows(int64_t index = 0) const { return {index * out(), out()}; }
  MatrixView view(Rows rows) const;  // [count, in]

  // These rows packed as the B of a product, made on first use and kept until changed(): for x W^T ([in, count]), or
  // for y W ([count, in]).
  const PackedMatrix& packed_transposed(const Context& ctx, Rows rows) const { return packed(ctx, rows, true); }
  const PackedMatrix& packed_plain(const Context& ctx, Rows rows) const { return packed(ctx, rows, false); }
  void changed();      // the values were written: packed copies are stale
  void drop_packed();  // and their memory goes

 private:
  struct Packed {
    PackedMatrix matrix;
    bool fresh = false;
  };
  const PackedMatrix& packed(const Context& ctx, Rows rows, bool transposed) const;
  Tensor value_;
  mutable std::map<std::pair<Rows, bool>, Packed> packed_;
};

}  // namespace hadal
