#include "kernels/cpu_features.h"

#include "kernels/level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hadal::kernels {
namespace {

#if defined(__x86_64__)
bool system_saves_tiles() {
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & 0x60000u) == 0x60000u;  // XTILECFG and XTILEDATA in XCR0
}

bool amx_present() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const bool bf16 = d & (1u << 22), tile = d & (1u << 24);
  return bf16 && tile && system_saves_tiles() && amx_request_permission();
}

CpuFeatures detect() {
  __builtin_cpu_init();
  CpuFeatures f;
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  f.fast_dpbf16 = f.avx512 && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_is("amd");
  f.amx = f.avx512 && amx_present();
  return f;
}
#else
CpuFeatures detect() { return {}; }
#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

}  // namespace hadal::kernels
