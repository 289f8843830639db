// What a paper account shows: orders_next.csv and status.json (paper.h).
#pragma once

#include <optional>
#include <string>

#include "market/paper.h"
#include "market/paper/account.h"

namespace hadal::market::paper {

// What a backtest of the same strategy gave, whatever its dates: of the sessions before the account's first one, where
// there are enough of them, else of all.
struct Expectation {
  std::string run, from, to;
  int64_t sessions = 0;
  double mean = 0, sd = 0;  // of its returns from close to close
};

struct EquityAt {
  Date date = 0;
  double equity = 0;
};

// Returns from the first change of equity on: before the first decision there are none.
std::vector<double> returns_of(const std::vector<EquityAt>& curve);

// Of the newest backtest among the market's tries whose folder is there. `first`: the account's first session.
std::optional<Expectation> find_expectation(const StrategyFile& strategy, const Market& market, Date first);

struct Status {
  std::string strategy, market, started, source;
  bool connected = false, finished = false;
  PaperCounts feed;
  std::optional<Expectation> expected;
};

OrderedJson status_json(const Status& status, const Account& account, bool daily);

// The orders that live from the next session on: symbol,quantity,type,limit,stop,tif,order,decided,close.
std::string orders_next_csv(const Account& account, bool daily);

}  // namespace hadal::market::paper
