// Exact decimal numbers with 8 digits after the point, in 128 bits: money, prices and quantities of the ledger. Sums
// are exact; products and quotients are rounded half to even. Numbers up to 1e30 fit; what does not is a mistake and
// aborts.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::market {

class Decimal {
 public:
  using Units = __int128;  // of 1e-8
  static constexpr int64_t kScale = 100'000'000;

  constexpr Decimal() = default;
  constexpr explicit Decimal(int64_t whole) : units_(Units{whole} * kScale) {}
  static constexpr Decimal of_units(Units units) {
    Decimal value;
    value.units_ = units;
    return value;
  }
  // "-12.5", ".3", "1e4" not; more than 8 digits after the point are rounded half to even. Nothing for another text.
  static std::optional<Decimal> parse(std::string_view text);
  static Decimal of_double(double value);  // rounded half to even in decimal: of the shortest digits that give `value`

  constexpr Units units() const { return units_; }
  double to_double() const;
  std::string text() const;  // "12.5": no zeros at the end, no point where there is nothing behind it

  constexpr auto operator<=>(const Decimal&) const = default;
  constexpr Decimal operator-() const { return of_units(-units_); }
  constexpr Decimal& operator+=(Decimal b) { return units_ += b.units_, *this; }
  constexpr Decimal& operator-=(Decimal b) { return units_ -= b.units_, *this; }
  friend constexpr Decimal operator+(Decimal a, Decimal b) { return a += b; }
  friend constexpr Decimal operator-(Decimal a, Decimal b) { return a -= b; }
  friend Decimal operator*(Decimal a, Decimal b);  // rounded half to even
  friend Decimal operator/(Decimal a, Decimal b);  // rounded half to even; aborts for b = 0
  constexpr bool is_zero() const { return units_ == 0; }

 private:
  Units units_ = 0;
};

constexpr Decimal abs(Decimal a) { return a < Decimal{} ? -a : a; }
Decimal floor(Decimal a);                                     // to a whole number, down
Decimal truncate(Decimal a);                                  // to a whole number, toward zero
Decimal round_half_even(Decimal a, int digits);               // digits after the point: 0 to 8
Decimal times_ratio(Decimal a, int64_t over, int64_t under);  // a * over / under, rounded half to even once

// Whether a price can be traded at: above 0, below 1e10, and of digits that 8 after the point hold to a millionth of
// it. False for a missing one.
bool holds_price(double price);

}  // namespace hadal::market
