#include "market/portfolio/asset_file.h"

#include <cmath>
#include <functional>

#include "base/brief.h"
#include "base/error.h"
#include "base/text.h"
#include "market/data/fields.h"

namespace hadal::market {
namespace {

constexpr double kLargestBenchmarkWeight = 1e12;  // they may be market values

// Calls `take` with the fields of each line below the header, which must be the one given; empty lines count for
// nothing.
void read_table(const Path& file, const std::string& header,
                const std::function<void(const FieldCutter&, const std::string& where)>& take) {
  const std::vector<std::string> names = split(header, ',');
  FieldCutter cells(',');
  bool any = false;
  for_each_line(file, [&](std::string_view line, int64_t number) {
    const auto where = [&] { return fmt::format("{}:{}", file.string(), number); };
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (trimmed(line).empty()) return true;
    const size_t count = cells.cut(line, where);
    if (count != names.size()) fail("{}: expected {}, found \"{}\"", where(), header, brief(line));
    if (!any) {
      for (size_t k = 0; k < count; ++k)
        if (lower_case(std::string(cells[k])) != names[k])
          fail("{}: expected the header {}, found \"{}\"", where(), header, brief(line));
      any = true;
      return true;
    }
    take(cells, where());
    return true;
  });
  if (!any) fail("{}: expected the header {}, found an empty file", file.string(), header);
}

}  // namespace

std::map<std::string, std::string> read_groups(const Path& file) {
  std::map<std::string, std::string> groups;
  read_table(file, "symbol,group", [&](const FieldCutter& cells, const std::string& where) {
    if (cells[0].empty() || cells[1].empty()) fail("{}: expected a symbol and its group, found an empty field", where);
    if (!groups.emplace(cells[0], cells[1]).second)
      fail("{}: expected each symbol once, found {} twice", where, brief(cells[0]));
  });
  return groups;
}

BenchmarkWeights read_benchmark(const Path& file) {
  BenchmarkWeights weights;
  read_table(file, "date,symbol,weight", [&](const FieldCutter& cells, const std::string& where) {
    const auto day = parse_date(cells[0]);
    if (!day) fail("{}: expected a date such as 2014-06-09, found \"{}\"", where, brief(cells[0]));
    const auto weight = parse_number(cells[2]);
    if (!weight || !(*weight >= 0 && *weight <= kLargestBenchmarkWeight))
      fail("{}: expected a weight of 0 or more, found \"{}\"", where, brief(cells[2]));
    if (cells[1].empty()) fail("{}: expected a symbol, found none", where);
    if (!weights[*day].emplace(cells[1], *weight).second)
      fail("{}: expected each symbol once a date, found {} twice", where, brief(cells[1]));
  });
  if (weights.empty()) fail("{}: expected weights of a benchmark, found none", file.string());
  return weights;
}

}  // namespace hadal::market
