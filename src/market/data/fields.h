// The fields of a line of CSV, and the numbers and times in them. Fast for what files of prices usually hold.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "market/time.h"

namespace hadal::market {

inline constexpr size_t kMaxColumns = 256;

// Cuts a line at a delimiter; "quoted, fields" lose their quotes.
class FieldCutter {
 public:
  explicit FieldCutter(char delimiter) : delimiter_(delimiter) {}
  // How many fields; Error that begins with where() for more than kMaxColumns or an open quote. Spaces around a field
  // are dropped.
  template <typename Where>
  size_t cut(std::string_view line, const Where& where) {
    const size_t count = cut_fields(line);
    if (count > kMaxColumns || open_quote_) [[unlikely]]
      fail_cut(where());
    return count;
  }
  std::string_view operator[](size_t i) const { return fields_[i]; }

 private:
  size_t cut_fields(std::string_view line);
  size_t cut_quoted(std::string_view line);
  [[noreturn]] void fail_cut(const std::string& where) const;
  char delimiter_;
  bool open_quote_ = false;
  std::array<std::string_view, kMaxColumns> fields_;
  std::string unquoted_;
};

// The one of , ; tab | that a header or first line holds most often; ',' where it holds none.
char delimiter_of(std::string_view line);

// A decimal number with a point: 12.5, -3, 1e6. Missing for "", null, nan, na, n/a, none, - and infinite ones; nothing
// where it is no number.
std::optional<double> parse_number(std::string_view text);

// A time as it stands in a file.
struct Stamp {
  enum class Kind : uint8_t { day, clock, zoned, number };
  int64_t value = 0;   // microseconds of the wall's clock; of a number: the number
  int32_t offset = 0;  // of a zoned one: what its clock is ahead of UTC, in minutes
  Kind kind = Kind::day;
};

// "2014-06-09", "20140609", "2014/06/09", "6/9/2014" (month first), "9.6.2014", each with or without a clock "16:00",
// "16:00:00.25", "1600", "160000" and a zone; or seconds, milliseconds, microseconds or nanoseconds since 1970.
std::optional<Stamp> parse_stamp(std::string_view text);
std::optional<Time> parse_clock(std::string_view text);  // of a day, in microseconds

// What one step of a number of Stamp is, by its size: a second, a millisecond, a microsecond; nanoseconds count as 0.
Time unit_of(int64_t number);
Time time_of_number(int64_t number);

}  // namespace hadal::market
