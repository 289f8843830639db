// Registers of HADAL_WIDTH doubles, for the level that HADAL_LEVEL names (kernels-inl.h).
#include <cstdint>

#include "market/factors/kernels.h"

namespace hadal::market::factors {
namespace HADAL_LEVEL {
namespace {

constexpr int W = HADAL_WIDTH;
typedef double V __attribute__((vector_size(8 * HADAL_WIDTH)));
typedef int64_t I __attribute__((vector_size(8 * HADAL_WIDTH)));

inline V all(double value) { return V{} + value; }
inline V load(const double* p) { return *reinterpret_cast<const V*>(p); }
inline void store(double* p, V v) { *reinterpret_cast<V*>(p) = v; }
inline V missing() { return all(__builtin_nan("")); }
inline V one_where(I mask) { return mask ? all(1) : all(0); }
inline V finite(V v) { return v - v == 0 ? v : missing(); }  // what is infinite is missing too
inline V root(V v) {
  V r;
  for (int i = 0; i < W; ++i) r[i] = __builtin_sqrt(v[i]);
  return r;
}
inline I is_there(V v) { return v == v; }
inline I truth(V v) { return (v == v) & (v != 0); }  // what is missing is not true

}  // namespace
}  // namespace HADAL_LEVEL
}  // namespace hadal::market::factors
