#include "ops/logits.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/ops.h"
#include "ops/rows/softmax_row.h"

namespace hadal {

LogSoftmax log_softmax_of(std::span<const float> logits, float temperature) {
  thread_local std::vector<float> copy;
  copy.assign(logits.begin(), logits.end());
  return softmax_in_place(copy.data(), static_cast<int64_t>(copy.size()), temperature).log;
}

LogitRange logit_range(std::span<const float> logits) {
  return logit_kernels().range(logits.data(), static_cast<int64_t>(logits.size()));
}

int64_t find_logit(std::span<const float> logits, float value) {
  return logit_kernels().find(logits.data(), static_cast<int64_t>(logits.size()), value);
}

void weigh_logits(std::span<const float> logits, const LogitFall& fall, std::span<double> sums) {
  HADAL_CHECK(static_cast<int64_t>(sums.size()) >= std::max<int64_t>(fall.buckets, kLogitSlack));
  logit_kernels().weigh(logits.data(), static_cast<int64_t>(logits.size()), fall, sums.data());
}

void count_logits(std::span<const float> logits, const LogitFall& fall, std::span<double> sums) {
  HADAL_CHECK(static_cast<int64_t>(sums.size()) >= std::max<int64_t>(fall.buckets, kLogitSlack));
  logit_kernels().count(logits.data(), static_cast<int64_t>(logits.size()), fall, sums.data());
}

int64_t gather_logits(std::span<const float> logits, const LogitFall& fall, int32_t begin, int32_t end,
                      std::span<int32_t> indices) {
  const int64_t room = static_cast<int64_t>(indices.size()) - kLogitSlack;
  HADAL_CHECK(room >= 0);
  return logit_kernels().gather(logits.data(), static_cast<int64_t>(logits.size()), fall, begin, end, room,
                                indices.data());
}

Tensor log_softmax(const Context& ctx, const Tensor& x, float temperature) {
  const int64_t n = x.cols();
  Tensor y(x.shape());
  parallel_rows(ctx, x.rows(), 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const std::span<const float> row(x.row(r), static_cast<size_t>(n));
      std::ranges::transform(row, y.row(r), log_softmax_of(row, temperature));
    }
  });
  if (ctx.tape == nullptr) return y;
  ctx.tape->push([ctx, x, y, n, temperature] {
    float* dx = x.grad();
    const float* dy = y.grad();
    parallel_rows(ctx, x.rows(), 8, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {  // (dy - softmax * sum(dy)) / temperature
        double sum = 0;
        for (int64_t i = r * n; i < (r + 1) * n; ++i) sum += dy[i];
        const auto total = static_cast<float>(sum);
        for (int64_t i = r * n; i < (r + 1) * n; ++i) dx[i] += (dy[i] - std::exp(y.f32()[i]) * total) / temperature;
      }
    });
  });
  return y;
}

std::vector<int32_t> argmax(const Context& ctx, const Tensor& x) {
  std::vector<int32_t> best(static_cast<size_t>(x.rows()));
  parallel_rows(ctx, x.rows(), 8, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const std::span<const float> row(x.row(r), static_cast<size_t>(x.cols()));
      best[static_cast<size_t>(r)] = static_cast<int32_t>(find_logit(row, logit_range(row).max));
    }
  });
  return best;
}

}  // namespace hadal
