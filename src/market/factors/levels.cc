#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "market/factors/kernels.h"

namespace hadal::market::factors {
namespace {

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2");
#else
  return false;
#endif
}

bool has_avx512() {
#if defined(__x86_64__)
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
#else
  return false;
#endif
}

}  // namespace

const Kernels& chosen_kernels() {
  const char* requested = std::getenv("HADAL_CPU");
  const std::string_view level = requested ? requested : "";
  if (level.empty()) return has_avx512() ? kernels_avx512() : has_avx2() ? kernels_avx2() : kernels_generic();
  if (level == "generic") return kernels_generic();
  if (level == "avx2" && has_avx2()) return kernels_avx2();
  if ((level == "avx512" || level == "amx") && has_avx512()) return kernels_avx512();
  fail("HADAL_CPU: expected a level that this CPU has (generic{}{}), found {}; unset it to take the best",
       has_avx2() ? ", avx2" : "", has_avx512() ? ", avx512" : "", brief(level));
}

}  // namespace hadal::market::factors
