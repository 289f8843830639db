// Mixture of experts: which experts each token goes to, and their networks as one grouped product.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "kernels/vector.h"
#include "ops/expert_source.h"
#include "ops/ops.h"

namespace hadal {
namespace {

// Scores of one token: sigmoid or softmax of its logits.
void score(const float* logits, float* s, int64_t n, bool sigmoid) {
  if (sigmoid) {
    vec().sigmoid(logits, s, n);
    return;
  }
  std::memcpy(s, logits, static_cast<size_t>(n) * 4);
  float max = 0;
  const float sum = vec().exp_shifted(s, 1.0f, n, &max);
  vec().scale(1.0f / sum, s, n);
}

// The top_k experts of one token by score + bias, best first; ties go to the lower index.
void choose(const float* s, const float* bias, const RouterOptions& o, int32_t* chosen, std::vector<float>& choice,
            std::vector<int32_t>& order) {
  choice.resize(static_cast<size_t>(o.experts));
  for (int64_t e = 0; e < o.experts; ++e) choice[static_cast<size_t>(e)] = s[e] + (bias != nullptr ? bias[e] : 0.0f);
  if (o.groups > 1) {
    const int64_t size = o.experts / o.groups;
    std::vector<float> group_score(static_cast<size_t>(o.groups));
    for (int64_t g = 0; g < o.groups; ++g) {
      float best = -INFINITY, second = -INFINITY;
      for (int64_t e = g * size; e < (g + 1) * size; ++e) {
        const float c = choice[static_cast<size_t>(e)];
        if (c > best)
          second = std::exchange(best, c);
        else
          second = std::max(second, c);
      }
      group_score[static_cast<size_t>(g)] = o.group_by_top2 && size > 1 ? best + second : best;
    }
    order.resize(static_cast<size_t>(o.groups));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return group_score[static_cast<size_t>(a)] > group_score[static_cast<size_t>(b)];
    });
    for (size_t i = static_cast<size_t>(o.top_groups); i < order.size(); ++i)
      std::fill_n(choice.begin() + order[i] * size, size, -INFINITY);
  }
  order.resize(static_cast<size_t>(o.experts));
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + o.top_k, order.end(), [&](int32_t a, int32_t b) {
    const float ca = choice[static_cast<size_t>(a)], cb = choice[static_cast<size_t>(b)];
    return ca != cb ? ca > cb : a < b;
  });
  std::copy_n(order.begin(), o.top_k, chosen);
}

// d loss / d logits from d loss / d scores.
void score_backward(const float* s, const float* ds, float* d_logits, int64_t n, bool sigmoid) {
  if (sigmoid) {
    for (int64_t e = 0; e < n; ++e) d_logits[e] += ds[e] * s[e] * (1 - s[e]);
    return;
  }
  float dot = 0;
  for (int64_t e = 0; e < n; ++e) dot += ds[e] * s[e];
  for (int64_t e = 0; e < n; ++e) d_logits[e] += s[e] * (ds[e] - dot);
}

// Sigmoids can all underflow; then the sums that scores are divided by are this instead of 0.
constexpr float kLeastSum = 1e-20f;

// f_i of the balance loss, one row a sequence: how often expert i was chosen, relative to an even share.
std::vector<float> chosen_share(const RouterOptions& o, const std::vector<int32_t>& experts,
                                std::span<const int32_t> offsets) {
  const size_t sequences = offsets.size() - 1;
  std::vector<float> f(sequences * static_cast<size_t>(o.experts), 0.0f);
  for (size_t q = 0; q < sequences; ++q) {
    const int64_t length = offsets[q + 1] - offsets[q];
    if (length == 0) continue;
    const float unit = static_cast<float>(o.experts) / static_cast<float>(o.top_k * length);
    for (int64_t i = offsets[q] * o.top_k; i < offsets[q + 1] * o.top_k; ++i)
      f[q * static_cast<size_t>(o.experts) + static_cast<size_t>(experts[static_cast<size_t>(i)])] += unit;
  }
  return f;
}

double balance_loss_of(const RouterOptions& o, const Tensor& s, const std::vector<float>& f,
                       std::span<const int32_t> offsets) {
  double loss = 0;  // mean over tokens of sum_i f_i * s'_i: the sequences' losses weighted by their lengths
  for (size_t q = 0; q + 1 < offsets.size(); ++q) {
    const float* share = f.data() + q * static_cast<size_t>(o.experts);
    for (int64_t t = offsets[q]; t < offsets[q + 1]; ++t) {
      double sum = 0, weighted = 0;
      for (int64_t e = 0; e < o.experts; ++e) {
        sum += s.row(t)[e];
        weighted += double{s.row(t)[e]} * share[e];
      }
      loss += weighted / (sum + double{kLeastSum});
    }
  }
  return loss / static_cast<double>(std::max<int64_t>(1, s.rows()));
}

}  // namespace

Routing route(const Context& ctx, const Tensor& logits, const Weight* bias, const RouterOptions& options,
              std::span<const int32_t> offsets, float balance_weight, double* balance_loss) {
  const int64_t tokens = logits.rows(), n = options.experts, k = options.top_k;
  HADAL_CHECK(logits.cols() == n && k >= 1 && k <= n && n % options.groups == 0);
  HADAL_CHECK(options.groups == 1 || options.top_groups * (n / options.groups) >= k);
  Routing r{std::vector<int32_t>(static_cast<size_t>(tokens * k)), Tensor({tokens, k}),
            std::vector<int64_t>(static_cast<size_t>(n), 0)};
  const float* added = bias != nullptr && bias->value() ? bias->value().f32() : nullptr;
  Tensor s({tokens, n}), sums({tokens, 1});  // sums: of the chosen scores
  parallel_rows(ctx, tokens, 64, [&](int64_t begin, int64_t end) {
    std::vector<float> choice;
    std::vector<int32_t> order;
    for (int64_t t = begin; t < end; ++t) {
      score(logits.row(t), s.row(t), n, options.sigmoid);
      int32_t* chosen = r.experts.data() + t * k;
      choose(s.row(t), added, options, chosen, choice, order);
      float sum = kLeastSum;
      for (int64_t j = 0; j < k; ++j) sum += s.row(t)[chosen[j]];
      sums.row(t)[0] = sum;
      const float factor = options.normalise ? options.scale / sum : options.scale;
      for (int64_t j = 0; j < k; ++j) r.weights.row(t)[j] = s.row(t)[chosen[j]] * factor;
    }
  });
  for (int32_t e : r.experts) ++r.load[static_cast<size_t>(e)];
  std::vector<float> f;
  if (balance_weight > 0) {
    f = chosen_share(options, r.experts, offsets);
    if (balance_loss != nullptr) *balance_loss += balance_loss_of(options, s, f, offsets);
  }
  if (ctx.tape == nullptr) return r;
  ctx.tape->push([=, experts = r.experts, weights = r.weights, f = std::move(f),
                  offsets = std::vector<int32_t>(offsets.begin(), offsets.end())] {
    const bool weighted = weights.has_grad();
    std::vector<float> ds(static_cast<size_t>(n));
    size_t q = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      std::fill(ds.begin(), ds.end(), 0.0f);
      const float *row = s.row(t), sum = sums.row(t)[0];
      if (weighted) {
        const float* dw = weights.grad() + t * k;
        float mean = 0;  // normalised weights: d(s_j / sum) has a common part
        if (options.normalise)
          for (int64_t j = 0; j < k; ++j) mean += dw[j] * row[experts[static_cast<size_t>(t * k + j)]] / sum;
        for (int64_t j = 0; j < k; ++j)
          ds[static_cast<size_t>(experts[static_cast<size_t>(t * k + j)])] +=
              options.normalise ? options.scale * (dw[j] - mean) / sum : options.scale * dw[j];
      }
      if (!f.empty()) {
        while (t >= offsets[q + 1]) ++q;
        const float* share = f.data() + q * static_cast<size_t>(n);
        float total = 0, mean = 0;
        for (int64_t e = 0; e < n; ++e) total += row[e];
        total += kLeastSum;
        for (int64_t e = 0; e < n; ++e) mean += share[e] * row[e] / total;
        for (int64_t e = 0; e < n; ++e)
          ds[static_cast<size_t>(e)] += balance_weight / static_cast<float>(tokens) * (share[e] - mean) / total;
      }
      score_backward(row, ds.data(), logits.grad() + t * n, n, options.sigmoid);
    }
  });
  return r;
}

double balance_experts(std::span<const int64_t> load, float speed, const Weight& bias) {
  double sum = 0, max = 0;
  for (int64_t n : load) sum += static_cast<double>(n), max = std::max(max, static_cast<double>(n));
  if (!(sum > 0)) return 0;
  const double mean = sum / static_cast<double>(load.size());
  if (bias.value())
    for (size_t e = 0; e < load.size(); ++e) {
      const auto n = static_cast<double>(load[e]);
      bias.value().f32()[e] += n < mean ? speed : n > mean ? -speed : 0.0f;
    }
  return max / mean;
}

namespace {

// Rows sorted by expert: row i of the sorted matrices is token_of[i]'s, and token t's j-th choice is row row_of[t * k +
// j].
struct Sorted {
  std::vector<int64_t> first;  // [experts + 1]
  std::vector<int32_t> token_of, row_of;

  Sorted(const std::vector<int32_t>& experts, int64_t num_experts, int64_t k)
      : first(static_cast<size_t>(num_experts) + 1, 0), token_of(experts.size()), row_of(experts.size()) {
    for (int32_t e : experts) ++first[static_cast<size_t>(e) + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    std::vector<int64_t> next(first.begin(), first.end() - 1);
    for (size_t i = 0; i < experts.size(); ++i) {
      const int64_t row = next[static_cast<size_t>(experts[i])]++;
      token_of[static_cast<size_t>(row)] = static_cast<int32_t>(static_cast<int64_t>(i) / k);
      row_of[i] = static_cast<int32_t>(row);
    }
  }
  int64_t count(int64_t e) const { return first[static_cast<size_t>(e) + 1] - first[static_cast<size_t>(e)]; }
};

// The experts' networks over sorted rows. Tensors that products read are bf16 in Precision::bf16.
struct ExpertsRun {
  Context ctx;
  const Weight *gate_w, *up_w, *down_w;
  Sorted sorted;
  int64_t experts, k, hidden, inner;
  Tensor x, xs, gate, up, act, ys, y, weights;

  // Quantised weights take their own rounding of f32 rows.
  DType operand_type(const Weight& w) const {
    return ctx.precision == Precision::bf16 && w.quant() == nullptr ? DType::bf16 : DType::f32;
  }

  void store(const float* from, const Tensor& to, int64_t row) const {
    const int64_t n = to.cols();
    if (to.dtype() == DType::bf16)
      vec().to_bf16(from, to.bf16() + row * n, n);
    else
      std::memcpy(to.row(row), from, static_cast<size_t>(n) * 4);
  }

  // to[rows of e] (+)= from[rows of e] * W_e^T (forward) or * W_e (backward), for all experts in one call
  void multiply(std::vector<Product>& products, const Tensor& from, const Weight& w, bool transposed, float* to,
                bool accumulate) const {
    const int64_t columns = transposed ? w.out() : w.in();
    for (int64_t e = 0; e < experts; ++e) {
      if (sorted.count(e) == 0) continue;
      const int64_t first = sorted.first[static_cast<size_t>(e)];
      products.push_back(w.product(ctx, from.view().row_range(first, sorted.count(e)), w.matrix_rows(e), !transposed,
                                   to + first * columns, columns, accumulate));
    }
  }

  // d W_e += d_out[rows of e]^T * in[rows of e]
  void weight_gradient(std::vector<Product>& products, const Tensor& d_out, const Tensor& in, const Weight& w) const {
    if (w.frozen) return;
    for (int64_t e = 0; e < experts; ++e) {
      if (sorted.count(e) == 0) continue;
      const int64_t first = sorted.first[static_cast<size_t>(e)], count = sorted.count(e);
      products.push_back({.a = d_out.view().row_range(first, count).transposed(),
                          .b = in.view().row_range(first, count),
                          .c = w.grad() + e * w.out() * w.in(),
                          .c_stride = w.in(),
                          .accumulate = true});
    }
  }

  void activate(int64_t first, int64_t count) {
    parallel_rows(ctx, count, 64, [&](int64_t begin, int64_t end) {
      std::vector<float> row(static_cast<size_t>(inner));
      for (int64_t i = first + begin; i < first + end; ++i) {
        vec().swiglu(gate.row(i), up.row(i), row.data(), inner);
        store(row.data(), act, i);
      }
    });
  }

  // multiply() of some experts, with bytes that their source has brought. A row's bits are those of all in one call.
  void multiply_brought(std::vector<Product>& products, std::span<const ExpertSource::Expert> brought,
                        const Tensor& from, const Weight& w, size_t matrix, float* to) const {
    for (const auto& expert : brought) {
      const int64_t first = sorted.first[static_cast<size_t>(expert.index)], count = sorted.count(expert.index);
      products.push_back(w.product(ctx, from.view().row_range(first, count), w.matrix_rows(expert.index), false,
                                   to + first * w.out(), w.out()));
      products.back().quant.data = expert.bytes[matrix];
    }
  }

  // The networks of the experts that are in memory, while the others are on their way.
  void forward_streamed(ExpertSource& source) {
    std::vector<int32_t> chosen;
    for (int64_t e = 0; e < experts; ++e)
      if (sorted.count(e) > 0) chosen.push_back(static_cast<int32_t>(e));
    const auto use = source.use(chosen);
    for (auto brought = use->next(); !brought.empty(); brought = use->next()) {
      std::vector<Product> products;
      multiply_brought(products, brought, xs, *gate_w, 0, gate.f32());
      multiply_brought(products, brought, xs, *up_w, 1, up.f32());
      gemm(products, ctx.precision, *ctx.pool);
      for (const auto& expert : brought)
        activate(sorted.first[static_cast<size_t>(expert.index)], sorted.count(expert.index));
      products.clear();
      multiply_brought(products, brought, act, *down_w, 2, ys.f32());
      gemm(products, ctx.precision, *ctx.pool);
    }
  }

  void forward_in_memory() {
    std::vector<Product> products;
    multiply(products, xs, *gate_w, true, gate.f32(), false);
    multiply(products, xs, *up_w, true, up.f32(), false);
    gemm(products, ctx.precision, *ctx.pool);
    activate(0, static_cast<int64_t>(sorted.token_of.size()));
    products.clear();
    multiply(products, act, *down_w, true, ys.f32(), false);
    gemm(products, ctx.precision, *ctx.pool);
  }

  void forward() {
    const int64_t rows = static_cast<int64_t>(sorted.token_of.size());
    xs = Tensor({rows, hidden}, operand_type(*gate_w));
    gate = Tensor({rows, inner}), up = Tensor({rows, inner}), act = Tensor({rows, inner}, operand_type(*down_w)),
    ys = Tensor({rows, hidden});
    parallel_rows(ctx, rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) store(x.row(sorted.token_of[static_cast<size_t>(i)]), xs, i);
    });
    if (ExpertSource* source = gate_w->source())
      forward_streamed(*source);
    else
      forward_in_memory();
    y = Tensor({x.rows(), hidden});
    parallel_rows(ctx, x.rows(), 64, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        std::memset(y.row(t), 0, static_cast<size_t>(hidden) * 4);
        for (int64_t j = 0; j < k; ++j)
          vec().axpy(weights.row(t)[j], ys.row(sorted.row_of[static_cast<size_t>(t * k + j)]), y.row(t), hidden);
      }
    });
  }

  void backward() const {
    const int64_t rows = static_cast<int64_t>(sorted.token_of.size());
    const float* dy = y.grad();
    float* dw = weights.grad();
    Tensor dys({rows, hidden}, operand_type(*down_w));
    parallel_rows(ctx, x.rows(), 64, [&](int64_t begin, int64_t end) {
      std::vector<float> row(static_cast<size_t>(hidden));
      for (int64_t i = begin * k; i < end * k; ++i) {
        const int64_t at = sorted.row_of[static_cast<size_t>(i)];
        const float* d = dy + i / k * hidden;
        dw[i] += vec().dot(d, ys.row(at), hidden);
        std::memcpy(row.data(), d, static_cast<size_t>(hidden) * 4);
        vec().scale(weights.f32()[i], row.data(), hidden);
        store(row.data(), dys, at);
      }
    });
    Tensor d_act({rows, inner}), dxs({rows, hidden}), d_gate({rows, inner}, operand_type(*gate_w)),
        d_up({rows, inner}, operand_type(*gate_w));
    std::vector<Product> products;
    multiply(products, dys, *down_w, false, d_act.f32(), false);
    weight_gradient(products, dys, act, *down_w);
    gemm(products, ctx.precision, *ctx.pool);
    parallel_rows(ctx, rows, 64, [&](int64_t begin, int64_t end) {
      std::vector<float> dg(static_cast<size_t>(inner)), du(dg.size());
      for (int64_t i = begin; i < end; ++i) {
        std::fill(dg.begin(), dg.end(), 0.0f);
        std::fill(du.begin(), du.end(), 0.0f);
        vec().swiglu_backward(gate.row(i), up.row(i), d_act.row(i), dg.data(), du.data(), inner);
        store(dg.data(), d_gate, i);
        store(du.data(), d_up, i);
      }
    });
    products.clear();
    multiply(products, d_gate, *gate_w, false, dxs.f32(), false);
    weight_gradient(products, d_gate, xs, *gate_w);
    weight_gradient(products, d_up, xs, *up_w);
    gemm(products, ctx.precision, *ctx.pool);
    products.clear();
    multiply(products, d_up, *up_w, false, dxs.f32(), true);
    gemm(products, ctx.precision, *ctx.pool);
    float* dx = x.grad();
    parallel_rows(ctx, x.rows(), 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * k; i < end * k; ++i)
        vec().add(dxs.row(sorted.row_of[static_cast<size_t>(i)]), dx + i / k * hidden, hidden);
    });
  }
};

}  // namespace

Tensor experts(const Context& ctx, const Tensor& x, const Routing& routing, const Weight& gate, const Weight& up,
               const Weight& down) {
  const int64_t n = gate.stack(), k = routing.weights.cols();
  HADAL_CHECK(x.cols() == gate.in() && gate.shape() == up.shape() && down.out() == x.cols() &&
              down.in() == gate.out() && down.stack() == n);
  HADAL_CHECK(gate.source() == up.source() && gate.source() == down.source() &&
              (gate.source() == nullptr || ctx.tape == nullptr));
  auto run = std::make_shared<ExpertsRun>(ExpertsRun{ctx,
                                                     &gate,
                                                     &up,
                                                     &down,
                                                     Sorted(routing.experts, n, k),
                                                     n,
                                                     k,
                                                     x.cols(),
                                                     gate.out(),
                                                     x,
                                                     {},
                                                     {},
                                                     {},
                                                     {},
                                                     {},
                                                     {},
                                                     routing.weights});
  run->forward();
  if (ctx.tape != nullptr) ctx.tape->push([run] { run->backward(); });
  return run->y;
}

}  // namespace hadal
