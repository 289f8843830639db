// Ops on each number by itself: what the loss of a policy is written in. Their tensors hold a number a token, so they
// run on the calling thread.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"

namespace hadal {

Tensor exp(const Context& ctx, const Tensor& x) {
  Tensor y(x.shape());
  std::ranges::transform(x.values(), y.f32(), [](float v) { return std::exp(v); });
  if (ctx.tape != nullptr) {
    ctx.tape->push([x, y] {
      float* dx = x.grad();
      const float* dy = y.grad();
      for (int64_t i = 0; i < x.size(); ++i) dx[i] += dy[i] * y.f32()[i];
    });
  }
  return y;
}

Tensor multiply(const Context& ctx, const Tensor& a, const Tensor& b) {
  HADAL_CHECK(a.shape() == b.shape(), "{} and {}", shape_text(a.shape()), shape_text(b.shape()));
  Tensor y(a.shape());
  for (int64_t i = 0; i < y.size(); ++i) y.f32()[i] = a.f32()[i] * b.f32()[i];
  if (ctx.tape != nullptr) {
    ctx.tape->push([a, b, y] {
      float *da = a.grad(), *db = b.grad();
      const float* dy = y.grad();
      for (int64_t i = 0; i < y.size(); ++i) {
        da[i] += dy[i] * b.f32()[i];
        db[i] += dy[i] * a.f32()[i];
      }
    });
  }
  return y;
}

Tensor minimum(const Context& ctx, const Tensor& a, const Tensor& b) {
  HADAL_CHECK(a.shape() == b.shape(), "{} and {}", shape_text(a.shape()), shape_text(b.shape()));
  Tensor y(a.shape());
  for (int64_t i = 0; i < y.size(); ++i) y.f32()[i] = b.f32()[i] < a.f32()[i] ? b.f32()[i] : a.f32()[i];
  if (ctx.tape != nullptr) {
    ctx.tape->push([a, b, y] {
      float *da = a.grad(), *db = b.grad();
      const float* dy = y.grad();
      for (int64_t i = 0; i < y.size(); ++i) (b.f32()[i] < a.f32()[i] ? db : da)[i] += dy[i];
    });
  }
  return y;
}

Tensor clip(const Context& ctx, const Tensor& x, float low, float high) {
  HADAL_CHECK(low <= high, "from {} to {}", low, high);
  Tensor y(x.shape());
  std::ranges::transform(x.values(), y.f32(), [=](float v) { return std::clamp(v, low, high); });
  if (ctx.tape != nullptr) {
    ctx.tape->push([x, y, low, high] {
      float* dx = x.grad();
      const float* dy = y.grad();
      for (int64_t i = 0; i < x.size(); ++i)
        if (x.f32()[i] >= low && x.f32()[i] <= high) dx[i] += dy[i];
    });
  }
  return y;
}

double weighted_sum(const Context& ctx, const Tensor& x, std::span<const float> weights, float scale) {
  HADAL_CHECK(static_cast<size_t>(x.size()) == weights.size(), "{} weights for {}", weights.size(),
              shape_text(x.shape()));
  double sum = 0;
  for (int64_t i = 0; i < x.size(); ++i) sum += double{weights[static_cast<size_t>(i)]} * x.f32()[i];
  if (ctx.tape != nullptr) {
    ctx.tape->push([x, scale, weights = std::vector<float>(weights.begin(), weights.end())] {
      float* dx = x.grad();
      for (size_t i = 0; i < weights.size(); ++i) dx[i] += scale * weights[i];
    });
  }
  return sum;
}

}  // namespace hadal
