#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/vector.h"
#include "ops/ops.h"

namespace hadal {
namespace {

constexpr int64_t kChunk = 512;  // rows whose logits exist at the same time

struct RowLoss {
  double loss = 0;
  bool correct = false;
};

// From logits to the loss; leaves d(loss)/d(logits) * factor in the row when asked to.
RowLoss row_loss(float* logits, int64_t vocab, int32_t target, float factor, bool gradient) {
  const float at_target = logits[target];
  float max = 0;
  const float sum = vec().exp_shifted(logits, 1.0f, vocab, &max);
  const RowLoss result{std::log(double{sum}) + max - at_target, at_target >= max};
  if (gradient) {
    vec().scale(factor / sum, logits, vocab);
    logits[target] -= factor;
  }
  return result;
}

}  // namespace

CrossEntropy linear_cross_entropy(const Context& ctx, const Tensor& x, const Weight& head,
                                  std::span<const int32_t> targets, std::span<const float> weights, float scale) {
  const int64_t hidden = x.cols(), vocab = head.out();
  HADAL_CHECK(static_cast<size_t>(x.rows()) == targets.size() && targets.size() == weights.size() &&
              head.in() == hidden);
  std::vector<int64_t> used;
  for (int64_t t = 0; t < x.rows(); ++t)
    if (weights[static_cast<size_t>(t)] != 0) used.push_back(t);
  const bool train = ctx.tape != nullptr;
  const int64_t count = static_cast<int64_t>(used.size());
  Tensor dx_used({std::max<int64_t>(1, train ? count : 0), hidden});
  CrossEntropy result;
  const bool rounded = ctx.precision == Precision::bf16;
  for (int64_t first = 0; first < count; first += kChunk) {
    const int64_t rows = std::min(kChunk, count - first);
    Tensor xs({rows, hidden}, rounded ? DType::bf16 : DType::f32), logits({rows, vocab});
    for (int64_t i = 0; i < rows; ++i) {
      const float* from = x.row(used[static_cast<size_t>(first + i)]);
      if (rounded)
        vec().to_bf16(from, xs.bf16() + i * hidden, hidden);
      else
        std::memcpy(xs.row(i), from, static_cast<size_t>(hidden) * 4);
    }
    const Product forward = head.product(ctx, xs.view(), head.matrix_rows(), false, logits.f32(), vocab);
    gemm({&forward, 1}, ctx.precision, *ctx.pool);
    std::vector<RowLoss> losses(static_cast<size_t>(rows));
    parallel_rows(ctx, rows, 8, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto t = static_cast<size_t>(used[static_cast<size_t>(first + i)]);
        HADAL_CHECK(targets[t] >= 0 && targets[t] < vocab);
        losses[static_cast<size_t>(i)] = row_loss(logits.row(i), vocab, targets[t], scale * weights[t], train);
      }
    });
    for (int64_t i = 0; i < rows; ++i) {
      const double w = weights[static_cast<size_t>(used[static_cast<size_t>(first + i)])];
      result.sum += w * losses[static_cast<size_t>(i)].loss;
      result.weight += w;
      result.correct += losses[static_cast<size_t>(i)].correct;
    }
    if (!train) continue;
    // The chunk's gradients at once, while its logits are here; the tape only passes dx on.
    Tensor d = logits;
    if (rounded) {
      d = Tensor({rows, vocab}, DType::bf16);
      parallel_rows(ctx, rows, 8, [&](int64_t begin, int64_t end) {
        vec().to_bf16(logits.row(begin), d.bf16() + begin * vocab, (end - begin) * vocab);
      });
    }
    const Product dx = head.product(ctx, d.view(), head.matrix_rows(), true, dx_used.row(first), hidden);
    gemm({&dx, 1}, ctx.precision, *ctx.pool);
    if (head.frozen) continue;
    const Product dw{
        .a = d.view().transposed(), .b = xs.view(), .c = head.grad(), .c_stride = hidden, .accumulate = true};
    gemm({&dw, 1}, ctx.precision, *ctx.pool);
  }
  if (train && count > 0) {
    ctx.tape->push([x, dx_used, used = std::move(used), hidden] {
      float* dx = x.grad();
      for (size_t i = 0; i < used.size(); ++i)
        vec().add(dx_used.row(static_cast<int64_t>(i)), dx + used[i] * hidden, hidden);
    });
  }
  return result;
}

}  // namespace hadal
