#include "kernels/gemm.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/cpu.h"
#include "kernels/levels/cpu_features.h"
#include "kernels/levels/level.h"
#include "kernels/levels/scratch.h"
#include "kernels/quants/quant_gemm.h"

namespace hadal {

using kernels::Format;
using kernels::GemmKernels;
using kernels::kPanel;
using kernels::kUnit;
using kernels::Scratch;

struct PackedMatrixAccess {
  static void* reserve(PackedMatrix& m, int64_t k, int64_t n, Precision precision);
};

namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

int64_t panel_bytes(int64_t k, Precision precision) {
  return precision == Precision::bf16 ? round_up(k, kUnit) * kPanel * 2 : k * kPanel * 4;
}
int64_t packed_bytes(int64_t k, int64_t n, Precision precision) {
  return ceil_div(n, kPanel) * panel_bytes(k, precision);
}

void check_view(const MatrixView& v, const char* name) {
  HADAL_CHECK(v.rows >= 0 && v.cols >= 0, "{} is [{}, {}]", name, v.rows, v.cols);
  HADAL_CHECK(v.row_stride == 1 || v.col_stride == 1, "{} has strides {}, {}; one must be 1", name, v.row_stride,
              v.col_stride);
}

kernels::Source source(const MatrixView& v) { return {v.data, v.is_bf16, v.row_stride, v.col_stride}; }

thread_local Scratch scratch_a, scratch_b, scratch_own_b;

struct ConvertedBlock {  // the block of A that scratch_a holds
  uint64_t call = 0;
  int64_t product = -1, row = -1;
};
thread_local ConvertedBlock converted;

// How one product is cut into tasks: row blocks x chunks of panels.
struct Plan {
  int64_t m, n, k;
  int64_t block_rows, row_blocks, chunk_panels, chunks;
  int64_t first_task;
  const char* rows;    // A packed in tiles; null: packed by the workers, or read in place
  const char* panels;  // B packed; null: packed by the product's only task, on its worker
};
thread_local std::vector<Plan> plans;  // of this thread's current call

struct Call {
  std::span<const Product> products;
  Precision precision;
  const GemmKernels* level;
  const Plan* plans;
  uint64_t id;
};

int64_t columns(const Product& p) { return p.packed ? p.packed->n() : p.quant.data ? p.quant.rows : p.b.cols; }

void check_product(const Product& p, Precision precision) {
  check_view(p.a, "A");
  const int64_t k = p.packed ? p.packed->k() : p.quant.data ? p.quant.cols : p.b.rows;
  HADAL_CHECK(p.a.cols == k, "A is [{}, {}] but B has {} rows", p.a.rows, p.a.cols, k);
  if (p.packed)
    HADAL_CHECK(p.packed->precision() == precision, "packed operand has another precision");
  else if (!p.quant.data)
    check_view(p.b, "B");
  HADAL_CHECK(p.c_stride >= columns(p) || p.a.rows <= 1, "C stride {} below {} columns", p.c_stride, columns(p));
}

constexpr int64_t kBlockF32 = 256;

// Can the kernel read A's bf16 rows in place? Not with strides of half pages: they would map all rows to one cache set.
bool usable_in_place(const MatrixView& a, Format format, int64_t rows) {
  const int64_t stride = a.row_stride * 2;
  return format == Format::bf16 && a.is_bf16 && a.col_stride == 1 && a.cols % kUnit == 0 &&
         (rows <= 8 || stride % 2048 != 0);
}

void fill_or_keep(const Product& p) {
  if (p.accumulate) return;
  for (int64_t r = 0; r < p.a.rows; ++r) std::memset(p.c + r * p.c_stride, 0, static_cast<size_t>(columns(p)) * 4);
}

void pack_panels(const GemmKernels& level, const MatrixView& b, Precision precision, int64_t first, int64_t last,
                 char* out) {
  const int64_t bytes = panel_bytes(b.rows, precision);
  for (int64_t p = first; p < last; ++p)
    level.pack_panel(source(b), b.rows, p * kPanel, std::min(kPanel, b.cols - p * kPanel), precision == Precision::bf16,
                     out + p * bytes);
}

// A's rows, packed in this worker's scratch memory; reused when the worker's last task had the same rows.
const char* converted_rows(const Call& call, int64_t index, int64_t row, int64_t rows, Format format, int64_t padded_k,
                           int64_t lda) {
  const Plan& plan = call.plans[index];
  char* a = scratch_a.get(plan.block_rows * lda * (format == Format::bf16 ? 2 : 4));
  if (converted.call != call.id || converted.product != index || converted.row != row) {
    call.level->pack_a(source(call.products[static_cast<size_t>(index)].a), row, rows, plan.k, padded_k, format, a,
                       lda);
    converted = {call.id, index, row};
  }
  return a;
}

// Rows [row, row + rows) of one product times panels [first, last).
void multiply_block(const Call& call, int64_t index, int64_t row, int64_t rows, int64_t first, int64_t last,
                    const char* panels) {
  const Product& p = call.products[static_cast<size_t>(index)];
  const GemmKernels& level = *call.level;
  const Plan& plan = call.plans[index];
  const bool is_bf16 = call.precision == Precision::bf16;
  const int64_t padded_k = round_up(plan.k, kUnit), bytes = panel_bytes(plan.k, call.precision);
  if (plan.rows)
    return level.multiply_tiles({.a = plan.rows + row * padded_k * 2,
                                 .lda = padded_k,
                                 .panels = panels + first * bytes,
                                 .k = padded_k,
                                 .c = p.c + row * p.c_stride + first * kPanel,
                                 .ldc = p.c_stride,
                                 .rows = rows,
                                 .cols = std::min(plan.n, last * kPanel) - first * kPanel,
                                 .accumulate = p.accumulate,
                                 .a_stays = true});
  const Format format = is_bf16 ? level.bf16_a : Format::f32;
  const int64_t a_bytes = format == Format::bf16 ? 2 : 4;
  int64_t lda = padded_k + 64 / a_bytes;  // one more cache line: rows do not share a cache set
  const char* a;
  if (usable_in_place(p.a, format, rows)) {
    lda = p.a.row_stride;
    a = static_cast<const char*>(p.a.data) + row * lda * 2;
  } else {
    a = converted_rows(call, index, row, rows, format, padded_k, lda);
  }
  const auto multiply = is_bf16 ? level.multiply_bf16 : level.multiply_f32;
  const int64_t step = is_bf16 ? level.block_k_bf16 : kBlockF32;
  const int64_t depth = is_bf16 ? padded_k : plan.k, b_bytes = is_bf16 ? 2 : 4;
  for (int64_t panel = first; panel < last; ++panel) {
    const int64_t cols = std::min(kPanel, plan.n - panel * kPanel);
    float* c = p.c + row * p.c_stride + panel * kPanel;
    for (int64_t k = 0; k < depth; k += step)
      multiply(a + k * a_bytes, lda, panels + panel * bytes + k * kPanel * b_bytes, std::min(step, depth - k), c,
               p.c_stride, rows, cols, p.accumulate || k > 0, nullptr);
  }
}

void run_task(const Call& call, int64_t task) {
  // The last product whose first task is not after this one (products without tasks share a first_task with the next).
  const Plan* end = call.plans + call.products.size();
  const Plan* plan =
      std::upper_bound(call.plans, end, task, [](int64_t t, const Plan& x) { return t < x.first_task; }) - 1;
  const int64_t index = plan - call.plans, inner = task - plan->first_task;
  const Product& p = call.products[static_cast<size_t>(index)];
  const int64_t num_panels = ceil_div(plan->n, kPanel);
  if (plan->k == 0) return fill_or_keep(p);
  if (!plan->panels) {  // the product's only task
    char* own = scratch_own_b.get(packed_bytes(plan->k, plan->n, call.precision));
    pack_panels(*call.level, p.b, call.precision, 0, num_panels, own);
    for (int64_t row = 0; row < plan->m; row += plan->block_rows)
      multiply_block(call, index, row, std::min(plan->block_rows, plan->m - row), 0, num_panels, own);
    return;
  }
  const int64_t row = inner / plan->chunks * plan->block_rows, first = inner % plan->chunks * plan->chunk_panels;
  multiply_block(call, index, row, std::min(plan->block_rows, plan->m - row), first,
                 std::min(num_panels, first + plan->chunk_panels), plan->panels);
}

// What a product costs, in multiply-adds at full speed. Reading B costs as much as 6 rows of products.
double cost_of(int64_t m, int64_t n, int64_t k) {
  return static_cast<double>(m + 6) * static_cast<double>(n) * static_cast<double>(k);
}

Plan plan_product(const Product& p, int64_t a_bytes, const GemmKernels& level, double target, bool split) {
  Plan plan{p.a.rows, columns(p), p.a.cols, 0, 0, 0, 0, 0, nullptr, nullptr};
  if (plan.m == 0 || plan.n == 0) return plan;
  const int64_t group = level.row_group, panels = ceil_div(plan.n, kPanel);
  const int64_t target_tasks = split ? static_cast<int64_t>(cost_of(plan.m, plan.n, plan.k) / target + 0.5) : 1;
  int64_t fitting_rows =
      std::max(level.a_block_bytes / std::max<int64_t>(1, plan.k * a_bytes) / group, 96 / group) * group;
  // With a short K, most of the time goes into C, whose rows lie on many pages.
  if (level.multiply_tiles) fitting_rows = std::min(fitting_rows, std::max<int64_t>(128, plan.k / 8 / group * group));
  const int64_t blocks = std::max(ceil_div(plan.m, fitting_rows), ceil_div(target_tasks, panels));
  plan.block_rows = std::min(plan.m, round_up(ceil_div(plan.m, blocks), group));
  plan.row_blocks = ceil_div(plan.m, plan.block_rows);
  plan.chunk_panels = ceil_div(panels, std::clamp<int64_t>(ceil_div(target_tasks, plan.row_blocks), 1, panels));
  plan.chunks = ceil_div(panels, plan.chunk_panels);
  if (p.packed) plan.panels = static_cast<const char*>(p.packed->data());
  return plan;
}

// Cuts every product into tasks of about the same cost, not so small that starting one costs more than the task.
void make_plans(std::span<const Product> products, Precision precision, const GemmKernels& level, int num_threads) {
  double total = 0;
  for (const Product& p : products) total += cost_of(p.a.rows, columns(p), p.a.cols);
  const double target = std::max(total / (num_threads * 10.0), 5e5);
  const int64_t a_bytes = precision == Precision::bf16 && level.bf16_a == Format::bf16 ? 2 : 4;
  plans.clear();
  for (const Product& p : products) plans.push_back(plan_product(p, a_bytes, level, target, num_threads > 1));
}

void pack_to(const Product& p, Precision precision, const GemmKernels& level, ThreadPool& pool, char* out) {
  const int64_t panels = ceil_div(p.b.cols, kPanel);
  const int64_t grain = std::clamp<int64_t>(65536 / (p.b.rows * kPanel + 1), 1, panels);
  auto job = [&](int64_t t, int) {
    pack_panels(level, p.b, precision, t * grain, std::min(panels, (t + 1) * grain), out);
  };
  pool.parallel_for(ceil_div(panels, grain), job);
}

// Packs the A of every product in tiles, once, by all workers. Products with the same A share it.
void place_rows(std::span<const Product> products, const GemmKernels& level, ThreadPool& pool) {
  struct Run {
    size_t product;
    int64_t row;
  };
  constexpr int64_t kRun = 64, kColumnsInPlace = 512;  // up to so many columns, packing tiles costs more than it saves
  thread_local std::vector<Run> runs;
  thread_local std::vector<int64_t> offsets;  // of each product's A
  runs.clear();
  offsets.assign(products.size(), -1);
  int64_t bytes = 0;
  for (size_t i = 0; i < products.size(); ++i) {
    const Plan& plan = plans[i];
    if (plan.m == 0 || plan.n == 0 || plan.k == 0) continue;
    if (plan.n <= kColumnsInPlace && usable_in_place(products[i].a, level.bf16_a, plan.m)) continue;
    if (i > 0 && offsets[i - 1] >= 0 && products[i].a == products[i - 1].a) {
      offsets[i] = offsets[i - 1];
      continue;
    }
    offsets[i] = bytes;
    bytes += round_up(plan.m, 32) * round_up(plan.k, kUnit) * 2;
    for (int64_t row = 0; row < plan.m; row += kRun) runs.push_back({i, row});
  }
  if (bytes == 0) return;
  char* memory = scratch_a.get(bytes);
  for (size_t i = 0; i < products.size(); ++i)
    if (offsets[i] >= 0) plans[i].rows = memory + offsets[i];
  const Plan* const to = plans.data();  // `plans` is thread-local: the workers have their own
  const Run* const first = runs.data();
  auto job = [&, to, first](int64_t t, int) {
    const auto& [product, row] = first[t];
    const Plan& plan = to[product];
    const int64_t padded_k = round_up(plan.k, kUnit);
    level.pack_a(source(products[product].a), row, std::min(kRun, plan.m - row), plan.k, padded_k, Format::bf16_tiles,
                 const_cast<char*>(plan.rows) + row * padded_k * 2, padded_k);
  };
  const auto count = static_cast<int64_t>(runs.size());
  if (count > 1) return pool.parallel_for(count, job);
  job(0, 0);  // too little for two workers
}

// Numbers the tasks and packs the unpacked B operands. With many products, the one task of a product packs its B, which
// is then still in that worker's cache; with few, all workers pack first and share. Returns the number of tasks.
int64_t place(std::span<const Product> products, Precision precision, const GemmKernels& level, ThreadPool& pool) {
  int64_t bytes = 0, num_unpacked = 0;
  for (const Product& p : products)
    if (!p.packed && p.a.cols > 0) ++num_unpacked, bytes += packed_bytes(p.b.rows, p.b.cols, precision);
  const bool shared = num_unpacked < 4 * pool.size();
  char* at = shared ? scratch_b.get(bytes) : nullptr;
  int64_t tasks = 0;
  for (size_t i = 0; i < products.size(); ++i) {
    Plan& plan = plans[i];
    plan.first_task = tasks;
    if (plan.m == 0 || plan.n == 0) continue;
    if (plan.k > 0 && !products[i].packed && shared) {
      pack_to(products[i], precision, level, pool, at);
      plan.panels = at;
      at += packed_bytes(plan.k, plan.n, precision);
    }
    tasks += plan.k > 0 && plan.panels ? plan.row_blocks * plan.chunks : 1;
  }
  return tasks;
}

}  // namespace

MatrixView MatrixView::transposed() const {
  MatrixView v = *this;
  std::swap(v.rows, v.cols);
  std::swap(v.row_stride, v.col_stride);
  return v;
}

MatrixView MatrixView::row_range(int64_t first, int64_t count) const {
  HADAL_CHECK(first >= 0 && count >= 0 && first + count <= rows, "rows {} + {} of {}", first, count, rows);
  MatrixView v = *this;
  v.data = static_cast<const char*>(data) + first * row_stride * (is_bf16 ? 2 : 4);
  v.rows = count;
  return v;
}

void* PackedMatrixAccess::reserve(PackedMatrix& m, int64_t k, int64_t n, Precision precision) {
  m.k_ = k, m.n_ = n, m.precision_ = precision;
  const int64_t bytes = round_up(packed_bytes(k, n, precision), 64);
  if (bytes > m.capacity_bytes_ || m.data_.use_count() > 1) {
    m.data_.reset();
    m.data_ = std::shared_ptr<void>(take_aligned(static_cast<uint64_t>(bytes)), std::free);
    HADAL_CHECK(bytes == 0 || m.data_, "out of memory: {} bytes", bytes);
    m.capacity_bytes_ = bytes;
  }
  return m.data_.get();
}

int64_t PackedMatrix::bytes() const { return packed_bytes(k_, n_, precision_); }

void PackedMatrix::pack(MatrixView b, Precision precision, ThreadPool& pool) {
  check_view(b, "B");
  char* out = static_cast<char*>(PackedMatrixAccess::reserve(*this, b.rows, b.cols, precision));
  Product whole;
  whole.b = b;
  if (bytes() > 0) pack_to(whole, precision, kernels::gemm_kernels(), pool, out);
}

void PackedMatrix::pack_rows(int64_t n, int64_t k, const ReadRows& read, Precision precision, ThreadPool& pool) {
  char* out = static_cast<char*>(PackedMatrixAccess::reserve(*this, k, n, precision));
  if (bytes() == 0) return;
  auto job = [&](int64_t panel, int) {
    thread_local Scratch memory;
    const int64_t first = panel * kPanel, count = std::min(kPanel, n - first);
    auto* rows = reinterpret_cast<float*>(memory.get(count * k * 4));
    read(first, count, rows);
    kernels::gemm_kernels().pack_panel({rows, false, 1, k}, k, 0, count, precision == Precision::bf16,
                                       out + panel * panel_bytes(k, precision));
  };
  pool.parallel_for(ceil_div(n, kPanel), job);
}

void gemm(std::span<const Product> products, Precision precision, ThreadPool& pool) {
  static std::atomic<uint64_t> calls{0};
  for (const Product& p : products) {
    check_product(p, precision);
    HADAL_CHECK((p.quant.data != nullptr) == (products[0].quant.data != nullptr),
                "quantised and other products in one call");
  }
  if (!products.empty() && products[0].quant.data) return kernels::quant_gemm(products, precision, pool);
  const GemmKernels& level = kernels::gemm_kernels();
  make_plans(products, precision, level, pool.size());
  if (precision == Precision::bf16 && level.multiply_tiles) place_rows(products, level, pool);
  const int64_t tasks = place(products, precision, level, pool);
  const Call call{products, precision, &level, plans.data(), calls.fetch_add(1, std::memory_order_relaxed) + 1};
  auto job = [&](int64_t task, int) { run_task(call, task); };
  pool.parallel_for(tasks, job);
}

void gemm_plain(const Product& product, Precision precision) {
  HADAL_CHECK(!product.packed, "the plain product takes an unpacked B");
  std::vector<float> values;
  MatrixView b = product.b;
  if (product.quant.data) {
    const QuantMatrix& q = product.quant;
    values.resize(static_cast<size_t>(q.rows * q.cols));
    for (int64_t r = 0; r < q.rows; ++r) dequantise_row(q, r, values.data() + r * q.cols);
    b = MatrixView(values.data(), q.rows, q.cols, q.cols).transposed();
  }
  auto value = [&](const MatrixView& v, int64_t r, int64_t c) {
    const int64_t at = r * v.row_stride + c * v.col_stride;
    const float x =
        v.is_bf16 ? static_cast<float>(static_cast<const Bf16*>(v.data)[at]) : static_cast<const float*>(v.data)[at];
    return precision == Precision::bf16 ? static_cast<float>(Bf16(x)) : x;
  };
  for (int64_t i = 0; i < product.a.rows; ++i)
    for (int64_t j = 0; j < b.cols; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < product.a.cols; ++k) sum += value(product.a, i, k) * value(b, k, j);
      float& c = product.c[i * product.c_stride + j];
      c = product.accumulate ? c + sum : sum;
    }
}

}  // namespace hadal
