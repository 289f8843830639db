// What is wrong or doubtful in a market's bars, actions and memberships, by the codes of the check.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "market/market.h"

namespace hadal::market {

struct Issue {
  std::string code;
  bool is_error = false;  // then the bar is quarantined
  std::string symbol;
  std::string time;    // as it stood in the file; of daily bars the day
  std::string detail;  // in words, with the values
};

std::string time_in_words(const Issue& issue);  // a number, such as seconds since 1970, as a date and a time

struct CheckReport {
  int64_t bars = 0;  // accepted ones
  int64_t instruments = 0;
  std::map<std::string, int64_t> counts;
  std::vector<Issue> issues;  // by symbol, then by time
};

// Of the instruments with these last symbols; empty: of all, and of the lists of members.
CheckReport check_market(const Market& market, const std::vector<std::string>& symbols = {});

}  // namespace hadal::market
