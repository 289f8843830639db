#include "market/data/qlib_folder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace hadal::market {
namespace {

std::vector<Date> read_calendar(const Path& file) {
  std::vector<Date> days;
  for_each_line(file, [&](std::string_view line, int64_t number) {
    if (line.empty()) return true;
    const auto day = parse_date(line);
    if (!day || (!days.empty() && *day <= days.back()))
      fail("{}:{}: expected days in ascending order as 2014-06-09, found {}", file.string(), number, brief(line));
    days.push_back(*day);
    return true;
  });
  return days;
}

struct Feature {
  int64_t first = 0;  // number of its first day
  std::vector<float> values;
};

Feature read_feature(const Path& file, size_t num_days) {
  const std::string bytes = read_file(file, uint64_t{1} << 30);
  if (bytes.size() % 4 != 0 || bytes.empty())
    fail("{}: expected float32 values, found {} bytes; it was not written to its end", file.string(), bytes.size());
  Feature feature;
  feature.values.resize(bytes.size() / 4);
  std::memcpy(feature.values.data(), bytes.data(), bytes.size());
  const float first = feature.values.front();
  feature.values.erase(feature.values.begin());
  const auto days = static_cast<float>(num_days);
  if (!(first >= 0 && first <= days) || first != std::floor(first) ||
      static_cast<size_t>(first) + feature.values.size() > num_days)
    fail("{}: expected a first day within the {} days of the calendar, found {} and {} values", file.string(), num_days,
         first, feature.values.size());
  feature.first = static_cast<int64_t>(first);
  return feature;
}

Series read_symbol(const Path& folder, const std::vector<Date>& days) {
  Series series;
  series.symbol = folder.filename().string();
  std::transform(series.symbol.begin(), series.symbol.end(), series.symbol.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  std::vector<RawBar> bars(days.size());
  std::vector<char> any(days.size());
  for (size_t i = 0; i < days.size(); ++i) {
    bars[i].stamp = bars[i].time = start_of(days[i]);
    std::fill(std::begin(bars[i].value), std::end(bars[i].value), kMissing);
  }
  for (int name = 0; name < kNumValues; ++name) {
    const Path file = folder / (std::string(kValueNames[name]) + ".day.bin");
    if (!std::filesystem::exists(file)) {
      if (name <= kClose) fail("{}: expected this file of Qlib's data, found none", file.string());
      continue;
    }
    const Feature feature = read_feature(file, days.size());
    for (size_t i = 0; i < feature.values.size(); ++i) {
      const size_t day = static_cast<size_t>(feature.first) + i;
      bars[day].value[name] = static_cast<double>(feature.values[i]);
      if (name <= kClose && !std::isnan(feature.values[i])) any[day] = 1;
    }
  }
  for (size_t i = 0; i < days.size(); ++i)
    if (any[i] != 0) series.bars.push_back(bars[i]);
  return series;
}

// Features that are no part of a bar.
void note_others(const Path& folder, std::vector<std::string>& ignored) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const auto is_read = [&](std::string_view feature) { return name == std::string(feature) + ".day.bin"; };
    if (std::none_of(std::begin(kValueNames), std::end(kValueNames), is_read) &&
        std::find(ignored.begin(), ignored.end(), name) == ignored.end())
      ignored.push_back(name);
  }
}

}  // namespace

BarFile read_qlib_folder(const Path& folder) {
  const Path calendar = folder / "calendars" / "day.txt", features = folder / "features";
  if (!std::filesystem::exists(calendar) || !std::filesystem::is_directory(features))
    fail("{}: expected a file, or a folder of Qlib with calendars/day.txt and features/, found another folder",
         folder.string());
  const std::vector<Date> days = read_calendar(calendar);
  std::vector<Path> symbols;
  for (const auto& entry : std::filesystem::directory_iterator(features))
    if (entry.is_directory()) symbols.push_back(entry.path());
  std::sort(symbols.begin(), symbols.end());
  BarFile file;
  file.format = "qlib", file.prices = Adjustment::adjusted, file.interval = kDay;
  file.where_first = features.string();
  file.has_volume = file.has_vwap = true;
  for (const Path& symbol : symbols) note_others(symbol, file.ignored);
  if (std::filesystem::is_directory(folder / "instruments")) file.ignored.push_back("instruments/");
  for (const Path& symbol : symbols) {
    file.series.push_back(read_symbol(symbol, days));
    file.rows += static_cast<int64_t>(file.series.back().bars.size());
  }
  return file;
}

}  // namespace hadal::market
