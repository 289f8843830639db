// What do products with quantised matrices cost, for few rows and many?
// Usage: quant_gemm_speed [K [THREADS [MB [TYPE ...]]]]   MB of weights for each type: by default so many that they
// come from memory. Prints CSV: type, rows, milliseconds, GB of weights a second, 10^9 multiplications a second;
// HADAL_CPU picks the level.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/gemm.h"

namespace {

using namespace hadal;

double best_seconds(const Product& product, ThreadPool& pool) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    gemm({&product, 1}, Precision::bf16, pool);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void measure(QuantType type, int64_t k, double megabytes, ThreadPool& pool) {
  QuantMatrix w{.type = type, .rows = 1, .cols = k};
  w.rows = static_cast<int64_t>(megabytes * 1e6) / w.row_bytes();
  Rng rng(1, 0);
  std::vector<uint64_t> words(static_cast<size_t>(w.bytes()) / 8 + 1);
  for (uint64_t& word : words) word = rng.next() & 0x3b3b3b3b3b3b3b3b;  // f16 scales are finite
  w.data = reinterpret_cast<const std::byte*>(words.data());
  for (const int64_t rows : {1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 256}) {
    std::vector<float> a(static_cast<size_t>(rows * k)), c(static_cast<size_t>(rows * w.rows));
    for (float& x : a) x = rng.normal();
    Product p;
    p.a = MatrixView(a.data(), rows, k, k);
    p.quant = w;
    p.c = c.data();
    p.c_stride = w.rows;
    const double seconds = best_seconds(p, pool), macs = static_cast<double>(rows * w.rows * k);
    std::printf("%.*s,%lld,%.2f,%.2f,%.1f\n", static_cast<int>(quant_format(type).name.size()),
                quant_format(type).name.data(), static_cast<long long>(rows), seconds * 1e3,
                static_cast<double>(w.bytes()) / seconds / 1e9, macs / seconds / 1e9);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int64_t k = argc > 1 ? std::atoll(argv[1]) : 2048;
    ThreadPool pool(argc > 2 ? std::atoi(argv[2]) : 1);
    const double megabytes = argc > 3 ? std::atof(argv[3]) : 96;
    std::printf("type,rows,ms,gb_per_s,gmac_per_s\n");
    for (int t = 0; t < kNumQuantTypes; ++t) {
      const auto type = static_cast<QuantType>(t);
      const auto& format = quant_format(type);
      const bool asked = argc <= 4 || std::any_of(argv + 4, argv + argc, [&](const char* name) {
                           return format.name == std::string_view(name);
                         });
      if (asked && format.block_weights > 1 && type != QuantType::fp8_e4m3 && k % format.block_weights == 0)
        measure(type, k, megabytes, pool);
    }
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
