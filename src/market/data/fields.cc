#include "market/data/fields.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "market/panel.h"

namespace hadal::market {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_missing_word(std::string_view text) {
  constexpr std::string_view kWords[] = {"", "-", "--", "null", "nan", "na", "n/a", "none", "n.a.", "inf", "-inf"};
  char lower[4];
  size_t size = 0;
  for (const char c : text) {
    if (size == sizeof lower) return false;
    lower[size++] = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  }
  return std::find(std::begin(kWords), std::end(kWords), std::string_view(lower, size)) != std::end(kWords);
}

// Takes between `least` and `most` digits off the front.
std::optional<int> take_digits(std::string_view& text, size_t least, size_t most) {
  int value = 0;
  size_t count = 0;
  while (count < most && count < text.size() && is_digit(text[count])) value = value * 10 + (text[count++] - '0');
  if (count < least) return {};
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Date> day_of(int year, int month, int day) {
  return year < 1000 ? std::nullopt : find_date(year, month, day);
}

// "2014-06-09" at the front: most files write days so.
std::optional<Date> take_iso_day(std::string_view& text) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return {};
  const auto two = [&](size_t at) {
    const auto a = static_cast<unsigned>(text[at] - '0'), b = static_cast<unsigned>(text[at + 1] - '0');
    return a < 10 && b < 10 ? static_cast<int>(a * 10 + b) : -1000;
  };
  const auto day = day_of(two(0) * 100 + two(2), two(5), two(8));
  if (day && (text.size() == 10 || !is_digit(text[10]))) return text.remove_prefix(10), day;
  return {};
}

// The day at the front, in any of the orders that parse_stamp() names.
std::optional<Date> take_day(std::string_view& text, DayOrder order) {
  size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  if (digits == 8) {
    const auto year = take_digits(text, 4, 4), month = take_digits(text, 2, 2), day = take_digits(text, 2, 2);
    return day_of(*year, *month, *day);
  }
  if (digits == 4 && text.size() > 4 && (text[4] == '-' || text[4] == '/')) {
    const char between = text[4];
    const int year = *take_digits(text, 4, 4);
    take(text, between);
    const auto month = take_digits(text, 1, 2);
    if (!month || !take(text, between)) return {};
    const auto day = take_digits(text, 1, 2);
    return day ? day_of(year, *month, *day) : std::nullopt;
  }
  const auto first = take_digits(text, 1, 2);
  if (!first || text.empty() || (text[0] != '/' && text[0] != '.')) return {};
  const char between = text[0];
  take(text, between);
  const auto second = take_digits(text, 1, 2);
  if (!second || !take(text, between)) return {};
  const auto year = take_digits(text, 4, 4);
  if (!year) return {};
  const bool month_first = between == '/' && order == DayOrder::month_first;
  return month_first ? day_of(*year, *first, *second) : day_of(*year, *second, *first);
}

std::optional<Time> take_clock(std::string_view& text) {
  const auto hour = take_digits(text, 1, 2);
  if (!hour || *hour > 23) return {};
  const bool colons = take(text, ':');
  const auto minute = take_digits(text, 2, 2);
  if (!minute || *minute > 59) return {};
  Time time = (*hour * 60 + *minute) * 60 * kSecond;
  if (colons ? !take(text, ':') : text.empty() || !is_digit(text[0])) return time;
  const auto second = take_digits(text, 2, 2);
  if (!second || *second > 59) return {};
  time += *second * kSecond;
  if (!take(text, '.')) return time;
  for (Time unit = kSecond / 10; !text.empty() && is_digit(text[0]); unit /= 10, text.remove_prefix(1))
    time += (text[0] - '0') * unit;
  return time;
}

std::optional<int> take_offset(std::string_view& text) {  // "Z", "UTC", "+02:00", "-0500"
  if (take(text, 'Z') || take(text, 'z')) return 0;
  if (text == "UTC" || text == "GMT") return text = {}, 0;
  const bool west = take(text, '-');
  if (!west && !take(text, '+')) return {};
  const auto hours = take_digits(text, 2, 2);
  take(text, ':');
  const int minutes = take_digits(text, 2, 2).value_or(0);
  if (!hours || *hours > 15 || minutes > 59) return {};
  return (west ? -1 : 1) * (*hours * 60 + minutes);
}

}  // namespace

namespace {

// The highest bit of each byte of `word` that is `c`.
uint64_t bytes_that_are(uint64_t word, char c) {
  constexpr uint64_t kOnes = 0x0101010101010101, kLow = 0x7F7F7F7F7F7F7F7F;
  const uint64_t other = word ^ (kOnes * static_cast<unsigned char>(c));
  return ~(((other & kLow) + kLow) | other | kLow);
}

}  // namespace

size_t FieldCutter::cut_fields(std::string_view line) {
  const char *at = line.data(), *const end = at + line.size();
  const char* start = at;
  size_t count = 0;
  const auto cut = [&](const char* delimiter) {
    if (count < kMaxColumns) fields_[count] = {start, static_cast<size_t>(delimiter - start)};
    ++count;
    start = delimiter + 1;
  };
  if constexpr (std::endian::native == std::endian::little) {
    for (; end - at >= 8; at += 8) {
      uint64_t word;
      std::memcpy(&word, at, sizeof word);
      if (bytes_that_are(word, '"') != 0) [[unlikely]]
        return cut_quoted(line);
      for (uint64_t found = bytes_that_are(word, delimiter_); found != 0; found &= found - 1)
        cut(at + std::countr_zero(found) / 8);
    }
  }
  for (; at != end; ++at) {
    if (*at == delimiter_)
      cut(at);
    else if (*at == '"') [[unlikely]]
      return cut_quoted(line);
  }
  cut(end);
  for (size_t i = 0; i < std::min(count, kMaxColumns); ++i) {
    std::string_view& field = fields_[i];
    if (!field.empty() && (field.front() <= ' ' || field.back() <= ' ')) field = trimmed(field);
  }
  return count;
}

size_t FieldCutter::cut_quoted(std::string_view line) {
  unquoted_.clear();
  unquoted_.reserve(line.size() + 1);  // fields_ points into it
  size_t count = 0, start = 0;
  bool within = false;
  const auto finish = [&] {
    if (count < kMaxColumns) fields_[count] = trimmed({unquoted_.data() + start, unquoted_.size() - start});
    ++count;
    start = unquoted_.size();
  };
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      if (within && i + 1 < line.size() && line[i + 1] == '"')
        unquoted_ += line[++i];
      else
        within = !within;
    } else if (c == delimiter_ && !within) {
      finish();
    } else {
      unquoted_ += c;
    }
  }
  finish();
  open_quote_ = within;
  return count;
}

void FieldCutter::fail_cut(const std::string& where) const {
  if (open_quote_) fail("{}: expected a closing \", found the end of the line", where);
  fail("{}: expected at most {} columns, found more; is it a table of prices?", where, kMaxColumns);
}

char delimiter_of(std::string_view line) {
  char best = ',';
  auto most = std::count(line.begin(), line.end(), ',');
  for (const char candidate : {';', '\t', '|'}) {
    const auto count = std::count(line.begin(), line.end(), candidate);
    if (count > most) best = candidate, most = count;
  }
  return best;
}

std::optional<double> parse_number(std::string_view text) {
  static constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char *at = text.data(), *const end = at + text.size();
  const bool negative = at != end && *at == '-';
  if (negative) ++at;
  uint64_t digits = 0;
  const char *const begin = at, *point = end;
  for (; at != end; ++at) {
    if (is_digit(*at))
      digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    else if (*at == '.' && point == end)
      point = at;
    else
      break;
  }
  const int64_t count = at - begin - (point == end ? 0 : 1), after = point == end ? 0 : end - point - 1;
  // Both parts are exact, so that their quotient is rounded once: the nearest double, as from_chars() finds it.
  if (at == end && count > 0 && count <= 19 && digits <= uint64_t{1} << 53) {
    const double value = static_cast<double>(digits) / kPowers[after];
    return negative ? -value : value;
  }
  if (is_missing_word(text)) return kMissing;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (stop != text.data() + text.size() || error == std::errc::invalid_argument) return {};
  return error != std::errc{} || !std::isfinite(value) ? kMissing : value;
}

std::optional<Time> parse_clock(std::string_view text) {
  const auto time = take_clock(text);
  return text.empty() ? time : std::nullopt;
}

std::optional<Stamp> parse_stamp(std::string_view text, DayOrder order) {
  std::optional<Date> day = take_iso_day(text);
  if (!day) {
    size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    const bool is_number =
        digits >= 9 && (digits == text.size() || text.substr(digits).find_first_not_of(".0") == std::string_view::npos);
    if (is_number) {
      Stamp stamp{0, 0, Stamp::Kind::number};
      const auto [stop, error] = std::from_chars(text.data(), text.data() + digits, stamp.value);
      return error == std::errc{} ? std::optional(stamp) : std::nullopt;
    }
    day = take_day(text, order);
  }
  if (!day) return {};
  Stamp stamp{start_of(*day), 0, Stamp::Kind::day};
  if (text.empty()) return stamp;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return {};
  const auto clock = take_clock(text);
  if (!clock) return {};
  stamp.value += *clock, stamp.kind = Stamp::Kind::clock;
  take(text, ' ');
  if (text.empty()) return stamp;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return {};
  stamp.offset = *offset, stamp.kind = Stamp::Kind::zoned;
  return stamp;
}

DayOrderFinder::DayOrderFinder(std::string_view said) : is_settled_(!said.empty()), by_("--dates says") {
  if (said == "dmy") settled_ = Shows::day_first;
}

DayOrderFinder::Shows DayOrderFinder::shown_by(std::string_view text) {
  const auto first = take_digits(text, 1, 2);
  if (!first || !take(text, '/')) return Shows::nothing;
  const auto second = take_digits(text, 1, 2);
  if (!second || !take(text, '/') || *first == *second) return Shows::nothing;
  if (*first > 12) return *second > 12 ? Shows::nothing : Shows::day_first;
  return *second > 12 ? Shows::month_first : Shows::either;
}

bool DayOrderFinder::settle(Shows shows, std::string_view text, const std::string& where) {
  if (shows == Shows::either) {
    if (in_doubt_.empty())
      in_doubt_ = fmt::format("{}: expected days that show whether the day or the month stands first, found {}", where,
                              brief(text));
    return false;
  }
  if (is_settled_)
    fail("{}: expected the {} first, as {}, found {}; write the dates as 2014-06-09", where,
         settled_ == Shows::day_first ? "day" : "month", by_, brief(text));
  is_settled_ = true;
  by_ = fmt::format("{} has it", where);
  if (shows == settled_) return false;
  settled_ = shows;
  if (in_doubt_.empty()) return false;
  if (any_other_)
    fail("{}: expected days written in one way, found {} beside others; write the dates as 2014-06-09", where,
         brief(text));
  return true;
}

void DayOrderFinder::check_settled() const {
  if (!is_settled_ && !in_doubt_.empty())
    fail("{} and none that shows it; say --dates mdy (month first) or --dates dmy (day first)", in_doubt_);
}

Time with_day_and_month_swapped(Time time) {
  const Date day = date_of(time);
  const YearMonthDay read = year_month_day(day);
  return time - start_of(day) + start_of(date(read.year, read.day, read.month));
}

Time unit_of(int64_t number) {
  if (number < 100'000'000'000) return kSecond;  // to the year 5138
  if (number < 100'000'000'000'000) return kSecond / 1000;
  return number < 100'000'000'000'000'000 ? 1 : 0;
}

Time time_of_number(int64_t number) {
  const Time unit = unit_of(number);
  return unit == 0 ? number / 1000 : number * unit;
}

}  // namespace hadal::market
