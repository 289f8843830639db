// The figures of a run as a text may say them: numbers, dates and names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "market/report.h"
#include "market/report/tokens.h"

namespace hadal::market {

struct NumberFigure {
  std::string path;
  double value = 0;
  double share = 0;       // what a percent sign or basis points are of: the value, or of *_bps a ten thousandth
  bool is_count = false;  // a whole number: neither a gain nor a loss, and no share of anything
  bool is_cost = false;   // more of it is a loss
};

struct DateFigure {
  std::string path;
  DateParts date;
};

struct NameFigure {
  std::u32string text;
  std::string path;
  bool everywhere = false;  // has a digit, or capitals alone; else only between backticks
};

// Where a name stands in a text, in code points.
struct FoundName {
  size_t begin, end, name;  // name: index into FigureList::names
};

struct FigureList {
  std::vector<NumberFigure> numbers;
  std::vector<DateFigure> dates;
  std::vector<NameFigure> names;  // sorted by text

  // All of a run's but "series", whose many values would bind any number. In lists, which may be as long as the data,
  // only names count, and pairs (an interval).
  static FigureList of_run(const OrderedJson& figures);
  // Those that bindings name.
  static FigureList of_bindings(const std::vector<Binding>& bindings);

  // The longest names that stand in the text as words of their own, from left to right.
  std::vector<FoundName> find_names(std::u32string_view text) const;
};

}  // namespace hadal::market
