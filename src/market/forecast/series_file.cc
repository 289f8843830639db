#include "market/forecast/series_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "base/toml_table.h"

namespace hadal::market::forecast {
namespace {

constexpr size_t kMaxColumns = 4096, kMaxLineBytes = 1 << 20;

double number(std::string_view text, const std::string& who) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    fail("{}: expected a number such as 12.5, found \"{}\"", who, brief(text));
  }
  return value;
}

size_t time_column_of(const std::vector<std::string>& names, const std::string& column, const std::string& who) {
  const auto found = std::find(names.begin(), names.end(), column);
  if (found == names.end()) {
    fail("{}: expected the column \"{}\" of times, found none; the nearest is \"{}\"", who, brief(column),
         brief(nearest_word(column, names)));
  }
  if (names.size() < 2 || names.size() > kMaxColumns)
    fail("{}: expected 2 to {} columns, found {}", who, kMaxColumns, names.size());
  return static_cast<size_t>(found - names.begin());
}

}  // namespace

SeriesFile read_series(const Path& file, const std::string& time_column, size_t num_rows) {
  SeriesFile series;
  std::vector<std::vector<double>> columns;
  size_t time = 0;
  for_each_line(
      file,
      [&](std::string_view line, int64_t number_of_line) {
        const std::string who = fmt::format("{}:{}", file.string(), number_of_line);
        if (line.ends_with('\r')) line.remove_suffix(1);
        const std::vector<std::string> cells = split(line, ',');
        if (number_of_line == 1) {
          time = time_column_of(cells, time_column, who);
          series.channels = cells;
          series.channels.erase(series.channels.begin() + static_cast<ptrdiff_t>(time));
          columns.resize(series.channels.size());
          return true;
        }
        if (cells.size() != columns.size() + 1) {
          fail("{}: expected {} columns as in the first line, found {}", who, columns.size() + 1, cells.size());
        }
        for (size_t cell = 0, channel = 0; cell < cells.size(); ++cell) {
          if (cell == time)
            series.times.push_back(cells[cell]);
          else
            columns[channel++].push_back(number(cells[cell], who));
        }
        return series.times.size() < num_rows;
      },
      kMaxLineBytes);
  if (series.times.size() < num_rows) {
    fail("{}: expected the {} rows that split names, found {}", file.string(), num_rows, series.times.size());
  }
  for (const auto& column : columns) series.values.insert(series.values.end(), column.begin(), column.end());
  return series;
}

}  // namespace hadal::market::forecast
