// The half of an import that writes its records, within its transaction.
#include "market/data/importer.h"

namespace hadal::market {
namespace {

void bind_date(Statement& statement, std::optional<Date> date) {
  if (date)
    statement.bind(int64_t{*date});
  else
    statement.bind_null();
}

void save_spells(Database& database, int64_t instrument, const std::vector<SymbolSpell>& spells) {
  database.prepare("DELETE FROM symbol_spells WHERE instrument = ?").bind(instrument).run();
  auto insert =
      database.prepare("INSERT INTO symbol_spells (instrument, symbol, first, last, known_at) VALUES (?, ?, ?, ?, ?)");
  for (const SymbolSpell& spell : spells) {
    insert.bind(instrument).bind(spell.symbol).bind(int64_t{spell.first});
    bind_date(insert, spell.last);
    insert.bind(spell.known_at).run();
  }
}

void save_factors(Database& database, int64_t instrument, const std::vector<VendorFactor>& factors, int64_t import) {
  database.prepare("DELETE FROM vendor_factors WHERE instrument = ?").bind(instrument).run();
  auto insert =
      database.prepare("INSERT INTO vendor_factors (instrument, last, price, split, import) VALUES (?, ?, ?, ?, ?)");
  for (const VendorFactor& factor : factors)
    insert.bind(instrument).bind(int64_t{factor.last}).bind(factor.price).bind(factor.split).bind(import).run();
}

void save_actions(Database& database, const std::vector<std::pair<int64_t, Action>>& actions, int64_t import) {
  auto insert = database.prepare(
      "INSERT INTO actions (instrument, kind, effective, known_at, over, under, amount, symbol, import) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const auto& [instrument, action] : actions)
    insert.bind(instrument)
        .bind(kActionKinds[static_cast<size_t>(action.kind)])
        .bind(int64_t{action.effective})
        .bind(action.known_at)
        .bind(action.over)
        .bind(action.under)
        .bind(action.amount.text())
        .bind(action.symbol)
        .bind(import)
        .run();
}

void save_memberships(Database& database, const std::vector<MembershipSpell>& spells, int64_t import) {
  auto insert = database.prepare(
      "INSERT INTO memberships (list, symbol, first, last, known_at, import) VALUES (?, ?, ?, ?, ?, ?)");
  for (const MembershipSpell& spell : spells) {
    insert.bind(spell.list).bind(spell.symbol).bind(int64_t{spell.first});
    bind_date(insert, spell.last);
    insert.bind(spell.known_at).bind(import).run();
  }
}

void save_files(Database& database, const std::vector<ImportedFile>& files, int64_t import) {
  auto insert = database.prepare(
      "INSERT INTO import_files (import, file, format, sha256, rows, accepted, quarantined) VALUES (?, ?, ?, ?, ?, ?, "
      "?)");
  for (const ImportedFile& file : files)
    insert.bind(import)
        .bind(file.file)
        .bind(file.format)
        .bind(file.sha256)
        .bind(file.rows)
        .bind(file.accepted)
        .bind(file.quarantined)
        .run();
}

}  // namespace

void Import::save_records(int64_t import) {
  Database& database = store_->database();
  auto instrument =
      database.prepare("INSERT OR REPLACE INTO instruments (id, prices, calendar, interval) VALUES (?, ?, ?, ?)");
  for (const InstrumentChange& change : instrument_changes()) {
    const Instrument& record = *change.record;
    if (change.save_record)
      instrument.bind(record.id).bind(text_of(record.prices)).bind(record.calendar).bind(record.interval).run();
    if (change.spells != nullptr) save_spells(database, record.id, *change.spells);
    if (change.factors != nullptr) save_factors(database, record.id, *change.factors, import);
  }
  save_actions(database, new_actions_, import);
  save_memberships(database, new_memberships_, import);
  auto session = database.prepare("INSERT OR REPLACE INTO sessions (date, open, close, import) VALUES (?, ?, ?, ?)");
  for (const SessionRecord& record : new_sessions_)
    session.bind(int64_t{record.date}).bind(record.open).bind(record.close).bind(import).run();
  auto segment = database.prepare("INSERT INTO segments (id, file, rows, import) VALUES (?, ?, ?, ?)");
  for (const SegmentRecord& record : new_segments_)
    segment.bind(record.id).bind(record.file).bind(record.rows).bind(import).run();
  save_files(database, report_.files, import);
}

}  // namespace hadal::market
