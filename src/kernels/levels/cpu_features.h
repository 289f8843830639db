// What CPUID and the operating system report. Private to the module.
#pragma once

namespace hadal::kernels {

struct CpuFeatures {
  bool avx2 = false;         // with FMA, F16C, BMI
  bool avx512 = false;       // F, BW, CD, DQ, VL
  bool avx512_vnni = false;  // avx512 with vpdpbusd
  bool fast_dpbf16 = false;  // has vdpbf16ps, and it is faster than f32 FMA
  bool wants_streams =
      false;         // a core reads several streams faster than one (Intel: 13.9 to 11.2 GB/s; Zen 3: two were slower)
  bool amx = false;  // tiles and tdpbf16ps, permitted by the system, and they passed a first check
};

const CpuFeatures& cpu_features();

// For the tests that emulate AMX: reports it as present from now on.
void pretend_amx_for_test();
// Multiplies a small matrix on tiles and compares it with the plain product.
bool amx_gives_right_products();

}  // namespace hadal::kernels
