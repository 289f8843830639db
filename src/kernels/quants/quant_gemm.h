// Products with quantised matrices. Private to the module; called by gemm().
#pragma once

#include <span>

#include "kernels/gemm.h"

namespace hadal::kernels {

// All of `products` have `quant`; checked by gemm().
void quant_gemm(std::span<const Product> products, Precision precision, ThreadPool& pool);

}  // namespace hadal::kernels
