// The strategy that `market init` writes: commented, and it runs as it is.
#pragma once

#include <string>
#include <vector>

#include "market/market.h"

namespace hadal::market {

struct StarterFacts {
  std::string market;  // as it is to stand in the file
  int64_t num_instruments = 0;
  std::vector<Date> sessions;  // days with bars, ascending
  std::string frequency = "1d", stored_prices = "raw prices";
};
StarterFacts starter_facts(const Market& market, const std::string& name);

// Ten instruments and more with enough sessions get a ridge forecaster whose windows fit; fewer get one factor,
// momentum. Error for fewer than 30 sessions.
std::string starter_strategy(const StarterFacts& facts);

}  // namespace hadal::market
