#include "ops/tensor.h"

#include <fmt/ranges.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>

#include "base/memory.h"

namespace hadal {
namespace {

// Freed buffers, kept by size for the next tensor of the same size class.
class BufferPool {
 public:
  std::shared_ptr<void> take(size_t num_bytes) {
#if defined(__SANITIZE_ADDRESS__)  // a buffer of its own each time, so that the sanitizer sees its bounds and its end
    return {::operator new (num_bytes, std::align_val_t{64}),
            [](void* p) { ::operator delete (p, std::align_val_t{64}); }};
#endif
    const size_t size = size_class(num_bytes);
    void* p = nullptr;
    {
      std::lock_guard lock(mutex_);
      auto& list = free_[size];
      if (!list.empty()) {
        p = list.back();
        list.pop_back();
      }
    }
    if (p == nullptr) p = take_aligned(size);
    if (p == nullptr) fail("out of memory: a tensor needs {} bytes more than this machine gives", size);
    return {p, [this, size](void* q) { give(q, size); }};
  }

 private:
  // Powers of two in four steps each: at most a quarter is wasted, and shapes that vary a little share buffers.
  static size_t size_class(size_t num_bytes) {
    size_t size = 256;
    while (size < num_bytes) size *= 2;
    for (int quarter = 5; quarter < 8 && size > 1024; ++quarter)
      if (size / 8 * static_cast<size_t>(quarter) >= num_bytes)
        return (size / 8 * static_cast<size_t>(quarter) + 63) / 64 * 64;
    return size;
  }
  void give(void* p, size_t size) {
    std::lock_guard lock(mutex_);
    free_[size].push_back(p);
  }
  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> free_;
};

BufferPool& pool() {
  static auto* instance = new BufferPool;  // never destroyed: tensors in static storage may outlive it
  return *instance;
}

}  // namespace

std::string shape_text(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

int64_t num_elements(const Shape& shape) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  return n;
}

Tensor::Tensor(Shape shape, DType dtype) : impl_(std::make_shared<Impl>()) {
  impl_->size = num_elements(shape);
  HADAL_CHECK(impl_->size >= 0, "shape {}", shape_text(shape));
  impl_->shape = std::move(shape);
  impl_->dtype = dtype;
  impl_->data = pool().take(static_cast<size_t>(impl_->size) * (dtype == DType::f32 ? 4 : 2));
  impl_->grad = std::make_shared<std::shared_ptr<float>>();
}

Tensor Tensor::zeros(Shape shape) {
  Tensor t(std::move(shape));
  std::memset(t.f32(), 0, static_cast<size_t>(t.size()) * 4);
  return t;
}

Tensor Tensor::from(Shape shape, std::span<const float> values) {
  Tensor t(std::move(shape));
  HADAL_CHECK(static_cast<size_t>(t.size()) == values.size());
  std::memcpy(t.f32(), values.data(), values.size_bytes());
  return t;
}

Tensor Tensor::reshaped(Shape shape) const {
  HADAL_CHECK(num_elements(shape) == size(), "{} as {}", shape_text(this->shape()), shape_text(shape));
  Tensor t;
  t.impl_ = std::make_shared<Impl>(*impl_);
  t.impl_->shape = std::move(shape);
  return t;
}

MatrixView Tensor::view() const {
  if (dtype() == DType::f32) return {f32(), rows(), cols(), cols()};
  return {bf16(), rows(), cols(), cols()};
}

float* Tensor::grad() const {
  auto& grad = *impl_->grad;
  if (grad == nullptr) {
    const size_t num_bytes = static_cast<size_t>(size()) * 4;
    grad = std::static_pointer_cast<float>(pool().take(num_bytes));
    std::memset(grad.get(), 0, num_bytes);
  }
  return grad.get();
}

void Tensor::drop_grad() const { impl_->grad->reset(); }

}  // namespace hadal
