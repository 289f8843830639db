// Markets as a page shows them: what each holds, and its health, which is checked once for each state of its files.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/json.h"
#include "market/market.h"

namespace hadal {

// Any thread; of two that ask for the same market's check, one waits for the other.
class MarketDesk {
 public:
  // {"markets": [{name, instruments, bars, first, last, trials, damage?, health}]}: as `market list --json`, and
  // "health": {"errors", "warnings", "counts": {code: n}}, null where a market is damaged, or where its check would
  // make the list wait; market() checks it all the same.
  OrderedJson list();

  // One of them, with calendar, stored_prices, symbols, the first issues and the tries. ApiError 404 where there is
  // none, 422 where it is damaged.
  OrderedJson market(const std::string& name);

 private:
  struct Checked {
    std::mutex mutex;
    std::string stamp;  // of the files that were checked
    OrderedJson health, issues;
    int64_t num_issues = 0;
  };
  std::shared_ptr<Checked> checked(const std::string& name);
  static void check(Checked& entry, const market::Market& opened, const std::string& stamp);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Checked>> all_;
};

}  // namespace hadal
