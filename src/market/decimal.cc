#include "market/decimal.h"

#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace hadal::market {
namespace {

using Units = Decimal::Units;
using Wide = unsigned __int128;

Wide magnitude(Units value) { return value < 0 ? -static_cast<Wide>(value) : static_cast<Wide>(value); }

Units rounded_quotient(Wide value, Wide divisor, bool negative) {
  Wide quotient = value / divisor;
  const Wide rest = value - quotient * divisor, other = divisor - rest;
  if (rest > other || (rest == other && quotient % 2 == 1)) ++quotient;
  return negative ? -static_cast<Units>(quotient) : static_cast<Units>(quotient);
}

// a * b / divisor, rounded half to even, where a * b may need 256 bits.
Units scaled_product(Units a, Units b, Wide divisor) {
  const bool negative = (a < 0) != (b < 0);
  const Wide x = magnitude(a), y = magnitude(b);
  Wide product;
  if (!__builtin_mul_overflow(x, y, &product)) return rounded_quotient(product, divisor, negative);
  // Long division: x = quotient * divisor + rest; x*y/divisor = quotient*y + rest*y/divisor.
  const Wide quotient = x / divisor, rest = x % divisor;
  Wide whole, part;
  HADAL_CHECK(!__builtin_mul_overflow(quotient, y, &whole) && !__builtin_mul_overflow(rest, y, &part),
              "a product beyond 1e30");
  const Units sum = static_cast<Units>(whole) + rounded_quotient(part, divisor, false);
  return negative ? -sum : sum;
}

}  // namespace

Decimal operator*(Decimal a, Decimal b) {
  return Decimal::of_units(scaled_product(a.units_, b.units_, Wide{Decimal::kScale}));
}

Decimal operator/(Decimal a, Decimal b) {
  HADAL_CHECK(b.units_ != 0, "a division by zero");
  return Decimal::of_units(scaled_product(b.units_ < 0 ? -a.units_ : a.units_, Decimal::kScale, magnitude(b.units_)));
}

Decimal times_ratio(Decimal a, int64_t over, int64_t under) {
  HADAL_CHECK(under > 0, "a ratio over {}", under);
  return Decimal::of_units(scaled_product(a.units(), over, static_cast<Wide>(under)));
}

Decimal floor(Decimal a) {
  const Decimal cut = truncate(a);
  return cut > a ? cut - Decimal(1) : cut;
}

Decimal truncate(Decimal a) { return Decimal::of_units(a.units() / Decimal::kScale * Decimal::kScale); }

Decimal round_half_even(Decimal a, int digits) {
  HADAL_CHECK(digits >= 0 && digits <= 8, "{} digits", digits);
  Wide unit = 1;
  for (int i = digits; i < 8; ++i) unit *= 10;
  return Decimal::of_units(rounded_quotient(magnitude(a.units()), unit, a.units() < 0) * static_cast<Units>(unit));
}

std::optional<Decimal> Decimal::parse(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  Units units = 0;
  int after = -1;  // digits after the point so far; -1: there was no point
  bool any = false, half = false, beyond = false;
  for (const char c : text) {
    if (c == '.' && after < 0) {
      after = 0;
      continue;
    }
    if (c < '0' || c > '9') return {};
    any = true;
    if (after < 8) {
      if (units > Units{1} << 110) return {};
      units = units * 10 + (c - '0');
      if (after >= 0) ++after;
    } else if (after++ == 8) {
      half = c >= '5', beyond = c > '5';
      if (c < '5') half = false;
    } else if (c != '0') {
      beyond = true;
    }
  }
  if (!any) return {};
  for (int i = after < 0 ? 0 : after; i < 8; ++i) units *= 10;
  if (half && (beyond || units % 2 != 0)) ++units;
  return of_units(negative ? -units : units);
}

Decimal Decimal::of_double(double value) {
  // Prices have few digits: where n / 10^k with n of at most 15 digits is the value, no other decimal number so short
  // is, and n is its digits.
  if (std::abs(value) < 1e7) {
    for (const auto& [scale, rest] : {std::pair{1e4, 10'000}, {1e8, 1}}) {
      const double digits = std::nearbyint(value * scale);
      if (digits / scale == value && std::abs(digits) < 1e15)
        return of_units(Units{static_cast<int64_t>(digits)} * rest);
    }
  }
  HADAL_CHECK(std::isfinite(value) && std::abs(value) < 1e22, "an amount of {}", value);
  char digits[400];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed);
  HADAL_CHECK(error == std::errc{}, "an amount of {}", value);
  return *parse({digits, end});
}

double Decimal::to_double() const {
  const std::string digits = text();
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

bool holds_price(double price) {
  if (!(price > 0 && price < 1e10)) return false;
  if (price >= 0.005) return true;  // rounded by at most half of 1e-8
  return std::abs(Decimal::of_double(price).to_double() - price) <= 1e-6 * price;
}

std::string Decimal::text() const {
  Wide rest = magnitude(units_);
  std::string digits;
  for (int i = 0; rest != 0 || i <= 8; ++i, rest /= 10) {
    if (i == 8 && !digits.empty()) digits += '.';
    const char digit = static_cast<char>('0' + static_cast<int>(rest % 10));
    if (i >= 8 || digit != '0' || !digits.empty()) digits += digit;
  }
  if (units_ < 0) digits += '-';
  return {digits.rbegin(), digits.rend()};
}

}  // namespace hadal::market
