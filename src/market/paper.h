// Paper trading: the event engine behind a feed of bars that come one after the other. The same TradingSession as the
// backtest's gets the same calls, so that the same bars give the same ledger, bit for bit, however often the process
// was killed on the way. It never talks to a broker: it writes tomorrow's orders for a human to read.
//
// The feed gives what happens from the strategy's `start` on; the store gives what came before. A line is one JSON
// object; numbers may be decimal strings, and other names are ignored:
//
//   {"time": "2014-06-09", "symbol": "AAPL", "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}   also "vwap"
//   {"time": "2014-06-09", "symbol": "AAPL", "split": 7}        new shares for an old one
//   {"time": "2014-06-09", "symbol": "AAPL", "dividend": 0.47}
//   {"time": "2014-06-09", "symbol": "AAPL", "delisting": true}   what is held is paid at the last close
//   {"session_end": "2014-06-09"}                               everything of the day is there: decide
//
// Bars within a day have ISO times of their ends; the end of a session may be such a time, which ends the steps up to
// it, or a day, which ends all of it. The end of a session ends those before it that were not ended yet, in order.
// What comes before its session's end may stand in any order, and the newest version of it counts.
//
// A state is a folder, in which one process at a time works:
//
//   journal.txt       every accepted event, forced to disk before it acts; its first line says whose state it is
//   orders_next.csv   what is to be ordered before the next session, written after each session's end
//   windows/          of networks: what was fitted, so that a restart need not fit it again
//   status.json       where the account stands: read_paper_status()
//   strategy.toml orders.csv fills.csv equity.csv ledger.txt backtest.json    when the run ends or is stopped
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "market/backtest_run.h"

namespace hadal::market {

struct PaperCounts {
  // Since this process began.
  int64_t lines = 0;     // that were read and are not blank
  int64_t repeated = 0;  // equal to what came before; ignored
  int64_t broken = 0;    // no event, or one that contradicts itself; reported and skipped
  int64_t unknown = 0;   // of a symbol that is not traded here; reported and skipped
  // In the whole state, as they stand in the journal.
  int64_t restated = 0;  // other values for what was there: before its session's end they count, afterwards nothing
                         // changes any more
  int64_t late = 0;      // new, for a session that has ended or before the strategy's start; changes nothing
  OrderedJson json() const;
};

struct PaperOptions {
  std::string feed;           // a file, which is followed as it grows, or tcp://127.0.0.1:PORT
  Path state;                 // "": paper_folder()
  std::optional<Time> until;  // ends once the session of that time has ended; without it, when `stop` is set
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const OrderedJson& status)> session_ended;  // as status.json, once it was written
  std::function<void(const std::string& line)> report;           // what is wrong with the feed, in words; not too often
};

struct PaperRun : BacktestRun {
  PaperCounts feed;
  bool finished = false;  // `until`, or the strategy's end, was reached
  OrderedJson json() const;
};

// Error for another host than 127.0.0.1, and for what is no port; whether a file is there shows later.
void check_feed(const std::string& feed);

// runs/paper/NAME, from the name of the strategy's file.
Path paper_folder(const StrategyFile& strategy);

// Error where another process works in the state, for the state of another strategy, for a damaged journal, for a feed
// that cannot be read, and for a full disk: nothing that acted is lost, and the next run continues. A strategy that
// cannot be the same on paper and in the backtest (factors over prices that later events rewrite) is refused.
PaperRun run_paper(const StrategyFile& strategy, Market& market, const PaperOptions& options);

// ---- For those who look on

std::vector<std::string> paper_names();  // of runs/paper with a status.json, sorted

// status.json of a state's folder; Error where there is none. Amounts are decimal strings.
//
//   {"strategy": "etf.toml", "market": "demo", "profile": "ib_us",
//    "started": "2026-01-05T09:00:00Z",       when the state was made
//    "updated": "2026-01-09T21:00:03Z",       when this was written
//    "session": "2014-06-09",                 the last one that has ended; null before the first
//    "sessions": 12, "start_equity": "100000", "equity": "101234.5", "cash": "2345.25",
//    "positions": [{"symbol": "AAPL", "quantity": "10", "close": "93.7", "value": "937"}],
//    "orders_next": [{"symbol": "AAPL", "quantity": "-3", "type": "limit", "limit": "95", "stop": null, "tif": "GTC",
//                     "order": 17, "decided": "2014-06-09", "close": "93.7"}],
//    "feed": {"lines": 99, "repeated": 0, "restated": 0, "late": 0, "broken": 0, "unknown": 0,
//             "source": "tcp://127.0.0.1:9000", "connected": true},
//    "expected": null, or what a backtest of the same strategy gave, by session:
//                {"run": "runs/etf-0123abcd", "from": "2010-01-04", "to": "2013-12-31", "sessions": 1006,
//                 "mean": 0.0004, "sd": 0.01,       of its returns
//                 "came": 0.01, "came_sessions": 11,        the sum of returns on paper, and of how many sessions
//                 "expected": 0.0044, "z": 0.17},           (came - expected) / (sd sqrt(came_sessions)); or null
//    "equity_curve": [["2014-06-09", 101234.5], ...],       at most 250 points, the last one among them
//    "finished": false}                                     no process will continue it: `until` was reached
OrderedJson read_paper_status(const Path& state);

}  // namespace hadal::market
