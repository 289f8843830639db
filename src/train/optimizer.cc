#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "kernels/vector.h"

namespace hadal {
namespace {

constexpr int64_t kChunk = 1 << 14;  // numbers a job works on; sums are per chunk, so threads do not change them

struct Chunk {
  size_t slot;
  int64_t begin, count;
};

std::vector<Chunk> chunks_of(const std::vector<int64_t>& sizes) {
  std::vector<Chunk> chunks;
  for (size_t s = 0; s < sizes.size(); ++s) {
    for (int64_t begin = 0; begin < sizes[s]; begin += kChunk)
      chunks.push_back({s, begin, std::min(kChunk, sizes[s] - begin)});
  }
  return chunks;
}

float* weights_of(const Param& p) { return p.weight.value().f32(); }

}  // namespace

Optimizer::Optimizer(ParamList params, const OptimizerSpec& spec, ThreadPool& pool) : spec_(spec), pool_(pool) {
  for (Param* p : params) {
    if (p->group == ParamGroup::buffer || p->weight.frozen) continue;
    HADAL_CHECK(p->weight.value(), "{} is not initialised", p->name);
    Slot slot;
    slot.param = p;
    slot.muon = spec.muon && p->group == ParamGroup::matrix;
    slot.first = Tensor::zeros(p->weight.shape());
    if (!slot.muon) slot.second = Tensor::zeros(p->weight.shape());
    slots_.push_back(std::move(slot));
  }
}

double Optimizer::gradient_norm() const {
  std::vector<int64_t> sizes;
  for (const Slot& s : slots_) sizes.push_back(s.first.size());
  const auto chunks = chunks_of(sizes);
  std::vector<double> sums(chunks.size());
  auto job = [&](int64_t i, int) {
    const Chunk& c = chunks[static_cast<size_t>(i)];
    sums[static_cast<size_t>(i)] = vec().sum_squares(slots_[c.slot].param->weight.grad() + c.begin, c.count);
  };
  for (const Slot& s : slots_) s.param->weight.grad();  // made here, not in two jobs at once
  pool_.parallel_for(static_cast<int64_t>(chunks.size()), job);
  double sum = 0;
  for (const double s : sums) sum += s;
  return std::sqrt(sum);
}

void Optimizer::zero_gradients() {
  std::vector<int64_t> sizes;
  for (const Slot& s : slots_) sizes.push_back(s.first.size());
  const auto chunks = chunks_of(sizes);
  for (const Slot& s : slots_) s.param->weight.grad();
  pool_.parallel_for(static_cast<int64_t>(chunks.size()), [&](int64_t i, int) {
    const Chunk& c = chunks[static_cast<size_t>(i)];
    std::memset(slots_[c.slot].param->weight.grad() + c.begin, 0, static_cast<size_t>(c.count) * sizeof(float));
  });
}

void Optimizer::step(double matrix_lr, double other_lr, double scale) {
  ++updates;
  std::vector<Slot*> matrices, by_muon, others;
  for (Slot& s : slots_) (s.muon ? by_muon : s.param->group == ParamGroup::matrix ? matrices : others).push_back(&s);
  muon(by_muon, matrix_lr, scale);
  adamw(matrices, matrix_lr, scale);
  adamw(others, other_lr, scale);
  for (Slot& s : slots_) s.param->weight.changed();
}

void Optimizer::adamw(const std::vector<Slot*>& slots, double lr, double scale) {
  std::vector<int64_t> sizes;
  for (const Slot* s : slots) sizes.push_back(s->first.size());
  const auto chunks = chunks_of(sizes);
  const auto t = static_cast<double>(updates);
  const auto c1 = static_cast<float>(1 / (1 - std::pow(spec_.beta1, t)));
  const auto c2 = static_cast<float>(1 / (1 - std::pow(spec_.beta2, t)));
  pool_.parallel_for(static_cast<int64_t>(chunks.size()), [&](int64_t i, int) {
    const Chunk& c = chunks[static_cast<size_t>(i)];
    const Slot& s = *slots[c.slot];
    vec().adamw(weights_of(*s.param) + c.begin, s.first.f32() + c.begin, s.second.f32() + c.begin,
                s.param->weight.grad() + c.begin, c.count, static_cast<float>(lr), static_cast<float>(spec_.beta1),
                static_cast<float>(spec_.beta2), static_cast<float>(spec_.eps),
                s.param->decay ? static_cast<float>(spec_.weight_decay) : 0.0f, c1, c2, static_cast<float>(scale));
  });
}

// Each matrix is one job, the costly ones first: matrices are many and small, so this keeps all cores busy without a
// meeting point inside an iteration.
void Optimizer::muon(const std::vector<Slot*>& slots, double lr, double scale) {
  struct Matrix {
    Slot* slot;
    int64_t offset, rows, cols;
  };
  std::vector<Matrix> jobs;
  for (Slot* s : slots) {
    const Weight& w = s->param->weight;
    for (int64_t m = 0; m < w.stack(); ++m) jobs.push_back({s, m * w.out() * w.in(), w.out(), w.in()});
  }
  std::stable_sort(jobs.begin(), jobs.end(), [](const Matrix& a, const Matrix& b) {
    return a.rows * a.cols * std::min(a.rows, a.cols) > b.rows * b.cols * std::min(b.rows, b.cols);
  });
  std::vector<std::vector<float>> scratch(static_cast<size_t>(pool_.size()));
  const auto momentum = static_cast<float>(spec_.muon_momentum);
  pool_.parallel_for(static_cast<int64_t>(jobs.size()), [&](int64_t i, int worker) {
    const Matrix& job = jobs[static_cast<size_t>(i)];
    const int64_t n = job.rows * job.cols;
    auto& u = scratch[static_cast<size_t>(worker)];
    u.resize(static_cast<size_t>(std::max<int64_t>(n, static_cast<int64_t>(u.size()))));
    Param& p = *job.slot->param;
    float* w = weights_of(p) + job.offset;
    float* m = job.slot->first.f32() + job.offset;
    const float* g = p.weight.grad() + job.offset;
    // Nesterov: u = g + momentum * m, after m = momentum * m + g.
    vec().scale(momentum, m, n);
    vec().axpy(static_cast<float>(scale), g, m, n);
    std::memset(u.data(), 0, static_cast<size_t>(n) * sizeof(float));
    vec().axpy(static_cast<float>(scale), g, u.data(), n);
    vec().axpy(momentum, m, u.data(), n);
    orthogonalise(u.data(), job.rows, job.cols, Precision::bf16, pool_);
    if (p.decay) vec().scale(static_cast<float>(1 - lr * spec_.weight_decay), w, n);
    vec().axpy(static_cast<float>(-lr * 0.2 * std::sqrt(static_cast<double>(std::max(job.rows, job.cols)))), u.data(),
               w, n);
  });
}

void orthogonalise(float* x, int64_t rows, int64_t cols, Precision precision, ThreadPool& pool) {
  constexpr float a = 3.4445f, b = -4.7750f, c = 2.0315f;
  const int64_t n = rows * cols, small = std::min(rows, cols);
  const float norm = std::sqrt(vec().sum_squares(x, n));
  if (!(norm > 0)) return;  // nothing to learn from (an expert that got no token)
  vec().scale(1.0f / (norm + 1e-7f), x, n);
  std::vector<float> gram(static_cast<size_t>(small * small)), poly(gram.size()), next(static_cast<size_t>(n));
  const MatrixView xv(x, rows, cols, cols), gv(gram.data(), small, small, small), pv(poly.data(), small, small, small);
  auto multiply = [&](MatrixView left, MatrixView right, float* out, int64_t stride) {
    Product product;
    product.a = left;
    product.b = right;
    product.c = out;
    product.c_stride = stride;
    gemm({&product, 1}, precision, pool);
  };
  for (int step = 0; step < 5; ++step) {
    // x <- a x + (b G + c G G) x with the Gram matrix G of the smaller side.
    if (rows <= cols)
      multiply(xv, xv.transposed(), gram.data(), small);
    else
      multiply(xv.transposed(), xv, gram.data(), small);
    multiply(gv, gv, poly.data(), small);
    vec().scale(c, poly.data(), small * small);
    vec().axpy(b, gram.data(), poly.data(), small * small);
    if (rows <= cols)
      multiply(pv, xv, next.data(), cols);
    else
      multiply(xv, pv, next.data(), cols);
    vec().scale(a, x, n);
    vec().add(next.data(), x, n);
  }
}

void Optimizer::for_each_gradient(const std::function<void(std::span<float>)>& use) {
  for (Slot& s : slots_) use({s.param->weight.grad(), static_cast<size_t>(s.first.size())});
}

void Optimizer::for_each_state(const std::function<void(const std::string&, std::span<float>)>& use) {
  for (Slot& s : slots_) {
    use((s.muon ? "muon." : "adamw_m.") + s.param->name, s.first.values());
    if (!s.muon) use("adamw_v." + s.param->name, s.second.values());
  }
}

}  // namespace hadal
