// What mixers and forecasters are made of beside products: a transpose within groups, layer norm, GELU.
#include <cmath>

#include "kernels/vector.h"
#include "ops/ops.h"

namespace hadal {
namespace {

// to[c][r] (+)= from[r][c]
template <bool accumulate>
void transpose_one(const float* from, int64_t rows, int64_t cols, float* to) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      if constexpr (accumulate)
        to[c * rows + r] += from[r * cols + c];
      else
        to[c * rows + r] = from[r * cols + c];
    }
  }
}

constexpr int64_t kRun = 256;  // rows whose sums for weight and bias are added up before they meet the others'

struct LayerNorm {
  Context ctx;
  Tensor x, y, normal;  // normal: (x - mean) / deviation
  const Weight *weight, *bias;
  std::vector<float> inverse;  // 1 / deviation of each row

  void forward(float eps) {
    const int64_t n = x.cols();
    const std::vector<float> ones(static_cast<size_t>(n), 1.0f);
    parallel_rows(ctx, x.rows(), 64, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const float *from = x.row(r), *w = weight->value().f32(), *b = bias->value().f32();
        float *z = normal.row(r), *to = y.row(r);
        const float mean = vec().dot(from, ones.data(), n) / static_cast<float>(n);
        for (int64_t i = 0; i < n; ++i) z[i] = from[i] - mean;
        const float inv = 1 / std::sqrt(vec().sum_squares(z, n) / static_cast<float>(n) + eps);
        inverse[static_cast<size_t>(r)] = inv;
        vec().scale(inv, z, n);
        for (int64_t i = 0; i < n; ++i) to[i] = z[i] * w[i] + b[i];
      }
    });
  }

  // With g = dy * weight: dx = (g - mean(g) - normal * mean(g * normal)) / deviation.
  void backward() const {
    const int64_t n = x.cols(), runs = (x.rows() + kRun - 1) / kRun;
    const std::vector<float> ones(static_cast<size_t>(n), 1.0f);
    std::vector<float> partial(static_cast<size_t>(runs * 2 * n), 0.0f);  // of weight and bias, added in order of runs
    float* dx = x.grad();
    const float* dy = y.grad();
    parallel_rows(ctx, x.rows(), kRun, [&](int64_t begin, int64_t end) {
      float *dw = partial.data() + begin / kRun * 2 * n, *db = dw + n;
      std::vector<float> g(static_cast<size_t>(n));
      for (int64_t r = begin; r < end; ++r) {
        const float *d = dy + r * n, *z = normal.row(r), inv = inverse[static_cast<size_t>(r)];
        vec().mul(d, weight->value().f32(), g.data(), n);
        const float mean = vec().dot(g.data(), ones.data(), n) / static_cast<float>(n);
        const float slope = vec().dot(g.data(), z, n) / static_cast<float>(n);
        for (int64_t i = 0; i < n; ++i) {
          dx[r * n + i] += inv * (g[static_cast<size_t>(i)] - mean - slope * z[i]);
          dw[i] += d[i] * z[i];
        }
        vec().add(d, db, n);
      }
    });
    for (int64_t run = 0; run < runs; ++run) {
      if (!weight->frozen) vec().add(partial.data() + run * 2 * n, weight->grad(), n);
      if (!bias->frozen) vec().add(partial.data() + (run * 2 + 1) * n, bias->grad(), n);
    }
  }
};

// x s(u(x)) with s the sigmoid: 2 sqrt(2 / pi) (x + 0.044715 x^3) in place of the error function's argument.
constexpr float kSlope = 1.5957691216057308f, kCubic = 0.044715f;

}  // namespace

Tensor transpose_groups(const Context& ctx, const Tensor& x, int64_t rows) {
  HADAL_CHECK(rows > 0 && x.rows() % rows == 0, "groups of {} rows in {}", rows, shape_text(x.shape()));
  const int64_t groups = x.rows() / rows, cols = x.cols(), size = rows * cols;
  const int64_t grain = 1 + (1 << 12) / size;
  Tensor y({groups * cols, rows});
  parallel_rows(ctx, groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) transpose_one<false>(x.f32() + g * size, rows, cols, y.f32() + g * size);
  });
  if (ctx.tape != nullptr) {
    ctx.tape->push([=] {
      float* dx = x.grad();
      const float* dy = y.grad();
      parallel_rows(ctx, groups, grain, [&](int64_t begin, int64_t end) {
        for (int64_t g = begin; g < end; ++g) transpose_one<true>(dy + g * size, cols, rows, dx + g * size);
      });
    });
  }
  return y;
}

Tensor layer_norm(const Context& ctx, const Tensor& x, const Weight& weight, const Weight& bias, float eps) {
  HADAL_CHECK(weight.value().size() == x.cols() && bias.value().size() == x.cols(), "{} normalised by {}",
              shape_text(x.shape()), shape_text(weight.shape()));
  LayerNorm op{ctx, x, Tensor(x.shape()), Tensor(x.shape()), &weight, &bias, std::vector<float>(x.rows())};
  op.forward(eps);
  const Tensor y = op.y;
  if (ctx.tape != nullptr) ctx.tape->push([op = std::move(op)] { op.backward(); });
  return y;
}

Tensor gelu(const Context& ctx, const Tensor& x) {
  Tensor y(x.shape()), gate(x.shape());
  const int64_t n = x.cols();
  parallel_rows(ctx, x.rows(), 64, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * n, count = (end - begin) * n;
    const float* from = x.f32() + first;
    float *s = gate.f32() + first, *to = y.f32() + first;
    for (int64_t i = 0; i < count; ++i) s[i] = kSlope * (from[i] + kCubic * from[i] * from[i] * from[i]);
    vec().sigmoid(s, s, count);
    vec().mul(from, s, to, count);
  });
  if (ctx.tape != nullptr) {
    ctx.tape->push([=] {
      float* dx = x.grad();
      const float* dy = y.grad();
      parallel_rows(ctx, x.rows(), 64, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin * n; i < end * n; ++i) {
          const float v = x.f32()[i], s = gate.f32()[i];
          dx[i] += dy[i] * (s + v * s * (1 - s) * kSlope * (1 + 3 * kCubic * v * v));
        }
      });
    });
  }
  return y;
}

}  // namespace hadal
