// Ops that are no more than a pass over rows: lookup, sums, slices.
#include <algorithm>
#include <cstring>

#include "kernels/vector.h"
#include "ops/ops.h"

namespace hadal {

namespace {
constexpr int64_t kGrain = 64;  // rows of one task
}

Tensor embedding(const Context& ctx, const Weight& table, std::span<const int32_t> ids) {
  const int64_t n = static_cast<int64_t>(ids.size()), width = table.in();
  Tensor y({n, width});
  parallel_rows(ctx, n, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t id = ids[static_cast<size_t>(t)];
      HADAL_CHECK(id >= 0 && id < table.out(), "token {} of a vocabulary of {}", id, table.out());
      table.read(id * width, {y.row(t), static_cast<size_t>(width)});
    }
  });
  if (ctx.tape != nullptr && !table.frozen) {
    ctx.tape->push([ids = std::vector<int32_t>(ids.begin(), ids.end()), table = &table, y, width] {
      float* grad = table->grad();  // one thread, in order: tokens repeat
      for (size_t t = 0; t < ids.size(); ++t)
        vec().add(y.grad() + static_cast<int64_t>(t) * width, grad + ids[t] * width, width);
    });
  }
  return y;
}

Tensor add(const Context& ctx, const Tensor& a, const Tensor& b) {
  HADAL_CHECK(a.shape() == b.shape(), "{} and {}", shape_text(a.shape()), shape_text(b.shape()));
  Tensor y(a.shape());
  const int64_t n = a.cols();
  parallel_rows(ctx, a.rows(), kGrain, [&](int64_t begin, int64_t end) {
    std::memcpy(y.row(begin), a.row(begin), static_cast<size_t>((end - begin) * n) * 4);
    vec().add(b.row(begin), y.row(begin), (end - begin) * n);
  });
  if (ctx.tape != nullptr) {
    ctx.tape->push([ctx, a, b, y, n] {
      float *da = a.grad(), *db = b.grad();
      const float* dy = y.grad();
      parallel_rows(ctx, a.rows(), kGrain, [&](int64_t begin, int64_t end) {
        vec().add(dy + begin * n, da + begin * n, (end - begin) * n);
        vec().add(dy + begin * n, db + begin * n, (end - begin) * n);
      });
    });
  }
  return y;
}

Tensor swiglu(const Context& ctx, const Tensor& gate, const Tensor& up) {
  HADAL_CHECK(gate.shape() == up.shape());
  Tensor y(gate.shape());
  const int64_t n = gate.cols();
  parallel_rows(ctx, gate.rows(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) vec().swiglu(gate.row(r), up.row(r), y.row(r), n);
  });
  if (ctx.tape != nullptr) {
    ctx.tape->push([ctx, gate, up, y, n] {
      float *dg = gate.grad(), *du = up.grad();
      const float* dy = y.grad();
      parallel_rows(ctx, gate.rows(), kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r)
          vec().swiglu_backward(gate.row(r), up.row(r), dy + r * n, dg + r * n, du + r * n, n);
      });
    });
  }
  return y;
}

Tensor columns(const Context& ctx, const Tensor& x, int64_t heads, int64_t begin, int64_t count) {
  HADAL_CHECK(heads > 0 && x.cols() % heads == 0);
  const int64_t n = x.cols() / heads, rows = x.rows();
  HADAL_CHECK(begin >= 0 && count >= 0 && begin + count <= n, "columns [{}, {}) of {}", begin, begin + count, n);
  Tensor y({rows, heads * count});
  parallel_rows(ctx, rows, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first * heads; i < last * heads; ++i)
      std::memcpy(y.f32() + i * count, x.f32() + i * n + begin, static_cast<size_t>(count) * 4);
  });
  if (ctx.tape != nullptr) {
    ctx.tape->push([ctx, x, y, heads, begin, count, n, rows] {
      float* dx = x.grad();
      const float* dy = y.grad();
      parallel_rows(ctx, rows, kGrain, [&](int64_t first, int64_t last) {
        for (int64_t i = first * heads; i < last * heads; ++i) vec().add(dy + i * count, dx + i * n + begin, count);
      });
    });
  }
  return y;
}

Tensor gather_rows(const Context& ctx, const Tensor& x, std::span<const int64_t> rows) {
  const int64_t n = x.cols(), count = static_cast<int64_t>(rows.size());
  for (int64_t r : rows) HADAL_CHECK(r >= 0 && r < x.rows(), "row {} of {}", r, x.rows());
  Tensor y({count, n});
  parallel_rows(ctx, count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) std::copy_n(x.row(rows[static_cast<size_t>(i)]), n, y.row(i));
  });
  if (ctx.tape != nullptr) {
    ctx.tape->push([x, y, n, rows = std::vector<int64_t>(rows.begin(), rows.end())] {
      float* dx = x.grad();  // one thread, in order: rows repeat
      for (size_t i = 0; i < rows.size(); ++i) vec().add(y.grad() + static_cast<int64_t>(i) * n, dx + rows[i] * n, n);
    });
  }
  return y;
}

void put_rows(const Context& ctx, const Tensor& x, std::span<const int64_t> rows, const Tensor& to) {
  HADAL_CHECK(ctx.tape == nullptr, "putting rows has no backward");
  HADAL_CHECK(x.cols() == to.cols() && static_cast<size_t>(x.rows()) == rows.size());
  for (int64_t r : rows) HADAL_CHECK(r >= 0 && r < to.rows(), "row {} of {}", r, to.rows());
  parallel_rows(ctx, x.rows(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) std::copy_n(x.row(i), x.cols(), to.row(rows[static_cast<size_t>(i)]));
  });
}

Tensor concat(const Context& ctx, const Tensor& a, const Tensor& b, int64_t heads, bool b_shared) {
  HADAL_CHECK(a.rows() == b.rows() && heads > 0 && a.cols() % heads == 0 && (b_shared || b.cols() % heads == 0));
  const int64_t rows = a.rows(), na = a.cols() / heads, nb = b_shared ? b.cols() : b.cols() / heads, n = na + nb;
  auto b_index = [=](int64_t i) { return b_shared ? i / heads : i; };
  Tensor y({rows, heads * n});
  parallel_rows(ctx, rows, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first * heads; i < last * heads; ++i) {
      std::memcpy(y.f32() + i * n, a.f32() + i * na, static_cast<size_t>(na) * 4);
      std::memcpy(y.f32() + i * n + na, b.f32() + b_index(i) * nb, static_cast<size_t>(nb) * 4);
    }
  });
  if (ctx.tape != nullptr) {
    ctx.tape->push([=] {
      float *da = a.grad(), *db = b.grad();
      const float* dy = y.grad();
      parallel_rows(ctx, rows, kGrain, [&](int64_t first, int64_t last) {
        for (int64_t i = first * heads; i < last * heads; ++i) {
          vec().add(dy + i * n, da + i * na, na);
          vec().add(dy + i * n + na, db + b_index(i) * nb, nb);
        }
      });
    });
  }
  return y;
}

double mean_squared_error(const Context& ctx, const Tensor& x, const Tensor& target, float scale) {
  HADAL_CHECK(x.shape() == target.shape() && x.size() > 0);
  double sum = 0;
  for (int64_t i = 0; i < x.size(); ++i) {
    const double difference = double{x.f32()[i]} - target.f32()[i];
    sum += difference * difference;
  }
  if (ctx.tape != nullptr) {
    ctx.tape->push([x, target, scale] {
      float* dx = x.grad();
      const float factor = 2 * scale / static_cast<float>(x.size());
      for (int64_t i = 0; i < x.size(); ++i) dx[i] += factor * (x.f32()[i] - target.f32()[i]);
    });
  }
  return sum / static_cast<double>(x.size());
}

}  // namespace hadal
