#include "market/factors/power.h"

#include <cmath>
#include <limits>

namespace hadal::market::factors {
namespace {

// For positive finite x; the series of kernels-inl.h.
double natural_log(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // [.5, 1)
  if (m < 0.70710678118654752) m *= 2, --exponent;
  const double s = (m - 1) / (m + 1), z = s * s;
  double series = 1.0 / 25;
  for (int k = 23; k >= 3; k -= 2) series = series * z + 1.0 / k;
  const double fine = 2 * s + (2 * s * z * series + exponent * 1.9082149292705877e-10);
  return exponent * 0.6931471803691238 + fine;
}

double exponential(double x) {
  if (x > 710) return std::numeric_limits<double>::infinity();
  if (x < -746) return 0;
  const double k = std::nearbyint(x * 1.4426950408889634);
  const double r = (x - k * 0.6931471803691238) - k * 1.9082149292705877e-10;
  double series = 1;
  for (int i = 14; i >= 1; --i) series = 1 + series * r / i;
  return std::ldexp(series, static_cast<int>(k));
}

double whole_power(double x, int n) {
  double value = 1;
  for (double square = x; n != 0; n /= 2, square *= square)
    if (n % 2 != 0) value *= square;
  return value;
}

}  // namespace

double power(double x, double y) {
  if (x != x || y != y) return std::numeric_limits<double>::quiet_NaN();
  const bool whole = y == std::floor(y);
  if (whole && std::abs(y) <= 64) {
    const double value = whole_power(x, static_cast<int>(std::abs(y)));
    return y < 0 ? 1 / value : value;
  }
  if (y == 0.5 && x >= 0) return std::sqrt(x);
  if (x == 0) return y > 0 ? 0 : std::numeric_limits<double>::quiet_NaN();
  if (x < 0 && !whole) return std::numeric_limits<double>::quiet_NaN();
  const double value = exponential(y * natural_log(std::abs(x)));
  return x < 0 && std::fmod(y, 2) != 0 ? -value : value;
}

}  // namespace hadal::market::factors
