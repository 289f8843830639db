// A trainable or loaded parameter as the ops see it: its values, its gradient, and the packed copies that products
// read.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <span>
#include <utility>

#include "kernels/quant.h"
#include "ops/context.h"

namespace hadal {

class ExpertSource;

// Values that stay in a mapped file: products pack what they read of them, and no other copy is made.
struct StoredNumbers {
  std::function<void(int64_t first, std::span<float> out)> read;
  std::function<void(int64_t first, int64_t count)> forget;  // they will hardly be read again: their pages may go
};

// [out, in] for a matrix, [experts, out, in] for a stack of them, [n] for a vector. f32 while training; bf16, f32,
// values in a file or its quantised blocks when loaded for inference. One Weight must not be used from two threads at
// once. Ops keep its address on the tape: it must stay where it is.
class Weight {
 public:
  Weight() = default;
  explicit Weight(Tensor value) : value_(std::move(value)), shape_(value_.shape()) {}
  // A matrix or a stack of them as its file has it, [stack * out, in]; frozen. `owner` keeps the bytes alive.
  Weight(const QuantMatrix& matrix, Shape shape, std::shared_ptr<const void> owner);

  Weight(StoredNumbers numbers, Shape shape) : frozen(true), stored_(std::move(numbers)), shape_(std::move(shape)) {}

  explicit operator bool() const { return !shape_.empty(); }  // has values
  const Tensor& value() const { return value_; }              // empty when quantised or left in a file
  const QuantMatrix* quant() const { return quant_.data != nullptr ? &quant_ : nullptr; }
  // Products round the other side to 8 bits too and multiply integers: their bits follow the number of rows.
  bool multiplies_integers() const;
  const Shape& shape() const { return shape_; }
  int64_t bytes() const;  // of the values, without packed copies
  // Values [first, first + out.size()) of the whole, whole rows of a matrix, as f32.
  void read(int64_t first, std::span<float> out) const;
  float* grad() const { return value_.grad(); }
  // A quantised stack of experts that is not to be read where its file is mapped: products ask `source` for the bytes.
  void stream_from(std::shared_ptr<ExpertSource> source) { source_ = std::move(source); }
  ExpertSource* source() const { return source_.get(); }  // null: the bytes are in memory
  bool frozen = false;                                    // has no gradient (inference, buffers)

  int64_t stack() const { return shape_.size() == 3 ? shape_[0] : 1; }
  int64_t out() const { return shape_[shape_.size() - 2]; }
  int64_t in() const { return shape_.back(); }

  // Rows of the value seen as [stack * out, in].
  struct Rows {
    int64_t first = 0, count = 0;
    auto operator<=>(const Rows&) const = default;
  };
  Rows matrix_rows(int64_t index = 0) const { return {index * out(), out()}; }
  MatrixView view(Rows rows) const;  // [count, in]; where there is a value()

  // c = a W^T with these rows ([M, in] -> [M, count]), or a W when `plain` ([M, count] -> [M, in]).
  Product product(const Context& ctx, const MatrixView& a, Rows rows, bool plain, float* c, int64_t c_stride,
                  bool accumulate = false) const;
  // product() reads packed copies, made on first use and kept. changed(): the values were written, they are stale.
  void changed();
  void drop_packed();  // and their memory goes

 private:
  struct Packed {
    PackedMatrix matrix;
    bool fresh = false;
  };
  const PackedMatrix& packed(const Context& ctx, Rows rows, bool transposed) const;
  Tensor value_;
  QuantMatrix quant_;
  StoredNumbers stored_;
  Shape shape_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<ExpertSource> source_;
  mutable std::map<std::pair<Rows, bool>, Packed> packed_;
};

}  // namespace hadal
