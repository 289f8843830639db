#include <cstring>

#include "kernels/vector.h"
#include "ops/ops.h"

namespace hadal {
namespace {

// x as the product reads it: rounded once to bf16 where the product would round it for every block, and kept that way
// for the backward at half the memory. Quantised weights take their own, finer, rounding.
Tensor operand(const Context& ctx, const Tensor& x, const Weight& w) {
  if (ctx.precision == Precision::f32 || x.dtype() == DType::bf16 || w.quant() != nullptr) return x;
  Tensor y(x.shape(), DType::bf16);
  const int64_t n = x.cols();
  parallel_rows(ctx, x.rows(), 64, [&](int64_t begin, int64_t end) {
    vec().to_bf16(x.row(begin), y.bf16() + begin * n, (end - begin) * n);
  });
  return y;
}

Tensor rounded_grad(const Context& ctx, const Tensor& y) {
  if (ctx.precision == Precision::f32) return {};
  Tensor d(y.shape(), DType::bf16);
  const int64_t n = y.cols();
  const float* dy = y.grad();
  parallel_rows(ctx, y.rows(), 64, [&](int64_t begin, int64_t end) {
    vec().to_bf16(dy + begin * n, d.bf16() + begin * n, (end - begin) * n);
  });
  return d;
}

MatrixView grad_view(const Tensor& y, const Tensor& rounded) {
  return rounded ? rounded.view() : MatrixView(y.grad(), y.rows(), y.cols(), y.cols());
}

MatrixView column_range(MatrixView m, int64_t first, int64_t count) {
  const int64_t element = m.is_bf16 ? 2 : 4;
  m.data = static_cast<const char*>(m.data) + first * m.col_stride * element;
  m.cols = count;
  return m;
}

void add_bias(const Context& ctx, const Tensor& y, const Weight& bias) {
  const int64_t n = y.cols();
  std::vector<float> copy;
  const float* b = nullptr;
  if (bias.value().dtype() == DType::bf16) {
    copy.resize(static_cast<size_t>(n));
    vec().to_f32(bias.value().bf16(), copy.data(), n);
    b = copy.data();
  } else {
    b = bias.value().f32();
  }
  for (int64_t r = 0; r < y.rows(); ++r) vec().add(b, y.row(r), n);
  if (ctx.tape != nullptr && !bias.frozen) {
    ctx.tape->push([bias = &bias, y, n] {
      for (int64_t r = 0; r < y.rows(); ++r) vec().add(y.grad() + r * n, bias->grad(), n);
    });
  }
}

}  // namespace

namespace {

void push_linear(const Context& ctx, const Tensor& x, const Tensor& a, const Weight* w, const Tensor& y) {
  ctx.tape->push([ctx, x, a, w, y] {
    const Tensor rounded = rounded_grad(ctx, y);
    const MatrixView dy = grad_view(y, rounded);
    const Product dx = w->product(ctx, dy, w->matrix_rows(), true, x.grad(), w->in(), true);
    gemm({&dx, 1}, ctx.precision, *ctx.pool);
    if (w->frozen) return;
    const Product dw{.a = dy.transposed(), .b = a.view(), .c = w->grad(), .c_stride = w->in(), .accumulate = true};
    gemm({&dw, 1}, ctx.precision, *ctx.pool);
  });
}

}  // namespace

std::vector<Tensor> linears(const Context& ctx, const Tensor& x, std::span<const Weight* const> ws,
                            std::span<const Weight* const> biases) {
  HADAL_CHECK(biases.empty() || biases.size() == ws.size());
  std::vector<Tensor> ys;
  std::vector<Product> plain, quantised;
  std::vector<Tensor> operands;
  Tensor rounded;
  for (const Weight* w : ws) {
    HADAL_CHECK(x.cols() == w->in(), "{} times the transpose of {}", shape_text(x.shape()), shape_text(w->shape()));
    if (w->quant() == nullptr && !rounded) rounded = operand(ctx, x, *w);
    const Tensor& a = w->quant() == nullptr ? rounded : x;
    const Tensor& y = ys.emplace_back(Shape{x.rows(), w->out()});
    operands.push_back(a);
    (w->quant() == nullptr ? plain : quantised)
        .push_back(w->product(ctx, a.view(), w->matrix_rows(), false, y.f32(), w->out()));
  }
  if (!plain.empty()) gemm(plain, ctx.precision, *ctx.pool);
  if (!quantised.empty()) gemm(quantised, ctx.precision, *ctx.pool);
  for (size_t i = 0; i < ws.size(); ++i) {
    if (ctx.tape != nullptr) push_linear(ctx, x, operands[i], ws[i], ys[i]);
    if (!biases.empty() && biases[i] != nullptr) add_bias(ctx, ys[i], *biases[i]);
  }
  return ys;
}

Tensor linear(const Context& ctx, const Tensor& x, const Weight& w, const Weight* bias) {
  const Weight* one = &w;
  return linears(ctx, x, {&one, 1}, {&bias, 1})[0];
}

Tensor head_linear(const Context& ctx, const Tensor& x, const Weight& w, const HeadRows& rows) {
  const int64_t n = x.rows(), heads = rows.heads, per_head = w.stack() * w.out() / heads;
  HADAL_CHECK(rows.first + rows.count <= per_head);
  const int64_t in = rows.transposed ? rows.count : w.in(), out = rows.transposed ? w.in() : rows.count;
  HADAL_CHECK(x.cols() == heads * in, "{} through {}", shape_text(x.shape()), shape_text(w.shape()));
  auto head_rows = [=](int64_t h) { return Weight::Rows{h * per_head + rows.first, rows.count}; };
  const Tensor a = operand(ctx, x, w);
  Tensor y({n, heads * out});
  std::vector<Product> products;
  for (int64_t h = 0; h < heads; ++h) {
    products.push_back(w.product(ctx, column_range(a.view(), h * in, in), head_rows(h), rows.transposed,
                                 y.f32() + h * out, heads * out));
  }
  gemm(products, ctx.precision, *ctx.pool);
  if (ctx.tape == nullptr) return y;
  ctx.tape->push([=, w = &w] {
    const Tensor rounded = rounded_grad(ctx, y);
    std::vector<Product> dx, dw;
    for (int64_t h = 0; h < heads; ++h) {
      const MatrixView dy = column_range(grad_view(y, rounded), h * out, out), xh = column_range(a.view(), h * in, in);
      dx.push_back(w->product(ctx, dy, head_rows(h), !rows.transposed, x.grad() + h * in, heads * in, true));
      if (w->frozen) continue;
      float* to = w->grad() + head_rows(h).first * w->in();
      if (rows.transposed)
        dw.push_back({.a = xh.transposed(), .b = dy, .c = to, .c_stride = w->in(), .accumulate = true});
      else
        dw.push_back({.a = dy.transposed(), .b = xh, .c = to, .c_stride = w->in(), .accumulate = true});
    }
    gemm(dx, ctx.precision, *ctx.pool);
    gemm(dw, ctx.precision, *ctx.pool);
  });
  return y;
}

}  // namespace hadal
