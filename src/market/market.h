// A market: the folder markets/NAME/ with everything that was ever known about the prices of some instruments, and
// when.
//
//   market.db     SQLite in WAL mode: instruments, symbol spells, splits, dividends, membership spells, sessions,
//                 imports, trials, and the list of segments
//   bars/*.seg    immutable columns of bars (data/segment.h), memory-mapped
//
// An import writes its segments whole, then one transaction names them: killed in between, it leaves the old view.
// Nothing is overwritten. Every bar, action and spell carries `known_at`; a restated value is a new row; a view as of T
// is exactly what was known at T. Prices are stored raw. Bars are stamped by their end: a daily bar by its session's
// close.
//
// import.h writes a market, checks.h judges it. One Market object belongs to one thread; any number may read a folder
// while one imports (a second import waits, then fails with an Error that says so).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "market/decimal.h"
#include "market/panel.h"
#include "market/time.h"

namespace hadal::market {

struct Bar {
  Time time = 0;      // its end
  Date session = 0;   // by which a daily bar is named
  Time known_at = 0;  // not before `time`
  double open = kMissing, high = kMissing, low = kMissing, close = kMissing, volume = kMissing, vwap = kMissing;
};

struct Action {
  enum class Kind { split, dividend, delisting, rename };
  Kind kind = Kind::split;
  Date effective = 0;  // the first session in which the price is without it
  Time known_at = 0;
  int64_t over = 1, under = 1;  // of a split: `over` new shares for `under` old ones
  Decimal amount = {};          // of a dividend, for a share as of the day before `effective`
  std::string symbol = {};      // of a rename: the new one
};

// What is looked at. Everything known at `as_of` and within [from, to] by session; a symbol names the instrument that
// had it last, or had it at any time where that is only one.
struct Query {
  std::vector<std::string> symbols = {};  // empty: all instruments, in the order of their symbols
  std::optional<Date> from = {}, to = {};
  Time as_of = kEver;
  Prices prices = Prices::raw;
  std::string universe = "all";  // or a list of membership spells that was imported
  // Of Prices::back: by the factors that the vendor's files gave (LEAN's factor files, to their end, whenever that
  // became known), where there are any.
  bool vendor_factors = false;
};

// A run over a market, as the statistics count it. Two of the same strategy on the same data are one trial.
struct Trial {
  std::string strategy;  // hash of the canonical strategy
  std::string data;      // hash of what it read
  std::string run;       // folder
  Date from = 0, to = 0;
  double sharpe = kMissing;  // of a period; missing for a run without returns
  // Of a paper account, whose state is `run`; else the folder is named after the hashes (training.h).
  bool is_paper() const;
};

class Store;

struct MarketSummary {
  std::string name;
  std::string damage = {};  // why it cannot be read; then the rest says nothing
  int64_t instruments = 0, bars = 0, trials = 0;
  std::optional<Date> first, last;
};

class Market {
 public:
  // The folder of "demo" is markets/demo; what holds a / is a path. Error where it is no market, naming those there
  // are.
  static Path folder_of(const std::string& name_or_path);
  static Market open(const std::string& name_or_path);
  static Market open_or_create(const std::string& name_or_path);
  Market(Market&&) noexcept;
  Market& operator=(Market&&) noexcept;
  ~Market();

  const Path& folder() const;
  std::string name() const;
  MarketSummary summary() const;
  std::string calendar() const;  // "XNYS", or "" where sessions are not checked

  std::vector<std::string> symbols() const;              // last symbols, sorted
  std::string resolve(const std::string& symbol) const;  // any symbol it had -> its last one; Error with the nearest
  bool is_daily(const std::string& symbol) const;        // bars are named by their session, else by their end
  Time interval(const std::string& symbol) const;        // from bar to bar; kDay: daily ones
  // What the stored prices are: "raw", or what a vendor did to them: "split", "adjusted" (for dividends too).
  std::string adjustment(const std::string& symbol) const;
  std::vector<std::string> symbols_of(const Query& query) const;  // of its instruments, in the order of a panel
  std::vector<Bar> bars(const std::string& symbol,
                        const Query& query) const;  // one instrument; Query::symbols is not read
  std::vector<Action> actions(const std::string& symbol,
                              Time as_of = kEver) const;  // by day; of a day: dividends, then splits
  std::vector<Date> sessions(const Query& query) const;   // days on which any of the instruments has a bar
  Panel panel(const Query& query) const;
  // The same panel in parts. The market must live as long.
  std::unique_ptr<PanelReader> read_panel(const Query& query, PanelOrder order = PanelOrder::by_symbol) const;

  // What a view consists of, in one hash: equal exactly where every bar and action is equal.
  std::string data_hash(const Query& query) const;

  void record_trial(const Trial& trial);  // kept when the run's folder is deleted
  std::vector<Trial> trials() const;      // each (strategy, data) once: its newest, in the order of the first

 private:
  friend const Store& store_of(const Market& market);  // data/store.h
  struct Impl;
  explicit Market(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What prices these instruments are stored with, at which orders fill: "raw prices", or how a vendor adjusted them.
std::string stored_prices_text(const Market& market, const std::vector<std::string>& symbols);

std::vector<MarketSummary> list_markets();  // of markets/, sorted by name, damaged ones too

}  // namespace hadal::market
