#include "kernels/quants/quant_gemm.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "kernels/cpu.h"
#include "kernels/levels/cpu_features.h"
#include "kernels/levels/level.h"
#include "kernels/levels/scratch.h"
#include "kernels/quants/quant_kernels.h"

namespace hadal::kernels {
namespace {

// Up to this many rows of A, weights are unpacked to registers, once for all rows; beyond, to memory
// (bench/quant_gemm_speed.cc).
constexpr int64_t kFewRows = 4;
// Up to this many rows, unpacking to integers takes fewer instructions than dequantising for AMX (counted, not timed).
constexpr int64_t kIntegerRows = 16;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The integer kernels of the current level; null: only dequantised panels.
const QuantKernels* integer_kernels(Precision precision, QuantType type) {
  if (precision == Precision::f32 || quant_format(type).block_weights == 1) return nullptr;
#if defined(__x86_64__)
  if (cpu_level() >= CpuLevel::avx512 && cpu_features().avx512_vnni) return &quant_avx512_vnni();
  if (cpu_level() >= CpuLevel::avx2) return &quant_avx2();
#endif
  return nullptr;
}

// ---- In floating point: some columns of B at a time are dequantised to panels, which stay in the cache for all rows
// of A ----

bool panels_by_tiles(Precision precision, QuantType type) {
#if defined(__x86_64__)
  return precision == Precision::bf16 && quant_format(type).block_weights > 1 && cpu_level() == CpuLevel::amx;
#else
  return false;
#endif
}

// Dequantises columns [first, first + k) of the rows of w (at most kPanel) to one panel (level.h).
void make_panel(const QuantMatrix& w, int64_t first, int64_t k, Precision precision, const GemmKernels& level,
                char* panel) {
#if defined(__x86_64__)
  if (panels_by_tiles(precision, w.type)) return quant_panel_bf16(w, first, k, panel);
#endif
  thread_local Scratch memory;
  auto* values = reinterpret_cast<float*>(memory.get(w.rows * w.cols * 4));
  for (int64_t r = 0; r < w.rows; ++r) dequantise_row(w, r, values + r * w.cols);
  level.pack_panel({values + first, false, 1, w.cols}, k, 0, w.rows, precision == Precision::bf16, panel);
}

// A, packed once for all panels: [rows, lda].
struct Converted {
  MatrixView view;
  const char* rows = nullptr;
  int64_t lda = 0;
};

class PanelProducts {
 public:
  PanelProducts(std::span<const Product> products, Precision precision) : products_(products), precision_(precision) {}

  void run(ThreadPool& pool) {
    convert(pool);
    struct Task {
      size_t product;
      int64_t first, count;  // panels
    };
    std::vector<Task> tasks;
    for (size_t i = 0; i < products_.size(); ++i) {
      // As many panels as the cache holds; with few products, a multiple of as many chunks as there are threads.
      const int64_t panels = ceil_div(products_[i].quant.rows, kPanel),
                    most = std::max<int64_t>(panels_bytes() / panel_bytes(products_[i]), 1);
      int64_t chunks = ceil_div(panels, most);
      if (static_cast<int64_t>(products_.size()) < 4 * pool.size())
        chunks = ceil_div(chunks, pool.size()) * pool.size();
      const int64_t together = ceil_div(panels, chunks);
      for (int64_t first = 0; first < panels; first += together)
        tasks.push_back({i, first, std::min(together, panels - first)});
    }
    auto job = [&](int64_t t, int) {
      const Task& task = tasks[static_cast<size_t>(t)];
      multiply(products_[task.product], sources_[index_[task.product]], task.first, task.count);
    };
    pool.parallel_for(static_cast<int64_t>(tasks.size()), job);
  }

 private:
  static constexpr int64_t kRowsBytes = 512 * 1024;  // of A in the second-level cache
  // Of B in the second-level cache, of which CPUs with tiles have 2 MiB.
  int64_t panels_bytes() const { return (in_tiles() ? 1024 : 512) * 1024; }
  static constexpr int64_t kBlockF32 = 256, kRun = 32, kSlice = 2048;

  bool is_bf16() const { return precision_ == Precision::bf16; }
  bool in_tiles() const { return is_bf16() && level_.multiply_tiles; }
  Format format() const { return in_tiles() ? Format::bf16_tiles : is_bf16() ? level_.bf16_a : Format::f32; }
  int64_t a_bytes() const { return format() == Format::bf16 || format() == Format::bf16_tiles ? 2 : 4; }
  int64_t depth(const Product& p) const { return is_bf16() ? ceil_div(p.quant.cols, kUnit) * kUnit : p.quant.cols; }
  // The extent of K that is dequantised at a time: the smaller, the more panels fit.
  int64_t slice(const Product& p) const {
    return in_tiles() && panels_by_tiles(precision_, p.quant.type) ? std::min(depth(p), kSlice) : depth(p);
  }
  int64_t panel_bytes(const Product& p) const { return slice(p) * kPanel * (is_bf16() ? 2 : 4); }

  void convert(ThreadPool& pool) {
    for (const Product& p : products_) {
      size_t i = 0;
      while (i < sources_.size() && !(sources_[i].view == p.a)) ++i;
      if (i == sources_.size())
        sources_.push_back({p.a, nullptr, ceil_div(p.a.cols, kUnit) * kUnit + (in_tiles() ? 0 : 64 / a_bytes())});
      index_.push_back(i);
    }
    const auto bytes_of = [&](const Converted& s) { return ceil_div(s.view.rows, kRun) * kRun * s.lda * a_bytes(); };
    int64_t bytes = 0;
    for (const Converted& s : sources_) bytes += bytes_of(s);
    thread_local Scratch memory;
    char* at = memory.get(bytes);
    std::vector<std::pair<size_t, int64_t>> runs;  // source, first row
    for (size_t s = 0; s < sources_.size(); ++s) {
      sources_[s].rows = at;
      at += bytes_of(sources_[s]);
      for (int64_t r = 0; r < sources_[s].view.rows; r += kRun) runs.emplace_back(s, r);
    }
    auto job = [&](int64_t i, int) {
      const auto& [source, first] = runs[static_cast<size_t>(i)];
      const Converted& s = sources_[source];
      level_.pack_a({s.view.data, s.view.is_bf16, s.view.row_stride, s.view.col_stride}, first,
                    std::min(kRun, s.view.rows - first), s.view.cols, ceil_div(s.view.cols, kUnit) * kUnit, format(),
                    const_cast<char*>(s.rows) + first * s.lda * a_bytes(), s.lda);
    };
    pool.parallel_for(static_cast<int64_t>(runs.size()), job);
  }

  void multiply(const Product& p, const Converted& a, int64_t first, int64_t count) const {
    thread_local Scratch memory;
    char* panels = memory.get(count * panel_bytes(p));
    const int64_t whole = depth(p), col = first * kPanel, cols = std::min(p.quant.rows - col, count * kPanel);
    const auto make_panels = [&](int64_t k, int64_t length) {
      for (int64_t i = 0; i < count; ++i)
        make_panel(p.quant.row_range(col + i * kPanel, std::min(kPanel, cols - i * kPanel)), k,
                   std::min(length, p.quant.cols - k), precision_, level_,
                   panels + i * length * kPanel * (is_bf16() ? 2 : 4));
    };
    if (in_tiles()) {
      for (int64_t k = 0; k < whole; k += slice(p)) {
        const int64_t length = std::min(slice(p), whole - k);
        make_panels(k, length);
        level_.multiply_tiles({.a = a.rows + k * kRun * 2,
                               .lda = a.lda,
                               .panels = panels,
                               .k = length,
                               .c = p.c + col,
                               .ldc = p.c_stride,
                               .rows = p.a.rows,
                               .cols = cols,
                               .accumulate = p.accumulate || k > 0,
                               .a_stays = false});
      }
      return;
    }
    make_panels(0, whole);
    const auto kernel = is_bf16() ? level_.multiply_bf16 : level_.multiply_f32;
    const int64_t step = is_bf16() ? level_.block_k_bf16 : kBlockF32, b_bytes = is_bf16() ? 2 : 4;
    const int64_t block = std::max<int64_t>(kRowsBytes / (a.lda * a_bytes()) / 32, 1) * 32;
    for (int64_t row = 0; row < p.a.rows; row += block)
      for (int64_t i = 0; i < count; ++i)
        for (int64_t k = 0; k < whole; k += step)
          kernel(a.rows + (row * a.lda + k) * a_bytes(), a.lda, panels + i * panel_bytes(p) + k * kPanel * b_bytes,
                 std::min(step, whole - k), p.c + row * p.c_stride + col + i * kPanel, p.c_stride,
                 std::min(block, p.a.rows - row), std::min(kPanel, cols - i * kPanel), p.accumulate || k > 0, nullptr);
  }

  std::span<const Product> products_;
  Precision precision_;
  const GemmKernels& level_ = gemm_kernels();
  std::vector<Converted> sources_;
  std::vector<size_t> index_;
};

// ---- In integers ----

// Rows of A, rounded. A view that several products share is rounded once.
class Rounded {
 public:
  Rounded(std::span<const Product> products, const QuantKernels& level, ThreadPool& pool) {
    for (const Product& p : products) {
      size_t i = 0;
      while (i < sources_.size() && !(sources_[i].view == p.a)) ++i;
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
    } else {  // too little for two workers
      for (size_t i = 0; i < runs.size(); ++i) job(static_cast<int64_t>(i), 0);
    }
  }
  const RoundedRows& of(size_t product) const { return sources_[index_[product]].rows; }

 private:
  struct Source {
    MatrixView view;
    RoundedRows rows;
  };

  void place() {
    thread_local Scratch memory;
    int64_t bytes = 0;
    for (const Source& s : sources_)
      bytes += s.view.rows * padded(s.view.cols) / 32 * (32 + 32 + 4 * (2 + 2 + 1 + 2)) + 64 * 7;
    char* at = memory.get(bytes);
    auto take = [&](int64_t size) {
      char* here = at;
      at += ceil_div(size, 64) * 64;
      return here;
    };
    for (Source& s : sources_) {
      const int64_t k = padded(s.view.cols), groups = s.view.rows * (k / 32);
      s.rows = {reinterpret_cast<int8_t*>(take(s.view.rows * k)),
                reinterpret_cast<int8_t*>(take(s.view.rows * k)),
                reinterpret_cast<float*>(take(groups * 8)),
                reinterpret_cast<float*>(take(groups * 8)),
                reinterpret_cast<int32_t*>(take(groups * 4)),
                reinterpret_cast<int32_t*>(take(groups * 8)),
                k};
    }
  }

  static void round_row(const QuantKernels& level, const Source& source, int64_t r) {
    const MatrixView& v = source.view;
    HADAL_CHECK(v.col_stride == 1, "rows of A must be contiguous");
    if (!v.is_bf16)
      return level.round_row(static_cast<const float*>(v.data) + r * v.row_stride, v.cols, source.rows, r);
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

// Ranges of rows of W that cost about the same, four for each thread.
std::vector<Task> make_tasks(std::span<const Product> products, int num_threads) {
  const auto cost = [](const Product& p) {
    return static_cast<double>(p.quant.cols) * static_cast<double>(std::max<int64_t>(p.a.rows, 4));
  };
  double total = 0;
  for (const Product& p : products) total += cost(p) * static_cast<double>(p.a.rows > 0 ? p.quant.rows : 0);
  const double target = std::max(total / (num_threads * 4.0), 4e5);
  std::vector<Task> tasks;
  for (size_t i = 0; i < products.size(); ++i) {
    const Product& p = products[i];
    if (p.a.rows == 0) continue;
    const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(target / cost(p)) / kPanel) * kPanel;
    for (int64_t first = 0; first < p.quant.rows; first += grain)
      tasks.push_back({i, first, std::min(grain, p.quant.rows - first)});
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
  std::vector<Product> in_integers, in_panels;
  for (const Product& p : products) {
    if (p.a.rows == 0 || p.quant.rows == 0) continue;
    const bool integers = integer_kernels(precision, p.quant.type) != nullptr &&
                          (p.a.rows <= kIntegerRows || !panels_by_tiles(precision, p.quant.type));
    (integers ? in_integers : in_panels).push_back(p);
  }
  if (!in_panels.empty()) PanelProducts(in_panels, precision).run(pool);
  if (!in_integers.empty())
    multiply_integers(in_integers, *integer_kernels(precision, in_integers[0].quant.type), pool);
}

}  // namespace hadal::kernels
