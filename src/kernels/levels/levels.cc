// The table of each level.
#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.h"
#include "kernels/cpu.h"
#include "kernels/gemm.h"
#include "kernels/levels/cpu_features.h"
#include "kernels/levels/level.h"

namespace hadal {
namespace kernels {
namespace {

#if defined(__x86_64__)
GemmKernels avx512_table() {
  GemmKernels table = gemm_avx512();
  if (!cpu_features().fast_dpbf16) return table;
  table.bf16_a = Format::bf16;
  table.block_k_bf16 = 1024;
  table.multiply_bf16 = multiply_avx512_bf16;
  table.multiply_bf16_rows = multiply_rows_avx512_bf16;
  table.few_rows = 16;
  table.spin_bf16 = spin_avx512_bf16;
  return table;
}
GemmKernels amx_table() {
  GemmKernels table = gemm_avx512();
  table.row_group = 32;
  table.a_block_bytes = 1024 * 1024;
  table.block_k_bf16 = 4096;
  table.bf16_a = Format::bf16;
  table.multiply_bf16 = multiply_amx;
  table.multiply_tiles = multiply_amx_tiles;
  table.multiply_bf16_rows = multiply_rows_amx;
  table.few_rows = 8;
  table.spin_bf16 = spin_amx;
  return table;
}
#endif

}  // namespace

const GemmKernels& gemm_kernels() {
#if defined(__x86_64__)
  static const std::array<GemmKernels, 4> tables = {gemm_generic(), gemm_avx2(), avx512_table(), amx_table()};
  return tables[static_cast<size_t>(cpu_level())];
#else
  return gemm_generic();
#endif
}

}  // namespace kernels

const VectorKernels& vec() {
#if defined(__x86_64__)
  switch (cpu_level()) {
    case CpuLevel::generic:
      return kernels::vector_generic();
    case CpuLevel::avx2:
      return kernels::vector_avx2();
    default:
      return kernels::vector_avx512();
  }
#else
  return kernels::vector_generic();
#endif
}

double measure_peak_flops(Precision precision, int num_threads) {
  using Clock = std::chrono::steady_clock;
  HADAL_CHECK(num_threads >= 1);
  const auto& level = kernels::gemm_kernels();
  const auto spin = precision == Precision::bf16 ? level.spin_bf16 : level.spin_f32;
  std::vector<double> rates(static_cast<size_t>(num_threads));
  auto measure = [&](double& rate) {  // the best of short slices: other programs may take whole ones
    int64_t iterations = 1000;
    double total = 0;
    for (rate = 0; total < 0.2;) {
      const auto start = Clock::now();
      const double done = spin(iterations);
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (seconds < 0.001)
        iterations *= 2;
      else
        rate = std::max(rate, done / seconds);
      total += seconds;
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < rates.size(); ++i) threads.emplace_back(measure, std::ref(rates[i]));
  measure(rates[0]);
  for (auto& thread : threads) thread.join();
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum;
}

}  // namespace hadal
