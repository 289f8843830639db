#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/vector.h"
#include "ops/ops.h"

namespace hadal {

Tensor rms_norm(const Context& ctx, const Tensor& x, const Weight& weight, float eps) {
  const int64_t n = weight.value().size();
  HADAL_CHECK(x.cols() % n == 0, "{} normalised by {}", shape_text(x.shape()), shape_text(weight.shape()));
  const int64_t rows = x.size() / n;
  std::vector<float> converted;
  if (weight.value().dtype() == DType::bf16) {
    converted.resize(static_cast<size_t>(n));
    vec().to_f32(weight.value().bf16(), converted.data(), n);
  }
  const float* w = converted.empty() ? weight.value().f32() : converted.data();
  Tensor y(x.shape());
  std::vector<float> inv_rms(static_cast<size_t>(rows));
  parallel_rows(ctx, rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      inv_rms[static_cast<size_t>(r)] = vec().rms_norm(x.f32() + r * n, w, eps, y.f32() + r * n, n);
  });
  if (ctx.tape == nullptr) return y;
  ctx.tape->push([ctx, x, weight = &weight, y, inv_rms = std::move(inv_rms), rows, n] {
    // Partial sums of the weight's gradient by runs of rows, added in order: the same bits for any number of threads.
    constexpr int64_t kRun = 256;
    const int64_t runs = (rows + kRun - 1) / kRun;
    std::vector<float> partial(static_cast<size_t>(runs * n), 0.0f);
    float* dx = x.grad();
    const float* dy = y.grad();
    parallel_rows(ctx, rows, kRun, [&](int64_t begin, int64_t end) {
      float* dw = partial.data() + begin / kRun * n;
      for (int64_t r = begin; r < end; ++r)
        vec().rms_norm_backward(x.f32() + r * n, weight->value().f32(), inv_rms[static_cast<size_t>(r)], dy + r * n,
                                dx + r * n, dw, n);
    });
    if (weight->frozen) return;
    for (int64_t run = 0; run < runs; ++run) vec().add(partial.data() + run * n, weight->grad(), n);
  });
  return y;
}

std::shared_ptr<const Rope::Table> Rope::table(int64_t positions) const {
  if (made == nullptr) made = std::make_shared<Table>();
  const auto half = inv_freq.size();
  for (size_t p = half == 0 ? 0 : made->cosine.size() / half; half > 0 && p < static_cast<size_t>(positions); ++p) {
    for (const float frequency : inv_freq) {
      const double angle = double{frequency} * static_cast<double>(p);
      made->cosine.push_back(static_cast<float>(std::cos(angle) * attention_factor));
      made->sine.push_back(static_cast<float>(std::sin(angle) * attention_factor));
    }
  }
  return made;
}

namespace {

// Rotates the last 2 * half values of each head of a token by its angles; `direction` -1 rotates back (transpose).
struct Turner {
  int64_t heads, head_dim, half;
  bool interleaved;

  void turn(const float* x, float* y, const float* cosine, const float* sine, float direction) const {
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t at = h * head_dim + head_dim - 2 * half;
      for (int64_t i = 0; i < half; ++i) {
        const int64_t a = at + (interleaved ? 2 * i : i), b = interleaved ? a + 1 : a + half;
        const float xa = x[a], xb = x[b], si = direction * sine[i];
        y[a] += xa * cosine[i] - xb * si;
        y[b] += xb * cosine[i] + xa * si;
      }
    }
  }
};

}  // namespace

Tensor rope(const Context& ctx, const Tensor& x, int64_t heads, const Rope& rope, std::span<const int32_t> positions) {
  const int64_t rows = x.rows(), n = x.cols(), half = static_cast<int64_t>(rope.inv_freq.size());
  HADAL_CHECK(n % heads == 0 && static_cast<size_t>(rows) == positions.size());
  const Turner turner{heads, n / heads, half, rope.interleaved};
  HADAL_CHECK(turner.head_dim >= 2 * half);
  int32_t last = -1;
  for (const int32_t p : positions) {
    HADAL_CHECK(p >= 0);
    last = std::max(last, p);
  }
  const auto table = rope.table(int64_t{last} + 1);
  Tensor y(x.shape());
  parallel_rows(ctx, rows, 64, [&](int64_t begin, int64_t end) {
    std::memcpy(y.row(begin), x.row(begin), static_cast<size_t>((end - begin) * n) * 4);
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t h = 0; h < heads; ++h)  // turn() adds
        std::memset(y.row(t) + (h + 1) * turner.head_dim - 2 * half, 0, static_cast<size_t>(2 * half) * 4);
      const int64_t at = positions[static_cast<size_t>(t)] * half;
      turner.turn(x.row(t), y.row(t), table->cosine.data() + at, table->sine.data() + at, 1.0f);
    }
  });
  if (ctx.tape != nullptr) {
    ctx.tape->push(
        [ctx, x, y, turner, table, rows, n, positions = std::vector<int32_t>(positions.begin(), positions.end())] {
          float* dx = x.grad();
          const float* dy = y.grad();
          const int64_t plain = turner.head_dim - 2 * turner.half;
          parallel_rows(ctx, rows, 64, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin * turner.heads; i < end * turner.heads && plain > 0; ++i)
              vec().add(dy + i * turner.head_dim, dx + i * turner.head_dim, plain);
            for (int64_t t = begin; t < end; ++t) {
              const int64_t at = positions[static_cast<size_t>(t)] * turner.half;
              turner.turn(dy + t * n, dx + t * n, table->cosine.data() + at, table->sine.data() + at, -1.0f);
            }
          });
        });
  }
  return y;
}

}  // namespace hadal
