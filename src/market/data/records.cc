#include "market/data/records.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>

#include "base/error.h"
#include "base/text.h"

namespace hadal::market {
namespace {

constexpr int kSchemaVersion = 1;

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS instruments (id INTEGER PRIMARY KEY, prices TEXT NOT NULL, calendar TEXT NOT NULL,
  interval INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS symbol_spells (instrument INTEGER NOT NULL, symbol TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER, known_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS actions (id INTEGER PRIMARY KEY, instrument INTEGER NOT NULL, kind TEXT NOT NULL,
  effective INTEGER NOT NULL, known_at INTEGER NOT NULL, over INTEGER NOT NULL, under INTEGER NOT NULL,
  amount TEXT NOT NULL, symbol TEXT NOT NULL, import INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS vendor_factors (instrument INTEGER NOT NULL, last INTEGER NOT NULL, price REAL NOT NULL,
  split REAL NOT NULL, import INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS memberships (id INTEGER PRIMARY KEY, list TEXT NOT NULL, symbol TEXT NOT NULL,
  first INTEGER NOT NULL, last INTEGER, known_at INTEGER NOT NULL, import INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (date INTEGER PRIMARY KEY, open INTEGER NOT NULL, close INTEGER NOT NULL,
  import INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS imports (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, known_at INTEGER);
CREATE TABLE IF NOT EXISTS import_files (import INTEGER NOT NULL, file TEXT NOT NULL, format TEXT NOT NULL,
  sha256 TEXT NOT NULL, rows INTEGER NOT NULL, accepted INTEGER NOT NULL, quarantined INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS segments (id INTEGER PRIMARY KEY, file TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL,
  import INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS trials (id INTEGER PRIMARY KEY, strategy TEXT NOT NULL, data TEXT NOT NULL,
  run TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, sharpe REAL, at INTEGER NOT NULL);
)";

constexpr std::string_view kAdjustments[] = {"raw", "split", "adjusted"};

template <typename Enum, size_t n>
Enum enum_of(const std::string& text, const std::string_view (&names)[n]) {
  const auto* found = std::find(std::begin(names), std::end(names), text);
  if (found == std::end(names)) fail("market.db: found the unknown word {}; import the market anew", brief(text));
  return static_cast<Enum>(found - std::begin(names));
}

std::optional<Date> optional_date(const Statement& row, int column) {
  if (row.is_null(column)) return {};
  return static_cast<Date>(row.integer(column));
}

void load_instruments(Database& database, Records& records) {
  auto rows = database.prepare("SELECT id, prices, calendar, interval FROM instruments ORDER BY id");
  while (rows.step())
    records.instruments.push_back(
        {rows.integer(0), enum_of<Adjustment>(rows.text(1), kAdjustments), rows.text(2), rows.integer(3), ""});
  auto spells = database.prepare("SELECT instrument, symbol, first, last, known_at FROM symbol_spells ORDER BY rowid");
  std::map<int64_t, Date> newest;
  while (spells.step()) {
    const SymbolSpell spell{spells.integer(0), spells.text(1), static_cast<Date>(spells.integer(2)),
                            optional_date(spells, 3), spells.integer(4)};
    records.spells.push_back(spell);
    const auto [at, is_new] = newest.emplace(spell.instrument, spell.first);
    if (!is_new && spell.first < at->second) continue;
    at->second = spell.first;
    if (spell.instrument < 1 || static_cast<size_t>(spell.instrument) > records.instruments.size())
      fail("market.db: a symbol of the unknown instrument {}; import the market anew", spell.instrument);
    records.instruments[static_cast<size_t>(spell.instrument) - 1].last_symbol = spell.symbol;
  }
}

void load_actions(Database& database, Records& records) {
  auto rows = database.prepare(
      "SELECT instrument, kind, effective, known_at, over, under, amount, symbol FROM actions ORDER BY instrument, id");
  while (rows.step()) {
    Action action{.kind = enum_of<Action::Kind>(rows.text(1), kActionKinds),
                  .effective = static_cast<Date>(rows.integer(2)),
                  .known_at = rows.integer(3),
                  .over = rows.integer(4),
                  .under = rows.integer(5),
                  .amount = Decimal::parse(rows.text(6)).value_or(Decimal{}),
                  .symbol = rows.text(7)};
    records.actions.push_back({rows.integer(0), std::move(action)});
  }
  auto factors =
      database.prepare("SELECT instrument, last, price, split FROM vendor_factors ORDER BY instrument, last");
  while (factors.step())
    records.vendor_factors.push_back(
        {factors.integer(0), static_cast<Date>(factors.integer(1)), factors.real(2), factors.real(3)});
}

}  // namespace

std::string_view text_of(Adjustment adjustment) { return kAdjustments[static_cast<size_t>(adjustment)]; }

namespace {

int64_t num_segments(const Path& bars) {
  std::error_code ignored;
  int64_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(bars, ignored))
    count += entry.path().extension() == ".seg" ? 1 : 0;
  return count;
}

}  // namespace

void make_schema(Database& database, const Path& file) {
  const std::string who = file.string();
  const int64_t version = database.integer("PRAGMA user_version");
  if (version > kSchemaVersion)
    fail("{}: expected a market of version {} or earlier, found {}; take a newer hadal", who, kSchemaVersion, version);
  if (version == kSchemaVersion) return;
  if (const int64_t segments = num_segments(file.parent_path() / "bars"); segments > 0)
    fail(
        "{}: expected the database of a market, found an empty one beside {} in bars/; put a copy of it back, or move "
        "the "
        "folder away and import the files anew",
        who, counted(segments, "segment"));
  database.run("PRAGMA journal_mode = WAL");
  Transaction transaction(database, Transaction::Kind::write);
  database.run(kSchema);
  database.run("PRAGMA user_version = 1");
  transaction.commit();
}

Records load_records(Database& database) {
  Records records;
  load_instruments(database, records);
  load_actions(database, records);
  auto members = database.prepare("SELECT list, symbol, first, last, known_at FROM memberships ORDER BY id");
  while (members.step())
    records.memberships.push_back({members.text(0), members.text(1), static_cast<Date>(members.integer(2)),
                                   optional_date(members, 3), members.integer(4)});
  auto sessions = database.prepare("SELECT date, open, close FROM sessions ORDER BY date");
  while (sessions.step())
    records.sessions.push_back({static_cast<Date>(sessions.integer(0)), sessions.integer(1), sessions.integer(2)});
  auto segments = database.prepare("SELECT id, rows, file FROM segments ORDER BY id");
  while (segments.step()) records.segments.push_back({segments.integer(0), segments.integer(1), segments.text(2)});
  return records;
}

const Instrument* Records::find(int64_t id) const {
  return id >= 1 && static_cast<size_t>(id) <= instruments.size() ? &instruments[static_cast<size_t>(id) - 1] : nullptr;
}

const Instrument* Records::find_symbol(const std::string& symbol) const {
  for (const Instrument& instrument : instruments)
    if (instrument.last_symbol == symbol) return &instrument;
  const Instrument* found = nullptr;
  for (const SymbolSpell& spell : spells) {
    if (spell.symbol != symbol) continue;
    const Instrument* other = find(spell.instrument);
    if (found != nullptr && found != other) return nullptr;
    found = other;
  }
  return found;
}

const Instrument* Records::find_symbol_on(const std::string& symbol, Date date) const {
  for (const SymbolSpell& spell : spells)
    if (spell.symbol == symbol && spell.first <= date && (!spell.last || date <= *spell.last))
      return find(spell.instrument);
  return find_symbol(symbol);
}

std::vector<Action> Records::actions_of(int64_t instrument, Time as_of) const {
  std::map<std::pair<Date, Action::Kind>, Action> newest;
  auto record = std::lower_bound(actions.begin(), actions.end(), instrument,
                                 [](const ActionRecord& a, int64_t id) { return a.instrument < id; });
  for (; record != actions.end() && record->instrument == instrument; ++record) {
    const Action& action = record->action;
    if (action.known_at > as_of) continue;
    Action& kept = newest.try_emplace({action.effective, action.kind}, action).first->second;
    if (action.known_at >= kept.known_at) kept = action;
  }
  std::vector<Action> result;
  for (auto& [key, action] : newest) {
    // A restated dividend of nothing, or a split of one for one, takes back what was said before.
    const bool is_void = (action.kind == Action::Kind::dividend && action.amount.is_zero()) ||
                         (action.kind == Action::Kind::split && action.over == action.under);
    if (!is_void) result.push_back(std::move(action));
  }
  const auto rank = [](const Action& action) { return action.kind == Action::Kind::dividend ? -1 : int(action.kind); };
  std::stable_sort(result.begin(), result.end(), [&](const Action& a, const Action& b) {
    return a.effective != b.effective ? a.effective < b.effective : rank(a) < rank(b);
  });
  return result;
}

}  // namespace hadal::market
