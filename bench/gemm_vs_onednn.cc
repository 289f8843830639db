// How fast are bf16 products, beside oneDNN's and beside the registers' own peak?
//
//   gemm_vs_onednn [--threads N] [--seconds S] [--record]
//
// Both sides have their weights packed before; activations are bf16, results f32. Runs alternate, so that both meet the
// same weather on the machine; the ratio is the median of the ratios of neighbours. oneDNN has no grouped product: its
// side of the grouped row is a loop of calls, as its users write it. With one thread the time is that thread's CPU
// time, so that other programs on the machine count for little.
#include <fmt/format.h>
#include <omp.h>
#include <time.h>

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/rng.h"
#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "record.h"

namespace hadal {
namespace {

struct Shape {
  int64_t groups, m, n, k;
  double flops() const {
    return 2.0 * static_cast<double>(groups * m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

// The operands of one shape: A [groups][m, k], weights [groups][n, k] as a model file has them.
struct Operands {
  std::vector<Bf16> a, weights;
  explicit Operands(const Shape& s)
      : a(static_cast<size_t>(s.groups * s.m * s.k)), weights(static_cast<size_t>(s.groups * s.n * s.k)) {
    Rng rng(1);
    for (Bf16& x : a) x = Bf16(static_cast<float>(rng.uniform() - 0.5));
    for (Bf16& x : weights) x = Bf16(static_cast<float>(rng.uniform() - 0.5));
  }
};

class Ours {
 public:
  Ours(const Shape& s, const Operands& in, ThreadPool& pool)
      : pool_(pool), c_(static_cast<size_t>(s.groups * s.m * s.n)), packed_(static_cast<size_t>(s.groups)) {
    for (int64_t g = 0; g < s.groups; ++g) {
      auto& packed = packed_[static_cast<size_t>(g)];
      packed.pack(MatrixView(in.weights.data() + g * s.n * s.k, s.n, s.k, s.k).transposed(), Precision::bf16, pool);
      products_.push_back({.a = MatrixView(in.a.data() + g * s.m * s.k, s.m, s.k, s.k),
                           .packed = &packed,
                           .b = {},
                           .c = c_.data() + g * s.m * s.n,
                           .c_stride = s.n});
    }
  }
  void run() { gemm(products_, Precision::bf16, pool_); }
  const std::vector<float>& result() const { return c_; }

 private:
  ThreadPool& pool_;
  std::vector<float> c_;
  std::vector<PackedMatrix> packed_;
  std::vector<Product> products_;
};

class OneDnn {
 public:
  OneDnn(const Shape& s, Operands& in) : c_(static_cast<size_t>(s.groups * s.m * s.n)) {
    using namespace dnnl;
    using Type = memory::data_type;
    using Tag = memory::format_tag;
    const memory::desc a({s.m, s.k}, Type::bf16, Tag::ab), any({s.k, s.n}, Type::bf16, Tag::any),
        plain({s.k, s.n}, Type::bf16, Tag::ba);
    const memory::desc c({s.m, s.n}, Type::f32, Tag::ab);
    const matmul::primitive_desc description(matmul::desc(a, any, c), engine_);
    primitive_ = matmul(description);
    for (int64_t g = 0; g < s.groups; ++g) {
      memory from(plain, engine_, in.weights.data() + g * s.n * s.k), to(description.weights_desc(), engine_);
      reorder(from, to).execute(stream_, from, to);
      stream_.wait();
      arguments_.push_back({{DNNL_ARG_SRC, memory(a, engine_, in.a.data() + g * s.m * s.k)},
                            {DNNL_ARG_WEIGHTS, to},
                            {DNNL_ARG_DST, memory(c, engine_, c_.data() + g * s.m * s.n)}});
    }
  }
  void run() {
    for (const auto& arguments : arguments_) primitive_.execute(stream_, arguments);
    stream_.wait();
  }
  const std::vector<float>& result() const { return c_; }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::vector<float> c_;
  dnnl::matmul primitive_;
  std::vector<std::unordered_map<int, dnnl::memory>> arguments_;
};

double seconds_of(bool cpu_time, auto&& run) {
  auto now = [&] {
    timespec t;
    clock_gettime(cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  const double start = now();
  run();
  return now() - start;
}

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

void check_equal(const std::vector<float>& ours, const std::vector<float>& theirs, int64_t k) {
  for (size_t i = 0; i < ours.size(); ++i)
    if (std::abs(ours[i] - theirs[i]) > 1e-5f * static_cast<float>(k))
      fail("results differ at {}: {} and {}", i, ours[i], theirs[i]);
}

struct Options {
  int threads = 2;
  double seconds = 3;
  bool record = false;
  std::string command;
};

constexpr const char* kColumns =
    "hadal_gflops,onednn_gflops,ratio,hadal_best,onednn_best,ratio_of_bests,peak,best_of_peak";

void race(const Shape& shape, const Options& options, ThreadPool& pool) {
  Operands operands(shape);
  Ours ours(shape, operands, pool);
  OneDnn theirs(shape, operands);
  ours.run();
  theirs.run();
  check_equal(ours.result(), theirs.result(), shape.k);
  std::vector<double> our_times, their_times, ratios, peaks;
  for (double spent = 0; spent < options.seconds || ratios.size() < 5;) {
    if (ratios.size() % 32 == 0 && peaks.size() < 5)
      peaks.push_back(measure_peak_flops(Precision::bf16, options.threads));
    our_times.push_back(seconds_of(options.threads == 1, [&] { ours.run(); }));
    their_times.push_back(seconds_of(options.threads == 1, [&] { theirs.run(); }));
    ratios.push_back(their_times.back() / our_times.back());
    spent += our_times.back() + their_times.back();
  }
  const double peak = median(peaks), our_rate = shape.flops() / median(our_times),
               their_rate = shape.flops() / median(their_times);
  const std::string name = shape.groups > 1 ? fmt::format("{}x[{} {} {}]", shape.groups, shape.m, shape.n, shape.k)
                                            : fmt::format("[{} {} {}]", shape.m, shape.n, shape.k);
  // Other programs slow every run but a lucky few: the best of each side says what the code can do.
  const double our_best = shape.flops() / *std::min_element(our_times.begin(), our_times.end());
  const double their_best = shape.flops() / *std::min_element(their_times.begin(), their_times.end());
  const std::string row =
      fmt::format("{:.1f},{:.1f},{:.2f},{:.1f},{:.1f},{:.2f},{:.1f},{:.2f}", our_rate / 1e9, their_rate / 1e9,
                  median(ratios), our_best / 1e9, their_best / 1e9, our_best / their_best, peak / 1e9, our_best / peak);
  fmt::print("{:20} {}\n", name, row);
  if (options.record)
    bench::append("gemm", fmt::format("commit,cpu,level,threads,command,shape,{}", kColumns),
                  fmt::format("{},{},{},{},{},{},{}", bench::commit(), bench::cpu_model(), cpu_level_name(cpu_level()),
                              options.threads, options.command, name, row));
}

Options parse(int argc, char** argv) {
  Options options;
  options.command = bench::command_line(argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--record")
      options.record = true;
    else if (arg == "--threads" && i + 1 < argc)
      options.threads = std::stoi(argv[++i]);
    else if (arg == "--seconds" && i + 1 < argc)
      options.seconds = std::stod(argv[++i]);
    else
      fail("gemm_vs_onednn: expected --threads N, --seconds S or --record, found \"{}\"", arg);
  }
  return options;
}

}  // namespace
}  // namespace hadal

int main(int argc, char** argv) {
  using namespace hadal;
  try {
    const Options options = parse(argc, argv);
    omp_set_num_threads(options.threads);
    ThreadPool pool(options.threads);
    fmt::print("level {}, {} threads\n{:20} {}\n", cpu_level_name(cpu_level()), options.threads, "shape", kColumns);
    const Shape shapes[] = {
        {1, 512, 1408, 2048}, {1, 1024, 2048, 2048}, {1, 4096, 512, 512}, {1, 32, 1408, 2048}, {64, 48, 1408, 2048}};
    for (const Shape& shape : shapes) race(shape, options, pool);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
