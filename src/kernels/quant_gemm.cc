#include "kernels/quant_gemm.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "kernels/cpu.h"
#include "kernels/cpu_features.h"
#include "kernels/level.h"
#include "kernels/quant_kernels.h"
#include "kernels/scratch.h"

namespace hadal::kernels {
namespace {

// Up to this many rows of A the weights stream by once and are used from registers; beyond, they are unpacked to memory.
constexpr int64_t kFewRows = 8;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The integer kernels of the current level; null: it multiplies dequantised panels.
const QuantKernels* integer_kernels(Precision precision, QuantType type) {
  if (precision == Precision::f32 || quant_format(type).block_weights == 1) return nullptr;
#if defined(__x86_64__)
  if (cpu_level() >= CpuLevel::avx512 && cpu_features().avx512_vnni) return &quant_avx512_vnni();
#endif
  return nullptr;
}

// ---- In floating point: 32 columns of B at a time, dequantised, packed, and multiplied while they are in the cache ----

void multiply_panel(const Product& p, int64_t first, Precision precision, ThreadPool& pool) {
  const int64_t count = std::min(kPanel, p.quant.rows - first), k = p.quant.cols;
  thread_local Scratch memory;
  auto* numbers = reinterpret_cast<float*>(memory.get(count * k * 4));
  for (int64_t r = 0; r < count; ++r) dequantise_row(p.quant, first + r, numbers + r * k);
  Product part = p;
  part.quant = {};
  part.b = MatrixView(numbers, count, k, k).transposed();
  part.c = p.c + first;
  gemm({&part, 1}, precision, pool);
}

// ---- In integers ----

// Rows of A, rounded; the views that several products share are rounded once.
class Rounded {
 public:
  Rounded(std::span<const Product> products, const QuantKernels& level, ThreadPool& pool) {
    for (const Product& p : products) {
      size_t i = 0;
      while (i < sources_.size() && !same(sources_[i].view, p.a)) ++i;
      if (i == sources_.size()) sources_.push_back({p.a, {}});
      index_.push_back(i);
    }
    place();
    std::vector<std::pair<size_t, int64_t>> runs;  // source, first row
    constexpr int64_t kRun = 8;
    for (size_t s = 0; s < sources_.size(); ++s)
      for (int64_t r = 0; r < sources_[s].view.rows; r += kRun) runs.emplace_back(s, r);
    auto job = [&](int64_t i, int) {
      const auto& [s, first] = runs[static_cast<size_t>(i)];
      const Source& source = sources_[s];
      for (int64_t r = first; r < std::min(first + kRun, source.view.rows); ++r) round_row(level, source, r);
    };
    if (runs.size() > sources_.size()) {
      pool.parallel_for(static_cast<int64_t>(runs.size()), job);
    } else {  // too little to hand out
      for (size_t i = 0; i < runs.size(); ++i) job(static_cast<int64_t>(i), 0);
    }
  }
  const RoundedRows& of(size_t product) const { return sources_[index_[product]].rows; }

 private:
  struct Source {
    MatrixView view;
    RoundedRows rows;
  };

  static bool same(const MatrixView& a, const MatrixView& b) {
    return a.data == b.data && a.rows == b.rows && a.cols == b.cols && a.row_stride == b.row_stride && a.is_bf16 == b.is_bf16;
  }

  void place() {
    thread_local Scratch memory;
    int64_t bytes = 0;
    for (const Source& s : sources_) bytes += s.view.rows * padded(s.view.cols) / 32 * (32 + 4 * (2 + 2 + 1 + 2)) + 64 * 6;
    char* at = memory.get(bytes);
    auto take = [&](int64_t size) {
      char* here = at;
      at += ceil_div(size, 64) * 64;
      return here;
    };
    for (Source& s : sources_) {
      const int64_t k = padded(s.view.cols), groups = s.view.rows * (k / 32);
      s.rows = {reinterpret_cast<int8_t*>(take(s.view.rows * k)), reinterpret_cast<float*>(take(groups * 8)),
                reinterpret_cast<float*>(take(groups * 8)),       reinterpret_cast<int32_t*>(take(groups * 4)),
                reinterpret_cast<int32_t*>(take(groups * 8)),     k};
    }
  }

  static void round_row(const QuantKernels& level, const Source& source, int64_t r) {
    const MatrixView& v = source.view;
    HADAL_CHECK(v.col_stride == 1, "rows of A must be contiguous");
    if (!v.is_bf16) return level.round_row(static_cast<const float*>(v.data) + r * v.row_stride, v.cols, source.rows, r);
    thread_local std::vector<float> wide;
    wide.resize(static_cast<size_t>(v.cols));
    vec().to_f32(static_cast<const Bf16*>(v.data) + r * v.row_stride, wide.data(), v.cols);
    level.round_row(wide.data(), v.cols, source.rows, r);
  }

  static int64_t padded(int64_t k) { return ceil_div(k, kSuper) * kSuper; }

  std::vector<Source> sources_;
  std::vector<size_t> index_;
};

struct Task {
  size_t product;
  int64_t first, count;  // rows of W
};

// Runs of rows that cost about the same, a few for each thread.
std::vector<Task> make_tasks(std::span<const Product> products, int num_threads) {
  const auto cost = [](const Product& p) { return static_cast<double>(p.quant.cols) * static_cast<double>(std::max<int64_t>(p.a.rows, 4)); };
  double total = 0;
  for (const Product& p : products) total += cost(p) * static_cast<double>(p.a.rows > 0 ? p.quant.rows : 0);
  const double target = std::max(total / (num_threads * 8.0), 4e5);
  std::vector<Task> tasks;
  for (size_t i = 0; i < products.size(); ++i) {
    const Product& p = products[i];
    if (p.a.rows == 0) continue;
    const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(target / cost(p)) / kPanel) * kPanel;
    for (int64_t first = 0; first < p.quant.rows; first += grain) tasks.push_back({i, first, std::min(grain, p.quant.rows - first)});
  }
  return tasks;
}

void multiply_integers(std::span<const Product> products, const QuantKernels& level, ThreadPool& pool) {
  const Rounded rounded(products, level, pool);
  const auto tasks = make_tasks(products, pool.size());
  auto job = [&](int64_t t, int) {
    const Task& task = tasks[static_cast<size_t>(t)];
    const Product& p = products[task.product];
    const QuantMatrix w = p.quant.row_range(task.first, task.count);
    float* c = p.c + task.first;
    if (p.a.rows <= kFewRows) return level.dot(w, rounded.of(task.product), 0, p.a.rows, c, p.c_stride, p.accumulate);
    thread_local Scratch memory;
    level.tile(w, rounded.of(task.product), 0, p.a.rows, c, p.c_stride, p.accumulate, memory.get(level.tile_bytes));
  };
  pool.parallel_for(static_cast<int64_t>(tasks.size()), job);
}

}  // namespace

void quant_gemm(std::span<const Product> products, Precision precision, ThreadPool& pool) {
  std::vector<Product> in_integers;
  for (const Product& p : products) {
    HADAL_CHECK(p.quant.data != nullptr, "quantised and other products in one call");
    if (p.a.rows == 0 || p.quant.rows == 0) continue;
    if (integer_kernels(precision, p.quant.type) != nullptr) {
      in_integers.push_back(p);
      continue;
    }
    auto job = [&](int64_t panel, int) { multiply_panel(p, panel * kPanel, precision, pool); };
    pool.parallel_for(ceil_div(p.quant.rows, kPanel), job);
  }
  if (!in_integers.empty()) multiply_integers(in_integers, *integer_kernels(precision, in_integers[0].quant.type), pool);
}

}  // namespace hadal::kernels
