#include "kernels/quant_gemm.h"

#include <algorithm>
#include <vector>

#include "kernels/level.h"

namespace hadal::kernels {
namespace {

// 32 columns of B at a time: dequantised, packed, and multiplied while they are in the cache.
void multiply_panels(const Product& p, Precision precision, ThreadPool& pool) {
  const int64_t panels = (p.quant.rows + kPanel - 1) / kPanel;
  auto job = [&](int64_t panel, int) {
    const int64_t first = panel * kPanel, count = std::min(kPanel, p.quant.rows - first);
    thread_local std::vector<float> numbers;
    numbers.resize(static_cast<size_t>(count * p.quant.cols));
    for (int64_t r = 0; r < count; ++r) dequantise_row(p.quant, first + r, numbers.data() + r * p.quant.cols);
    Product part = p;
    part.quant = {};
    part.b = MatrixView(numbers.data(), count, p.quant.cols, p.quant.cols).transposed();
    part.c = p.c + first;
    gemm({&part, 1}, precision, pool);
  };
  pool.parallel_for(panels, job);
}

}  // namespace

void quant_gemm(std::span<const Product> products, Precision precision, ThreadPool& pool) {
  for (const Product& p : products)
    if (p.a.rows > 0) multiply_panels(p, precision, pool);
}

}  // namespace hadal::kernels
