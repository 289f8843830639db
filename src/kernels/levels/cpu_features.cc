#include "kernels/levels/cpu_features.h"

#include <cstdint>
#include <vector>

#include "base/bf16.h"
#include "base/log.h"
#include "kernels/levels/level.h"

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
  if (!bf16 || !tile || !system_saves_tiles()) return false;
  if (!amx_request_permission()) {
    log_warning("AMX is on this CPU but the system refuses it to this process; going on without");
    return false;
  }
  if (amx_gives_right_products()) return true;
  log_warning("AMX is on this CPU but multiplies wrongly; going on without");
  return false;
}

// clang 14 has no f16c_present().
bool f16c_present() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 29));
}

CpuFeatures detect() {
  __builtin_cpu_init();
  CpuFeatures f;
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && f16c_present() && __builtin_cpu_supports("aes") &&
           __builtin_cpu_supports("pclmul");
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
  f.avx512_vnni = f.avx512 && __builtin_cpu_supports("avx512vnni");
  f.fast_dpbf16 = f.avx512 && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_is("amd");
  f.wants_streams = __builtin_cpu_is("intel");
  f.amx = f.avx512 && amx_present();
  return f;
}
#else
CpuFeatures detect() { return {}; }
#endif

CpuFeatures& features() {
  static CpuFeatures detected = detect();
  return detected;
}

}  // namespace

const CpuFeatures& cpu_features() { return features(); }

void pretend_amx_for_test() { features().amx = true; }

bool amx_gives_right_products() {
#if defined(__x86_64__)
  constexpr int64_t kRows = 21, kDepth = 96;  // a full tile, a partial one, three steps
  std::vector<Bf16> a, panel;
  for (int64_t i = 0; i < kRows * kDepth; ++i) a.push_back(Bf16(static_cast<float>(i * 37 % 41 - 20)));
  for (int64_t i = 0; i < kDepth * kPanel; ++i) panel.push_back(Bf16(static_cast<float>(i * 53 % 29 - 14)));
  std::vector<float> c(kRows * kPanel);
  multiply_amx(a.data(), kDepth, panel.data(), kDepth, c.data(), kPanel, kRows, kPanel, false, nullptr);
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t n = 0; n < kPanel; ++n) {
      float sum = 0;  // small integers: exact in any order
      for (int64_t k = 0; k < kDepth; ++k)
        sum += static_cast<float>(a[static_cast<size_t>(r * kDepth + k)]) *
               static_cast<float>(panel[static_cast<size_t>(k / 2 * 2 * kPanel + 2 * n + k % 2)]);
      if (c[static_cast<size_t>(r * kPanel + n)] != sum) return false;
    }
  return true;
#else
  return false;
#endif
}

}  // namespace hadal::kernels
