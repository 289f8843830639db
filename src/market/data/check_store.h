// check_market() of checks.h, of a store.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "market/checks.h"
#include "market/data/store.h"

namespace hadal::market {

CheckReport check_store(const Store& store, const std::vector<std::string>& symbols);

// Its counts alone, of these instruments.
std::map<std::string, int64_t> count_issues(const Store& store, const std::vector<std::string>& symbols);

}  // namespace hadal::market
