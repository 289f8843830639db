// What market.db holds beside trials: everything but the bars. It is small, and read whole when a market is opened, so
// that one Market sees one state however long it lives.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "market/data/database.h"
#include "market/market.h"

namespace hadal::market {

// How the prices of an instrument were when they came: as traded, divided by later splits, or dividends too.
enum class Adjustment { raw, split, adjusted };
std::string_view text_of(Adjustment adjustment);

struct Instrument {
  int64_t id = 0;
  Adjustment prices = Adjustment::raw;
  std::string calendar;  // whose sessions its bars are checked by; "" none
  Time interval = kDay;  // from bar to bar; kDay: daily bars, named by their session
  std::string last_symbol;
};

struct SymbolSpell {
  int64_t instrument = 0;
  std::string symbol;
  Date first = 0;
  std::optional<Date> last;
  Time known_at = 0;
};

struct ActionRecord {
  int64_t instrument = 0;
  Action action;
};

// A line of a vendor's factor file: up to `last`, its adjusted price is price * split * raw.
struct VendorFactor {
  int64_t instrument = 0;
  Date last = 0;
  double price = 1, split = 1;
};

struct MembershipSpell {
  std::string list, symbol;
  Date first = 0;
  std::optional<Date> last;  // the last day in
  Time known_at = 0;
};

struct SessionRecord {
  Date date = 0;
  Time open = 0, close = 0;
};

struct SegmentRecord {
  int64_t id = 0, rows = 0;
  std::string file;
};

struct Records {
  std::vector<Instrument> instruments;  // by id, which counts from 1
  std::vector<SymbolSpell> spells;
  std::vector<ActionRecord> actions;  // by instrument, then as they came
  std::vector<VendorFactor> vendor_factors;
  std::vector<MembershipSpell> memberships;  // as they came
  std::vector<SessionRecord> sessions;
  std::vector<SegmentRecord> segments;

  const Instrument* find(int64_t id) const;
  // The instrument that has `symbol` last, or had it at any time where that is only one.
  const Instrument* find_symbol(const std::string& symbol) const;
  // The one that had it on a day.
  const Instrument* find_symbol_on(const std::string& symbol, Date date) const;
  std::vector<Action> actions_of(int64_t instrument, Time as_of) const;  // the newest known ones, ordered for Market
};

inline constexpr std::string_view kActionKinds[] = {"split", "dividend", "delisting", "rename"};  // as in the tables

// The tables, where they are not there yet; Error for a database of a later version, and for an empty one beside
// segments: what named them is lost. `file`: of the database.
void make_schema(Database& database, const Path& file);
Records load_records(Database& database);

}  // namespace hadal::market
