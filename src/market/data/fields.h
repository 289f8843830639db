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

// What stands first in a day like "6/9/2014", the month or the day. Nothing in it says so but a number above 12.
enum class DayOrder : uint8_t { month_first, day_first };

// "2014-06-09", "20140609", "2014/06/09", "6/9/2014" in the order given, "9.6.2014", each with or without a clock
// "16:00", "16:00:00.25", "1600", "160000" and a zone; or seconds, milliseconds, microseconds or nanoseconds since
// 1970.
std::optional<Stamp> parse_stamp(std::string_view text, DayOrder order = DayOrder::month_first);
std::optional<Time> parse_clock(std::string_view text);  // of a day, in microseconds

// Which order the days of one file have: as it was said, or as those with a number above 12 show.
class DayOrderFinder {
 public:
  explicit DayOrderFinder(std::string_view said);  // "mdy", "dmy"; "" where the file has to show it
  // Takes note of a date of the file. True where it shows that the days before it were read in the wrong order: each of
  // them could be read in both. Error that begins with where() for one that contradicts the order.
  template <typename Where>
  bool note(std::string_view text, const Where& where) {
    if (text.size() < 3 || (text[1] != '/' && text[2] != '/')) [[likely]] {
      any_other_ = true;
      return false;
    }
    const Shows shows = shown_by(text);
    if (shows == Shows::nothing || (is_settled_ && (shows == Shows::either || shows == settled_))) return false;
    return settle(shows, text, where());
  }
  DayOrder order() const { return settled_ == Shows::day_first ? DayOrder::day_first : DayOrder::month_first; }
  void check_settled() const;  // Error where there were days that can be read in both orders, and none that shows which

 private:
  enum class Shows : uint8_t { nothing, either, month_first, day_first };
  static Shows shown_by(std::string_view text);
  bool settle(Shows shows, std::string_view text, const std::string& where);
  bool is_settled_ = false, any_other_ = false;  // days written in other ways
  Shows settled_ = Shows::month_first;           // until then: what is assumed
  std::string by_, in_doubt_;
};

// The same time on the day that the other order makes of its month and day, which must be below 13.
Time with_day_and_month_swapped(Time time);

// What one step of a number of Stamp is, by its size: a second, a millisecond, a microsecond; nanoseconds count as 0.
Time unit_of(int64_t number);
Time time_of_number(int64_t number);

}  // namespace hadal::market
