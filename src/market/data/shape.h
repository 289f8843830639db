// What a file of bars looks like: which vendor's format, and in which column what stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "market/import.h"

namespace hadal::market {

struct Shape {
  std::string format = {};
  char delimiter = ',';
  bool has_header = true;
  int date = -1, time = -1, end = -1, symbol = -1, period = -1;
  int value[6] = {-1, -1, -1, -1, -1, -1};  // open high low close volume vwap, as enum Value has them
  int turnover = -1, close_time = -1;       // of Binance
  int dividend = -1, split = -1;            // of Yahoo
  bool has_adjusted_close = false;          // of Yahoo, beside one that is not adjusted for dividends
  double divisor = 1;                       // of prices
  int width = 0;                            // a line has at least so many fields
  std::vector<std::string> names = {};      // of the columns, as the header has them
  std::vector<std::string> ignored = {};    // those of them that are not read
};

// From a file's first line. `where` begins the messages of Errors: an unknown shape, a missing column.
Shape shape_of(std::string_view first_line, const std::string& file_name, const std::string& where,
               const ImportOptions& options);

// Columns of a header by one of several lower-case names; the option's name for `field` goes first. -1 where there is
// none, an Error where the option names one that is not there, or where two columns have the name.
int find_column(const std::vector<std::string>& header, const std::string& field,
                const std::vector<std::string_view>& usual, const ImportOptions& options, const std::string& where);
std::vector<std::string> header_of(std::string_view line, char delimiter, const std::string& where);

}  // namespace hadal::market
