// Dense row-major tensors. A Tensor is a handle: copies share the values. Memory comes from a pool and goes back to it
// with the last handle, so a training step allocates nothing after the first. Not safe to change from two threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bf16.h"
#include "base/error.h"
#include "kernels/gemm.h"

namespace hadal {

using Shape = std::vector<int64_t>;

std::string shape_text(const Shape& shape);  // "[2, 3]"
int64_t num_elements(const Shape& shape);

enum class DType { f32, bf16 };

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Shape shape, DType dtype = DType::f32);  // uninitialised
  static Tensor zeros(Shape shape);
  static Tensor from(Shape shape, std::span<const float> values);

  explicit operator bool() const { return impl_ != nullptr; }
  const Shape& shape() const { return impl_->shape; }
  DType dtype() const { return impl_->dtype; }
  int64_t dim(int i) const {
    return impl_->shape[static_cast<size_t>(i < 0 ? i + static_cast<int>(impl_->shape.size()) : i)];
  }
  int64_t size() const { return impl_->size; }
  int64_t cols() const { return dim(-1); }
  int64_t rows() const { return cols() == 0 ? 0 : size() / cols(); }
  Tensor reshaped(Shape shape) const;  // the same values; gradients are shared too

  float* f32() const {
    HADAL_CHECK(impl_->dtype == DType::f32);
    return static_cast<float*>(impl_->data.get());
  }
  Bf16* bf16() const {
    HADAL_CHECK(impl_->dtype == DType::bf16);
    return static_cast<Bf16*>(impl_->data.get());
  }
  std::span<float> values() const { return {f32(), static_cast<size_t>(size())}; }
  float* row(int64_t r) const { return f32() + r * cols(); }
  MatrixView view() const;  // [rows, cols]

  // The gradient of the loss by this tensor, f32, same shape; zeros when first asked for.
  float* grad() const;
  bool has_grad() const { return impl_->grad != nullptr && *impl_->grad != nullptr; }
  void drop_grad() const;

 private:
  struct Impl {
    Shape shape;
    DType dtype = DType::f32;
    int64_t size = 0;
    std::shared_ptr<void> data;
    std::shared_ptr<std::shared_ptr<float>> grad;  // shared by reshaped handles
  };
  std::shared_ptr<Impl> impl_;
};

}  // namespace hadal
