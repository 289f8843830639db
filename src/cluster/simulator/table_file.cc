#include "cluster/simulator/table_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace hadal::cluster {

namespace {

template <typename Number>
bool parse_whole_text(const std::string& text, Number& value) {
  const auto [end, mistake] = std::from_chars(text.data(), text.data() + text.size(), value);
  return mistake == std::errc() && end == text.data() + text.size();
}

}  // namespace

TableFile::TableFile(const Path& path, const std::vector<std::string>& columns) : path_(path) {
  for_each_line(path, [&](std::string_view line, int64_t number) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (line.empty()) return true;
    std::vector<std::string> cells = split(line, ',');
    if (header_.empty()) {
      header_ = std::move(cells);
      for (const std::string& column : columns)
        if (std::count(header_.begin(), header_.end(), column) != 1)
          fail("{}: line {}: expected one column named {}, found the header {}", path_.string(), number, column,
               brief(line));
      return true;
    }
    if (cells.size() != header_.size())
      fail("{}: line {}: expected {} as in the header, found {}", path_.string(), number,
           counted(static_cast<int64_t>(header_.size()), "column"), cells.size());
    rows_.push_back(std::move(cells));
    lines_.push_back(number);
    return true;
  });
  if (rows_.empty())
    fail("{}: expected a header and rows below it, found {}", path_.string(), header_.empty() ? "nothing" : "no row");
}

size_t TableFile::column(std::string_view name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  HADAL_CHECK(found != header_.end());
  return static_cast<size_t>(found - header_.begin());
}

const std::string& TableFile::text(size_t row, size_t column) const {
  const std::string& cell = rows_[row][column];
  if (cell.empty()) fail_at(row, column, "a text");
  return cell;
}

double TableFile::number(size_t row, size_t column, bool or_nan) const {
  double value = 0;
  if (!parse_whole_text(rows_[row][column], value) || std::isinf(value) || (std::isnan(value) && !or_nan))
    fail_at(row, column, or_nan ? "a number or nan" : "a number");
  return value;
}

double TableFile::number_above(size_t row, size_t column, double least) const {
  const double value = number(row, column);
  if (value <= least) fail_at(row, column, fmt::format("a number above {}", least));
  return value;
}

int64_t TableFile::whole(size_t row, size_t column, int64_t least, int64_t most) const {
  int64_t value = 0;
  if (!parse_whole_text(rows_[row][column], value) || value < least || value > most)
    fail_at(row, column, fmt::format("a whole number from {} to {}", least, most));
  return value;
}

void TableFile::fail_at(size_t row, size_t column, std::string_view expected) const {
  fail("{}, column {}: expected {}, found {}", where(row), brief(header_[column]), expected, brief(rows_[row][column]));
}

std::string TableFile::where(size_t row) const { return fmt::format("{}: line {}", path_.string(), lines_[row]); }

}  // namespace hadal::cluster
