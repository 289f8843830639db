// The log-probability of each token's target, and the cross entropy: both go from hidden states through the head to a
// number a row, some hundred rows at a time, so that logits are never stored whole.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/ops.h"
#include "ops/rows/softmax_row.h"

namespace hadal {
namespace {

constexpr int64_t kChunk = 512;  // rows whose logits exist at the same time

struct HeadRowsChunk {
  Tensor x;       // [rows, hidden], as the product reads them
  Tensor logits;  // [rows, vocab]
};

// The logits of these rows of x.
HeadRowsChunk logits_of(const Context& ctx, const Tensor& x, const Weight& head, std::span<const int64_t> chosen,
                        bool rounded) {
  const int64_t hidden = x.cols(), rows = static_cast<int64_t>(chosen.size());
  HeadRowsChunk chunk{Tensor({rows, hidden}, rounded ? DType::bf16 : DType::f32), Tensor({rows, head.out()})};
  for (int64_t i = 0; i < rows; ++i) {
    const float* from = x.row(chosen[static_cast<size_t>(i)]);
    if (rounded)
      vec().to_bf16(from, chunk.x.bf16() + i * hidden, hidden);
    else
      std::memcpy(chunk.x.row(i), from, static_cast<size_t>(hidden) * 4);
  }
  const Product forward = head.product(ctx, chunk.x.view(), head.matrix_rows(), false, chunk.logits.f32(), head.out());
  gemm({&forward, 1}, ctx.precision, *ctx.pool);
  return chunk;
}

// chunk.logits holds the gradient by the logits: adds to the head's, and leaves that of the rows in dx [rows, hidden].
void backward_of_logits(const Context& ctx, const Weight& head, const HeadRowsChunk& chunk, float* dx) {
  const int64_t rows = chunk.logits.rows(), vocab = head.out(), hidden = head.in();
  Tensor d = chunk.logits;
  if (ctx.precision == Precision::bf16) {
    d = Tensor({rows, vocab}, DType::bf16);
    parallel_rows(ctx, rows, 8, [&](int64_t begin, int64_t end) {
      vec().to_bf16(chunk.logits.row(begin), d.bf16() + begin * vocab, (end - begin) * vocab);
    });
  }
  const Product to_x = head.product(ctx, d.view(), head.matrix_rows(), true, dx, hidden);
  gemm({&to_x, 1}, ctx.precision, *ctx.pool);
  if (head.frozen) return;
  const Product to_head{
      .a = d.view().transposed(), .b = chunk.x.view(), .c = head.grad(), .c_stride = hidden, .accumulate = true};
  gemm({&to_head, 1}, ctx.precision, *ctx.pool);
}

void add_rows(const Tensor& rows, std::span<const int64_t> chosen, const Tensor& to) {
  for (size_t i = 0; i < chosen.size(); ++i)
    vec().add(rows.row(static_cast<int64_t>(i)), to.grad() + chosen[i] * to.cols(), to.cols());
}

struct RowLoss {
  double loss = 0;
  bool correct = false;
};

// From logits to -log softmax(logits / temperature)[target]; leaves its gradient by the logits * factor in the row when
// asked to.
RowLoss row_loss(float* logits, int64_t vocab, int32_t target, float temperature, float factor, bool gradient) {
  const float at_target = logits[target];
  const SoftmaxRow row = softmax_in_place(logits, vocab, temperature);
  if (gradient) {
    const float scaled = factor * row.log.inverse;
    vec().scale(scaled / row.sum, logits, vocab);
    logits[target] -= scaled;
  }
  return {-row.log.exact(at_target), at_target >= row.max};
}

// Runs fn(chosen rows, their place) for a chunk of `used` at a time.
template <typename F>
void for_each_chunk(std::span<const int64_t> used, F&& fn) {
  const auto count = static_cast<int64_t>(used.size());
  for (int64_t first = 0; first < count; first += kChunk)
    fn(used.subspan(static_cast<size_t>(first), static_cast<size_t>(std::min(kChunk, count - first))), first);
}

}  // namespace

CrossEntropy linear_cross_entropy(const Context& ctx, const Tensor& x, const Weight& head,
                                  std::span<const int32_t> targets, std::span<const float> weights, float scale,
                                  float temperature) {
  const int64_t hidden = x.cols(), vocab = head.out();
  HADAL_CHECK(static_cast<size_t>(x.rows()) == targets.size() && targets.size() == weights.size() &&
              head.in() == hidden);
  std::vector<int64_t> used;
  for (int64_t t = 0; t < x.rows(); ++t)
    if (weights[static_cast<size_t>(t)] != 0) used.push_back(t);
  const bool train = ctx.tape != nullptr;
  CrossEntropy result{.used = static_cast<int64_t>(used.size())};
  Tensor dx_used({std::max<int64_t>(1, train ? result.used : 0), hidden});
  for_each_chunk(used, [&](std::span<const int64_t> chosen, int64_t first) {
    const HeadRowsChunk chunk = logits_of(ctx, x, head, chosen, ctx.precision == Precision::bf16);
    std::vector<RowLoss> losses(chosen.size());
    parallel_rows(ctx, chunk.logits.rows(), 8, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto t = static_cast<size_t>(chosen[static_cast<size_t>(i)]);
        HADAL_CHECK(targets[t] >= 0 && targets[t] < vocab);
        losses[static_cast<size_t>(i)] =
            row_loss(chunk.logits.row(i), vocab, targets[t], temperature, scale * weights[t], train);
      }
    });
    for (size_t i = 0; i < chosen.size(); ++i) {
      const double w = weights[static_cast<size_t>(chosen[i])];
      result.sum += w * losses[i].loss;
      result.weight += w;
      result.correct += losses[i].correct;
    }
    // The chunk's gradients at once, while its logits are here; the tape only passes dx on.
    if (train) backward_of_logits(ctx, head, chunk, dx_used.row(first));
  });
  if (train && !used.empty()) ctx.tape->push([x, dx_used, used = std::move(used)] { add_rows(dx_used, used, x); });
  return result;
}

namespace {

// As linear() reads its operand: a quantised head takes its own, finer, rounding.
bool rounds_operand(const Context& ctx, const Weight& head) {
  return ctx.precision == Precision::bf16 && head.quant() == nullptr;
}

// What log-probabilities are of. The logits are made again for the gradient: two products in place of memory for all.
struct TokenLogProbs {
  Context ctx;
  Tensor x;
  const Weight* head;
  std::vector<int32_t> targets;
  float temperature;

  void forward(const Tensor& y) const {
    std::vector<int64_t> used;
    for (size_t t = 0; t < targets.size(); ++t) {
      HADAL_CHECK(targets[t] < head->out());
      if (targets[t] >= 0) used.push_back(static_cast<int64_t>(t));
    }
    for_each_chunk(used, [&](std::span<const int64_t> chosen, int64_t) {
      const HeadRowsChunk chunk = logits_of(ctx, x, *head, chosen, rounds_operand(ctx, *head));
      parallel_rows(ctx, chunk.logits.rows(), 8, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t t = chosen[static_cast<size_t>(i)];
          y.f32()[t] = static_cast<float>(-loss_of(chunk, i, t, 0, false));
        }
      });
    });
  }

  void backward(const Tensor& y) const {
    const float* dy = y.grad();
    std::vector<int64_t> used;  // a token that adds nothing costs nothing
    for (size_t t = 0; t < targets.size(); ++t)
      if (targets[t] >= 0 && dy[t] != 0) used.push_back(static_cast<int64_t>(t));
    for_each_chunk(used, [&](std::span<const int64_t> chosen, int64_t) {
      const HeadRowsChunk chunk = logits_of(ctx, x, *head, chosen, rounds_operand(ctx, *head));
      parallel_rows(ctx, chunk.logits.rows(), 8, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t t = chosen[static_cast<size_t>(i)];
          loss_of(chunk, i, t, -dy[t], true);
        }
      });
      const Tensor dx({chunk.x.rows(), x.cols()});
      backward_of_logits(ctx, *head, chunk, dx.f32());
      add_rows(dx, chosen, x);
    });
  }

  double loss_of(const HeadRowsChunk& chunk, int64_t row, int64_t t, float factor, bool gradient) const {
    return row_loss(chunk.logits.row(row), head->out(), targets[static_cast<size_t>(t)], temperature, factor, gradient)
        .loss;
  }
};

}  // namespace

Tensor token_log_probs(const Context& ctx, const Tensor& hidden, const Weight& head, std::span<const int32_t> targets,
                       float temperature) {
  HADAL_CHECK(static_cast<size_t>(hidden.rows()) == targets.size() && head.in() == hidden.cols());
  const TokenLogProbs op{ctx, hidden, &head, {targets.begin(), targets.end()}, temperature};
  const Tensor y = Tensor::zeros({hidden.rows()});
  op.forward(y);
  if (ctx.tape != nullptr) ctx.tape->push([op, y] { op.backward(y); });
  return y;
}

}  // namespace hadal
