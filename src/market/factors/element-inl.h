// Element by element (kernels-inl.h).
#include "market/factors/power.h"

namespace hadal::market::factors {
namespace HADAL_LEVEL {
namespace {

// log(x) = e log 2 + log m, m within [sqrt 1/2, sqrt 2): log m = 2 artanh s, s = (m-1)/(m+1), by its series, of which
// the terms left out are below 1e-18 of the sum.
inline V log_of(V x) {
  constexpr int64_t kFraction = 0x000fffffffffffff, kOne = 0x3ff0000000000000, kTwoTo52 = 0x4330000000000000;
  const I tiny = x < 0x1p-1022;
  const V scaled = tiny ? x * 0x1p54 : x;
  const I bits = reinterpret_cast<I>(scaled);
  V exponent = reinterpret_cast<V>((bits >> 52) | kTwoTo52) - (0x1p52 + 1023);
  exponent = tiny ? exponent - 54 : exponent;
  V m = reinterpret_cast<V>((bits & kFraction) | kOne);
  const I upper = m > 1.4142135623730951;
  m = upper ? m * 0.5 : m;
  exponent = upper ? exponent + 1 : exponent;
  const V s = (m - 1) / (m + 1), z = s * s;
  V series = all(1.0 / 25);
  for (int k = 23; k >= 3; k -= 2) series = series * z + 1.0 / k;
  // log 2 in two parts, the first with zeros at the end: its product with an exponent is exact.
  const V fine = 2 * s + (2 * s * z * series + exponent * 1.9082149292705877e-10);
  const V value = exponent * 0.6931471803691238 + fine;
  return x > 0 ? finite(value) : missing();
}

template <class F>
inline void map(double* out, Operand a, int64_t rows, F f) {
  for (int64_t r = 0; r < rows; ++r, out += kLanes)
    for (int l = 0; l < kLanes; l += W) store(out + l, f(load(a.rows + r * a.stride + l)));
}
template <class F>
inline void map(double* out, Operand a, Operand b, int64_t rows, F f) {
  for (int64_t r = 0; r < rows; ++r, out += kLanes)
    for (int l = 0; l < kLanes; l += W)
      store(out + l, f(load(a.rows + r * a.stride + l), load(b.rows + r * b.stride + l)));
}

inline V keep_missing(V value, V a, V b) {
  value = is_there(a) ? value : a;
  return is_there(b) ? value : b;
}

void element(Op op, double* out, Operand a, Operand b, Operand c, int64_t rows) {
  switch (op) {
    case Op::fill:
      return map(out, a, rows, [](V x) { return x; });
    case Op::abs:
      return map(out, a, rows, [](V x) { return x < 0 ? -x : x + 0.0; });
    case Op::sign:
      return map(out, a, rows, [](V x) { return x > 0 ? all(1) : x < 0 ? all(-1) : x == 0 ? all(0) : missing(); });
    case Op::log:
      return map(out, a, rows, [](V x) { return log_of(x); });
    case Op::logical_not:
      return map(out, a, rows, [](V x) { return truth(x) ? all(0) : all(1); });
    case Op::power:
      return map(out, a, b, rows, [](V x, V y) {
        V r;
        for (int i = 0; i < W; ++i) r[i] = power(x[i], y[i]);
        return finite(r);
      });
    case Op::add:
      return map(out, a, b, rows, [](V x, V y) { return finite(x + y); });
    case Op::sub:
      return map(out, a, b, rows, [](V x, V y) { return finite(x - y); });
    case Op::mul:
      return map(out, a, b, rows, [](V x, V y) { return finite(x * y); });
    case Op::div:
      return map(out, a, b, rows, [](V x, V y) { return finite(x / y); });
    case Op::greater:
      return map(out, a, b, rows, [](V x, V y) { return keep_missing(x > y ? x : y, x, y); });
    case Op::less:
      return map(out, a, b, rows, [](V x, V y) { return keep_missing(x < y ? x : y, x, y); });
    case Op::logical_and:
      return map(out, a, b, rows, [](V x, V y) { return one_where(truth(x) & truth(y)); });
    case Op::logical_or:
      return map(out, a, b, rows, [](V x, V y) { return one_where(truth(x) | truth(y)); });
    case Op::gt:
      return map(out, a, b, rows, [](V x, V y) { return one_where(x > y); });
    case Op::ge:
      return map(out, a, b, rows, [](V x, V y) { return one_where(x >= y); });
    case Op::lt:
      return map(out, a, b, rows, [](V x, V y) { return one_where(x < y); });
    case Op::le:
      return map(out, a, b, rows, [](V x, V y) { return one_where(x <= y); });
    case Op::eq:
      return map(out, a, b, rows, [](V x, V y) { return one_where(x == y); });
    case Op::ne:
      return map(out, a, b, rows, [](V x, V y) { return one_where((x < y) | (x > y)); });
    case Op::coalesce:
      return map(out, a, b, rows, [](V x, V y) { return is_there(x) ? x : y; });
    case Op::choose:
      for (int64_t r = 0; r < rows; ++r, out += kLanes)
        for (int l = 0; l < kLanes; l += W)
          store(out + l, truth(load(a.rows + r * a.stride + l)) ? load(b.rows + r * b.stride + l)
                                                                : load(c.rows + r * c.stride + l));
      return;
    default:
      __builtin_unreachable();
  }
}

}  // namespace
}  // namespace HADAL_LEVEL
}  // namespace hadal::market::factors
