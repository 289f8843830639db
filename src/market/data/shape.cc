#include "market/data/shape.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/toml_table.h"
#include "market/data/fields.h"
#include "market/data/segment.h"

namespace hadal::market {
namespace {

const std::vector<std::string>& field_names() {
  static const std::vector<std::string> names = {"date",  "time",   "end",    "symbol", "open",  "high",
                                                 "low",   "close",  "volume", "vwap",   "ratio", "over",
                                                 "under", "amount", "first",  "last",   "list"};
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

bool is_number(std::string_view text) {
  return !text.empty() && parse_number(text) && text.find_first_of("0123456789") != std::string_view::npos;
}

// A first line is a header where hardly any of its fields is a number or a time.
bool is_header(const FieldCutter& fields, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (is_number(fields[i]) || parse_stamp(fields[i]) || parse_stamp(fields[i], DayOrder::day_first)) return false;
  return true;
}

// aapl_us_d.csv, or aapl.us.txt: as Stooq names what it gives.
bool is_named_as_stooq(const std::string& file_name) {
  const std::string name = lower_case(file_name);
  for (const char* ending : {"_d.csv", "_w.csv", "_m.csv"})
    if (name.ends_with(ending)) return true;
  return name.ends_with(".txt") && std::count(name.begin(), name.end(), '.') == 2;
}

Shape shape_of_lean(const std::string& where, size_t count) {
  if (count < 5) fail("{}: expected LEAN's columns time, open, high, low, close, volume, found {}", where, count);
  Shape shape{.format = "lean", .has_header = false, .date = 0, .divisor = 10000, .width = count < 6 ? 5 : 6};
  for (int i = 0; i < shape.width - 1; ++i) shape.value[i] = i + 1;
  return shape;
}

Shape shape_of_binance(bool has_header) {
  Shape shape{.format = "binance", .has_header = has_header, .date = 0, .turnover = 7, .close_time = 6, .width = 8};
  for (int i = 0; i < 5; ++i) shape.value[i] = i + 1;
  return shape;
}

void find_values(Shape& shape, const ImportOptions& options, const std::string& where) {
  const auto find = [&](const std::string& field, const std::vector<std::string_view>& usual) {
    return find_column(shape.names, field, usual, options, where);
  };
  shape.end = options.columns.count("end") != 0 ? find("end", {}) : -1;
  if (shape.end < 0) {
    shape.date = find("date", {"date", "<date>", "datetime", "timestamp", "trade_date", "session", "day", "open_time",
                               "open time", "unix", ""});
    shape.time = find("time", {"time", "<time>"});
    if (shape.date < 0) std::swap(shape.date, shape.time);
  } else {
    shape.date = shape.end;
  }
  shape.symbol = find("symbol", {"symbol", "ticker", "<ticker>", "instrument", "code"});
  shape.value[kOpen] = find("open", {"open", "<open>", "o"});
  shape.value[kHigh] = find("high", {"high", "<high>", "h", "max"});
  shape.value[kLow] = find("low", {"low", "<low>", "l", "min"});
  shape.value[kClose] = find("close", {"close", "<close>", "c", "close/last", "last"});
  shape.value[kVolume] = find("volume", {"volume", "<vol>", "vol", "v", "vol."});
  shape.value[kVwap] = find("vwap", {"vwap"});
  const auto find_own = [&](const std::vector<std::string_view>& usual) {
    return find_column(shape.names, "", usual, options, where);
  };
  shape.period = find_own({"<per>"});
  shape.has_adjusted_close = find_own({"adj close", "adj_close", "adjclose", "adj. close"}) >= 0;
  shape.dividend = find_own({"dividends"}), shape.split = find_own({"stock splits"});
}

std::string format_of(const Shape& shape, const std::string& file_name) {
  const auto has = [&](std::initializer_list<std::string_view> names) {
    return std::any_of(shape.names.begin(), shape.names.end(), [&](const std::string& name) {
      return std::find(names.begin(), names.end(), lower_case(name)) != names.end();
    });
  };
  if (shape.has_adjusted_close || (shape.dividend >= 0 && shape.split >= 0)) return "yahoo";
  if (has({"<ticker>"}) && has({"<date>"})) return "stooq";
  if (has({"open_time", "open time"}) && has({"close_time", "close time"})) return "binance";
  if (has({"factor"}) && shape.value[kClose] >= 0) return "qlib";
  return is_named_as_stooq(file_name) ? "stooq" : "csv";
}

void require_columns(const Shape& shape, const std::string& where) {
  std::vector<std::string> absent;
  if (shape.date < 0) absent.emplace_back("date");
  for (int i = kOpen; i <= kClose; ++i)
    if (shape.value[i] < 0) absent.emplace_back(kValueNames[i]);
  if (absent.empty()) return;
  fail(
      "{}: expected columns date, open, high, low and close, found {} without {}; say which they are, as --map "
      "{}=Column",
      where, brief(joined(shape.names), 200), joined(absent), absent.front());
}

[[noreturn]] void fail_twice(const std::vector<std::string>& header, const std::string& field, ptrdiff_t first,
                             ptrdiff_t second, const std::string& where) {
  const std::string &a = header[static_cast<size_t>(first)], &b = header[static_cast<size_t>(second)];
  fail("{}: expected one column of this name, found two, columns {} ({}) and {} ({}); rename one{}", where, first + 1,
       brief(a), second + 1, brief(b),
       a == b || field.empty() ? "" : fmt::format(", or say which it is, as --map {}={}", field, a));
}

// The names of columns that nothing is read from.
std::vector<std::string> ignored_of(const Shape& shape) {
  std::vector<char> is_read(shape.names.size());
  const auto read = [&](int column) {
    if (column >= 0) is_read[static_cast<size_t>(column)] = 1;
  };
  for (const int column : {shape.date, shape.time, shape.end, shape.symbol, shape.period, shape.turnover,
                           shape.close_time, shape.dividend, shape.split})
    read(column);
  for (const int column : shape.value) read(column);
  std::vector<std::string> ignored;
  for (size_t i = 0; i < shape.names.size(); ++i)
    if (is_read[i] == 0) ignored.push_back(shape.names[i].empty() ? fmt::format("column {}", i + 1) : shape.names[i]);
  return ignored;
}

}  // namespace

std::map<std::string, std::string> parse_column_map(const std::string& text, const std::string& who) {
  std::map<std::string, std::string> columns;
  for (const std::string& part : split(text, ',')) {
    const size_t at = part.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == part.size())
      fail("{}: expected FIELD=COLUMN as close=Last, found {}", who, brief(part));
    const std::string field = part.substr(0, at);
    const auto& names = field_names();
    if (std::find(names.begin(), names.end(), field) == names.end())
      fail("{}: expected one of the fields {}, found {}; did you mean {}?", who, joined(names), brief(field),
           nearest_word(field, names));
    columns[field] = part.substr(at + 1);
  }
  return columns;
}

int find_column(const std::vector<std::string>& header, const std::string& field,
                const std::vector<std::string_view>& usual, const ImportOptions& options, const std::string& where) {
  const auto named = options.columns.find(field);
  if (named != options.columns.end()) {
    const auto at = std::find(header.begin(), header.end(), named->second);
    if (at != header.end())
      if (const auto other = std::find(at + 1, header.end(), named->second); other != header.end())
        fail_twice(header, field, at - header.begin(), other - header.begin(), where);
    if (at == header.end())
      fail("{}: --map {}={}: expected one of the columns {}, found no such", where, field, named->second,
           brief(joined(header), 300));
    return static_cast<int>(at - header.begin());
  }
  for (const std::string_view name : usual)
    for (size_t i = 0; i < header.size(); ++i) {
      if (lower_case(header[i]) != name) continue;
      for (size_t other = i + 1; other < header.size(); ++other)
        if (lower_case(header[other]) == name)
          fail_twice(header, field, static_cast<ptrdiff_t>(i), static_cast<ptrdiff_t>(other), where);
      return static_cast<int>(i);
    }
  return -1;
}

std::vector<std::string> header_of(std::string_view line, char delimiter, const std::string& where) {
  FieldCutter fields(delimiter);
  const size_t count = fields.cut(line, [&] { return where; });
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.emplace_back(fields[i]);
  return names;
}

Shape shape_of(std::string_view first_line, const std::string& file_name, const std::string& where,
               const ImportOptions& options) {
  const char delimiter = delimiter_of(first_line);
  FieldCutter fields(delimiter);
  const size_t count = fields.cut(first_line, [&] { return where; });
  if (!is_header(fields, count)) {
    const auto stamp = parse_stamp(fields[0]);
    if (options.format == "binance" ||
        (options.format == "auto" && count >= 11 && stamp && stamp->kind == Stamp::Kind::number)) {
      if (count < 8) fail("{}: expected Binance's 12 columns of klines, found {}", where, count);
      return shape_of_binance(false);
    }
    const bool is_lean = count >= 5 && count <= 6 && stamp && stamp->kind == Stamp::Kind::clock &&
                         fields[0].size() == 14 && fields[0][8] == ' ';
    if (options.format == "lean" || (options.format == "auto" && is_lean)) {
      if (!is_lean)
        fail("{}: expected LEAN's daily or hourly lines as \"20140609 00:00,925000,...\", found {}", where,
             brief(first_line));
      return shape_of_lean(where, count);
    }
    fail("{}: expected a header with the names of the columns, found {}; add one, as date,open,high,low,close,volume",
         where, brief(first_line));
  }
  if (options.format == "lean") fail("{}: expected LEAN's lines without a header, found {}", where, brief(first_line));
  Shape shape{.delimiter = delimiter};
  shape.names = header_of(first_line, delimiter, where);
  find_values(shape, options, where);
  shape.format = options.format == "auto" ? format_of(shape, file_name) : options.format;
  if (shape.format == "binance") {
    const std::vector<std::string> names = shape.names;
    if (count < 8) fail("{}: expected Binance's 12 columns of klines, found {}", where, count);
    shape = shape_of_binance(true);
    shape.names = names;
    shape.ignored = ignored_of(shape);
    return shape;
  }
  require_columns(shape, where);
  if (shape.format != "yahoo") shape.dividend = shape.split = -1;
  shape.ignored = ignored_of(shape);
  for (const int column : {shape.date, shape.time, shape.symbol, shape.period, shape.dividend, shape.split})
    shape.width = std::max(shape.width, column + 1);
  for (const int column : shape.value) shape.width = std::max(shape.width, column + 1);
  return shape;
}

}  // namespace hadal::market
