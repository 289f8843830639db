// The strategy that `market init` writes: commented, and it runs as it is.
#pragma once

#include <string>
#include <vector>

#include "market/market.h"

namespace hadal::market {

// `market` as it is to stand in the file; `sessions`: days with bars, ascending. Ten instruments and more with enough
// sessions get a ridge forecaster whose windows fit; fewer get one factor, momentum. Error for fewer than 30 sessions.
std::string starter_strategy(const std::string& market, int64_t num_instruments, const std::vector<Date>& sessions);

}  // namespace hadal::market
