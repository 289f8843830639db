#include "market/data/importer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "market/data/check_store.h"
#include "market/data/lean.h"
#include "market/data/view.h"

namespace hadal::market {
namespace {

constexpr int64_t kSegmentRows = 2'000'000;  // about 110 MB
constexpr int64_t kNoSegment = std::numeric_limits<int64_t>::max();
constexpr Date kAlways = -25567;  // 1900-01-01: a symbol that no map file speaks of was always its

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

double value_of(const RunColumns& run, int value, size_t row) {
  return run.value[value].empty() ? kMissing : run.value[value][row];
}

bool same_values(const RunColumns& run, size_t row, const RunView& other, int64_t other_row) {
  for (int value = 0; value < kNumValues; ++value) {
    const double there = other.value[value] == nullptr ? kMissing : other.value[value][other_row];
    if (!same(value_of(run, value, row), there)) return false;
  }
  return true;
}

void append_row(RunColumns& to, const RunColumns& from, size_t row) {
  to.time.push_back(from.time[row]), to.session.push_back(from.session[row]), to.flags.push_back(from.flags[row]);
  if (!from.stamp.empty()) to.stamp.push_back(from.stamp[row]);
  for (int value = 0; value < kNumValues; ++value)
    if (!from.value[value].empty()) to.value[value].push_back(from.value[value][row]);
}

RunColumns like(const RunColumns& run) {
  RunColumns empty;
  empty.instrument = run.instrument, empty.known_from = run.known_from, empty.stamps = run.stamps;
  return empty;
}

bool can_follow(const RunColumns& before, const RunColumns& run) {
  if (before.known_from != run.known_from || before.stamps != run.stamps || before.time.empty() ||
      before.time.back() >= run.time.front() || before.session.back() > run.session.front() ||
      (run.stamps == Stamps::days && before.session.back() == run.session.front()))
    return false;
  for (int value = 0; value < kNumValues; ++value)
    if (before.value[value].empty() != run.value[value].empty()) return false;
  return true;
}

void append_run(RunColumns& to, const RunColumns& from) {
  const auto append = [](auto& a, const auto& b) { a.insert(a.end(), b.begin(), b.end()); };
  append(to.time, from.time), append(to.session, from.session), append(to.flags, from.flags);
  append(to.stamp, from.stamp);
  for (int value = 0; value < kNumValues; ++value) append(to.value[value], from.value[value]);
}

struct Known {
  int64_t key;
  Time known_at;
  size_t order;
  const RunView* run;
  int64_t row;
};

// What is known of the bars that a run may repeat, by bar, and of a bar as it became known.
std::vector<Known> known_rows(const std::vector<RunView>& runs, bool daily, int64_t first, int64_t last) {
  std::vector<Known> known;
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunView& run = runs[i];
    if (run.count == 0 || key_of(run, 0, daily) > last || key_of(run, run.count - 1, daily) < first) continue;
    for (int64_t row = 0; row < run.count; ++row) {
      const int64_t key = key_of(run, row, daily);
      if (key >= first && key <= last) known.push_back({key, run.known_at(row), i, &run, row});
    }
  }
  std::sort(known.begin(), known.end(), [](const Known& a, const Known& b) {
    return a.key != b.key ? a.key < b.key : a.known_at != b.known_at ? a.known_at < b.known_at : a.order < b.order;
  });
  return known;
}

bool is_inside(Action::Kind kind, Adjustment prices) {
  if (kind == Action::Kind::split) return prices != Adjustment::raw;
  return kind == Action::Kind::dividend && prices == Adjustment::adjusted;
}

// What was made of a file's prices, events and columns: what a user should not have to guess.
std::string note_of(const BarFile& file, bool known_as_said) {
  std::vector<std::string> parts;
  if (file.prices != Adjustment::raw)
    parts.push_back(fmt::format("{} prices, {}", file.prices == Adjustment::split ? "split-adjusted" : "adjusted",
                                known_as_said ? "known as said" : "known from this import on"));
  if (file.has_actions) {
    for (const auto& [kind, name] : {std::pair(Action::Kind::dividend, "dividends"), {Action::Kind::split, "splits"}}) {
      int64_t count = 0;
      for (const Series& series : file.series)
        count += std::count_if(series.actions.begin(), series.actions.end(),
                               [&, wanted = kind](const RawAction& action) { return action.kind == wanted; });
      parts.push_back(fmt::format("{} {}{}", count, name,
                                  count == 0                     ? ""
                                  : is_inside(kind, file.prices) ? ", which are inside these prices"
                                                                 : " taken as events"));
    }
  }
  std::string names;
  for (const std::string& name : file.ignored) names += (names.empty() ? "" : ", ") + name;
  if (!names.empty()) parts.push_back("not read: " + names);
  std::string note;
  for (const std::string& part : parts) note += (note.empty() ? "" : "; ") + part;
  return note;
}

std::string sha256_of_input(const Path& path) {
  if (!std::filesystem::is_directory(path)) return sha256_of_file(path);
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path))
    if (entry.is_regular_file()) files.insert(entry.path().string());
  Digest all;
  for (const auto& file : files) all.add(file.substr(path.string().size()) + " " + sha256_of_file(file) + "\n");
  return all.hex();
}

}  // namespace

struct Import::Entry {
  Instrument record;
  bool is_new = false, changed = false, touched = false;
  bool spells_changed = false, factors_changed = false;
  std::vector<std::unique_ptr<RunColumns>> pending;
  std::vector<RunView> written;  // by this import already
  std::vector<SymbolSpell> spells;
  std::vector<VendorFactor> factors;
  std::vector<Action> new_actions;
};

Import::Import(const std::string& market, const ImportOptions& options)
    : options_(options), folder_(Market::folder_of(market)), now_(static_cast<Time>(unix_seconds() * 1e6)) {
  lock_ = std::make_unique<ImportLock>(folder_, options.wait_seconds);
  {
    Database database(folder_ / "market.db", true);
    make_schema(database, folder_ / "market.db");
  }
  store_ = std::make_unique<Store>(folder_);
  remove_orphans();
  const Records& records = store_->records();
  for (const Instrument& instrument : records.instruments) {
    entries_.push_back(std::make_unique<Entry>());
    entries_.back()->record = instrument;
    by_symbol_.emplace(instrument.last_symbol, instrument.id);
  }
  for (const SymbolSpell& spell : records.spells)
    entries_[static_cast<size_t>(spell.instrument) - 1]->spells.push_back(spell);
  for (const VendorFactor& factor : records.vendor_factors)
    entries_[static_cast<size_t>(factor.instrument) - 1]->factors.push_back(factor);
  for (const MembershipSpell& spell : records.memberships)
    memberships_.insert_or_assign({spell.list, spell.symbol, spell.first}, spell);
  report_.market = folder_.filename().string();
}

Import::~Import() {
  if (committed_) return;
  std::error_code ignored;
  written_.clear();
  for (const SegmentRecord& segment : new_segments_) std::filesystem::remove(folder_ / segment.file, ignored);
  const bool is_new = lock_ && lock_->is_new();
  store_.reset();
  if (!is_new) return;
  for (const char* name : {"market.db-wal", "market.db-shm", "market.db", "bars", "import.lock", ""})
    std::filesystem::remove(std::string_view(name).empty() ? folder_ : folder_ / name, ignored);
}

// Segments that an import wrote which was killed before its transaction.
void Import::remove_orphans() {
  std::set<std::string> named;
  for (const SegmentRecord& segment : store_->records().segments) named.insert(Path(segment.file).filename().string());
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "bars"))
    if (named.count(entry.path().filename().string()) == 0) {
      std::error_code ignored;
      std::filesystem::remove(entry.path(), ignored);
    }
}

void Import::add_file(const Path& path) {
  if (!std::filesystem::exists(path)) fail("{}: expected a file, found none", path.string());
  ImportedFile report;
  report.file = path.string();
  report.sha256 = sha256_of_input(path);
  if (options_.kind == "bars")
    add_bars(path, report);
  else
    add_events(path, report);
  report_.files.push_back(std::move(report));
}

void Import::add_bars(const Path& path, ImportedFile& report) {
  BarFile file = read_bar_file(path, options_);
  if (!options_.prices.empty())
    file.prices = options_.prices == "raw"     ? Adjustment::raw
                  : options_.prices == "split" ? Adjustment::split
                                               : Adjustment::adjusted;
  report.format = file.format, report.rows = file.rows;
  if (file.rows == 0) report_.notes.push_back(path.string() + ": holds no bars");
  std::string note = note_of(file, options_.known_at.has_value());
  first_ = kEver, last_ = kBeginning, repeated_ = 0, repeated_from_ = kEver;
  for (Series& series : file.series) {
    add_series(file, path, series, report);
    series = {};  // its memory
  }
  if (options_.known_at && repeated_ == file.rows && file.rows > 0)
    note = fmt::format(
        "unchanged: these bars are there already, known from {} on; import them into another market to state another "
        "time",
        time_text(repeated_from_));
  if (file.rows > 0 && !note.empty()) report_.notes.push_back(path.string() + ": " + note);
  std::sort(report.symbols.begin(), report.symbols.end());
  if (first_ <= last_) {
    report.first = daily_ ? date_text(static_cast<Date>(first_)) : time_text(first_);
    report.last = daily_ ? date_text(static_cast<Date>(last_)) : time_text(last_);
  }
}

void Import::add_series(const BarFile& file, const Path& path, Series& series, ImportedFile& report) {
  if (series.bars.empty()) return;
  Entry& entry = entry_of(file, series.symbol);
  BarFile placed = {};
  placed.format = file.format, placed.stamps = file.stamps, placed.is_local = file.is_local;
  placed.is_number = file.is_number;
  placed.interval = file.interval != 0 ? file.interval : entry.record.interval;
  if (placed.interval == kDay) placed.stamps = Stamps::days;
  placed.stamped_by_end = file.stamped_by_end, placed.has_volume = file.has_volume, placed.has_vwap = file.has_vwap;
  placed.where_first = file.where_first;
  std::vector<Action> actions;
  for (const RawAction& raw : series.actions) {
    const RawBar& bar = series.bars[raw.bar];
    const Date day = date_of(file.is_number ? bar.time : bar.stamp);
    Action action = raw.kind == Action::Kind::split ? split_action(day, raw.value, Decimal(1)) : Action{};
    action.kind = raw.kind, action.effective = day;
    if (raw.kind == Action::Kind::dividend) action.amount = raw.value;
    // As its prices: a dividend that later splits divided was not seen before them.
    const Time known = options_.known_at ? *options_.known_at : file.prices == Adjustment::raw ? kBeginning : now_;
    action.known_at = std::max(start_of(day) + 1, known);
    actions.push_back(std::move(action));
  }
  bool reversed = false;
  RunColumns run = row_maker(file, entry).make(placed, series, &reversed);
  if (reversed) report_.notes.push_back(fmt::format("{}: {} stood newest first", path.string(), series.symbol));
  report.symbols.push_back(entry.record.last_symbol);
  const int64_t quarantined =
      std::count_if(run.flags.begin(), run.flags.end(), [](uint16_t flags) { return fault_of(flags) != Fault::none; });
  report.quarantined += quarantined;
  report.accepted += run.count() - quarantined;
  note_range(run);
  run.instrument = entry.record.id;
  run.known_from = options_.known_at ? *options_.known_at : file.prices != Adjustment::raw ? now_ : kBeginning;
  if (file.format == "lean") {
    add_lean_events(path, run, entry);
    report.symbols.back() = entry.record.last_symbol;
  }
  keep_new_rows(std::move(run), entry, file.prices);
  for (Action& action : actions) take_action(entry, std::move(action));
  if (pending_rows_ >= kSegmentRows) write_segments();
}

void Import::note_range(const RunColumns& run) {
  daily_ = run.stamps == Stamps::days;
  first_ = std::min(first_, daily_ ? Time{run.session.front()} : run.time.front());
  last_ = std::max(last_, daily_ ? Time{run.session.back()} : run.time.back());
}

Import::Entry& Import::entry_of(const BarFile& file, const std::string& symbol) {
  int64_t id = 0;
  if (const auto found = by_symbol_.find(symbol); found != by_symbol_.end())
    id = found->second;
  else if (const Instrument* instrument = store_->find(symbol))
    id = instrument->id;
  const Time interval = file.interval != 0 ? file.interval : kDay;  // a lone bar: taken for a day's
  if (id == 0) {
    entries_.push_back(std::make_unique<Entry>());
    Entry& entry = *entries_.back();
    entry.record = {static_cast<int64_t>(entries_.size()), file.prices, options_.calendar, interval, symbol};
    entry.is_new = entry.spells_changed = true;
    entry.spells.push_back({entry.record.id, symbol, kAlways, {}, kBeginning});
    by_symbol_.emplace(symbol, entry.record.id);
    entry.touched = true;
    return entry;
  }
  Entry& entry = *entries_[static_cast<size_t>(id) - 1];
  entry.touched = true;
  if (entry.record.prices != file.prices)
    fail(
        "{}: {}: expected {} prices as the market {} holds them, found {} ones; say --prices {} if they are, else "
        "import them into another market",
        file.where_first, symbol, text_of(entry.record.prices), report_.market, text_of(file.prices),
        text_of(entry.record.prices));
  if (file.interval != 0 && entry.record.interval != file.interval)
    fail(
        "{}: {}: expected bars of {} s as the market {} holds them, found bars of {} s; import them into another "
        "market",
        file.where_first, symbol, entry.record.interval / kSecond, report_.market, file.interval / kSecond);
  if (!options_.calendar.empty() && entry.record.calendar != options_.calendar) {
    if (!entry.record.calendar.empty())
      fail("{}: {}: expected the calendar {} of the market {}, found --calendar {}; import them into another market",
           file.where_first, symbol, entry.record.calendar, report_.market, options_.calendar);
    entry.record.calendar = options_.calendar, entry.changed = true;
  }
  return entry;
}

RowMaker& Import::row_maker(const BarFile& file, const Entry& entry) {
  auto& maker = makers_[entry.record.calendar + "/" + file.format];
  if (maker) return *maker;
  Placing placing;
  placing.now = now_;
  placing.calendar = store_->calendar(entry.record);
  placing.hours = placing.calendar;
  if (!placing.hours && file.format == "lean") placing.hours = Calendar::find("XNYS", "LEAN");
  if (!options_.zone.empty())
    placing.zone = std::make_shared<Zone>(options_.zone, "--zone");
  else if (placing.hours && placing.hours->zone() != nullptr)
    placing.zone = std::shared_ptr<const Zone>(placing.hours, placing.hours->zone());
  return *(maker = std::make_unique<RowMaker>(placing));
}

// Drops what is known already and marks what is new about bars that were known otherwise.
void Import::keep_new_rows(RunColumns run, Entry& entry, Adjustment prices) {
  const bool daily = entry.record.interval == kDay;
  std::vector<RunView> runs = entry.is_new ? std::vector<RunView>{} : store_->runs(entry.record.id);
  runs.insert(runs.end(), entry.written.begin(), entry.written.end());
  for (const auto& pending : entry.pending) runs.push_back(pending->view());
  const RunView view = run.view();
  const size_t n = static_cast<size_t>(run.count());
  const std::vector<Known> known = known_rows(runs, daily, key_of(view, 0, daily), key_of(view, view.count - 1, daily));
  RunColumns restated = like(run);
  if (!options_.known_at && prices == Adjustment::raw) restated.known_from = now_;
  if (!known.empty()) {
    RunColumns fresh = like(run);
    auto at = known.begin();
    for (size_t row = 0; row < n; ++row) {
      const int64_t key = key_of(view, static_cast<int64_t>(row), daily);
      while (at != known.end() && at->key < key) ++at;
      const Fault fault = fault_of(run.flags[row]);
      const Time limit = options_.known_at ? view.known_at(static_cast<int64_t>(row)) : kEver;
      const Known *visible = nullptr, *earliest = nullptr;
      bool repeated = false;
      for (auto other = at; other != known.end() && other->key == key; ++other) {
        const Fault other_fault = fault_of(other->run->flags[other->row]);
        if (fault != Fault::none) {
          repeated |= fault == other_fault && same_values(run, row, *other->run, other->row);
        } else if (other_fault == Fault::none) {
          if (earliest == nullptr) earliest = &*other;
          if (other->known_at <= limit) visible = &*other;
        }
      }
      const Known* before = visible != nullptr ? visible : earliest;
      if (before != nullptr) repeated = same_values(run, row, *before->run, before->row);
      if (repeated) {
        ++repeated_;
        if (at != known.end() && at->key == key) repeated_from_ = std::min(repeated_from_, at->known_at);
        continue;
      }
      if (before != nullptr) ++report_.restated;
      append_row(before != nullptr ? restated : fresh, run, row);
    }
    run = std::move(fresh);
  }
  for (RunColumns* part : {&run, &restated}) {
    if (part->count() == 0) continue;
    pending_rows_ += part->count();
    if (!entry.pending.empty() && can_follow(*entry.pending.back(), *part))
      append_run(*entry.pending.back(), *part);
    else
      entry.pending.push_back(std::make_unique<RunColumns>(std::move(*part)));
  }
}

void Import::add_lean_events(const Path& path, const RunColumns& run, Entry& entry) {
  RunColumns accepted = like(run);
  for (size_t row = 0; row < run.time.size(); ++row)
    if (fault_of(run.flags[row]) == Fault::none) append_row(accepted, run, row);
  if (accepted.count() == 0) return;
  const auto exchange = entry.record.calendar.empty() ? Calendar::find("XNYS", "LEAN") : store_->calendar(entry.record);
  LeanEvents events = read_lean_events(path, accepted.view(), *exchange);
  report_.notes.push_back(path.string() + ": " + events.note);
  for (Action& action : events.actions) {
    if (options_.known_at) action.known_at = std::max(action.known_at, *options_.known_at);
    add_action(entry, std::move(action));
  }
  if (!events.factors.empty()) {
    entry.factors = std::move(events.factors);
    entry.factors_changed = true;
  }
  if (events.spells.empty()) return;
  entry.spells = std::move(events.spells);
  entry.spells_changed = true;
  by_symbol_.erase(entry.record.last_symbol);
  entry.record.last_symbol = entry.spells.back().symbol;
  by_symbol_.emplace(entry.record.last_symbol, entry.record.id);
}

bool Import::take_action(Entry& entry, Action action) {
  if (is_inside(action.kind, entry.record.prices)) return false;
  add_action(entry, std::move(action));
  return true;
}

void Import::add_action(Entry& entry, Action action) {
  entry.touched = true;
  const Action* before = nullptr;
  std::vector<Action> known = store_->records().find(entry.record.id) != nullptr
                                  ? store_->records().actions_of(entry.record.id, kEver)
                                  : std::vector<Action>{};
  known.insert(known.end(), entry.new_actions.begin(), entry.new_actions.end());
  for (const Action& other : known)
    if (other.kind == action.kind && other.effective == action.effective) before = &other;
  if (before != nullptr) {
    if (before->over == action.over && before->under == action.under && before->amount == action.amount &&
        before->symbol == action.symbol)
      return;
    ++report_.restated;
    if (!options_.known_at) action.known_at = now_;
  }
  new_actions_.emplace_back(entry.record.id, action);
  entry.new_actions.push_back(std::move(action));
}

void Import::add_membership(MembershipSpell spell) {
  const auto [found, is_new] = memberships_.try_emplace({spell.list, spell.symbol, spell.first}, spell);
  const MembershipSpell* before = is_new ? nullptr : &found->second;
  spell.known_at = options_.known_at.value_or(start_of(spell.first) + 1);
  if (before != nullptr) {
    if (before->last == spell.last) return;
    ++report_.restated;
    // That a spell ended is known when it has ended; any other change, now.
    if (!options_.known_at) spell.known_at = !before->last ? start_of(*spell.last + 1) : now_;
  }
  found->second = spell;
  new_memberships_.push_back(std::move(spell));
}

void Import::add_events(const Path& path, ImportedFile& report) {
  EventFile file = read_event_file(path, options_);
  report.format = "csv", report.rows = report.accepted = file.rows, report.symbols = file.symbols;
  if (file.first) report.first = date_text(*file.first), report.last = date_text(*file.last);
  for (SymbolAction& named : file.actions) {
    const auto found = by_symbol_.find(named.symbol);
    const Instrument* instrument = found != by_symbol_.end() ? nullptr : store_->find(named.symbol);
    if (found == by_symbol_.end() && instrument == nullptr)
      fail("{}: expected a symbol of the market {}, found {}; import its bars first", named.where, report_.market,
           brief(named.symbol));
    Entry& entry = *entries_[static_cast<size_t>(found != by_symbol_.end() ? found->second : instrument->id) - 1];
    named.action.known_at = options_.known_at.value_or(start_of(named.action.effective) + 1);
    if (!take_action(entry, std::move(named.action))) --report.accepted;
  }
  if (report.accepted < report.rows)
    report_.notes.push_back(fmt::format("{}: {} {} are inside the adjusted prices of their instruments, and not taken",
                                        path.string(), report.rows - report.accepted, options_.kind));
  for (MembershipSpell& spell : file.memberships) add_membership(std::move(spell));
  for (const SessionRecord& session : file.sessions) new_sessions_.push_back(session);
}

std::vector<Import::InstrumentChange> Import::instrument_changes() const {
  std::vector<InstrumentChange> changes;
  for (const auto& entry : entries_)
    if (entry->is_new || entry->changed || entry->spells_changed || entry->factors_changed)
      changes.push_back({&entry->record, entry->is_new || entry->changed,
                         entry->spells_changed ? &entry->spells : nullptr,
                         entry->factors_changed ? &entry->factors : nullptr});
  return changes;
}

void Import::write_segments() {
  std::vector<const RunColumns*> runs;
  for (const auto& entry : entries_)
    for (const auto& run : entry->pending) runs.push_back(run.get());
  if (runs.empty()) return;
  const auto& old = store_->records().segments;
  const int64_t id = new_segments_.empty() ? (old.empty() ? 1 : old.back().id + 1) : new_segments_.back().id + 1;
  SegmentRecord record{id, pending_rows_, fmt::format("bars/{:06}.seg", id)};
  write_segment(folder_ / record.file, runs);
  new_segments_.push_back(record);
  written_.push_back(std::make_unique<Segment>(folder_ / record.file));
  for (const RunView& run : written_.back()->runs())
    entries_[static_cast<size_t>(run.instrument) - 1]->written.push_back(run);
  for (const auto& entry : entries_) entry->pending.clear();
  pending_rows_ = 0;
}

ImportReport Import::commit() {
  write_segments();
  int64_t rows = 0;
  for (const ImportedFile& file : report_.files) rows += file.rows;
  if (rows == 0) fail("{}: expected at least one row in the files, found none", report_.files.front().file);
  Database& database = store_->database();
  {
    Transaction transaction(database, Transaction::Kind::write);
    auto insert = database.prepare("INSERT INTO imports (at, known_at) VALUES (?, ?)");
    insert.bind(now_);
    if (options_.known_at) insert.bind(*options_.known_at);
    insert.run();
    save_records(database.integer("SELECT last_insert_rowid()"));
    transaction.commit();
  }
  committed_ = true;
  std::vector<std::string> touched;
  for (const auto& entry : entries_)
    if (entry->touched) touched.push_back(entry->record.last_symbol);
  entries_.clear();  // their memory
  const int64_t written_from = new_segments_.empty() ? kNoSegment : new_segments_.front().id;
  if (!touched.empty()) report_.issues = count_issues(Store(folder_, written_from), touched);
  return std::move(report_);
}

ImportReport import_files(const std::string& market, const std::vector<Path>& files, const ImportOptions& options) {
  if (!options.calendar.empty()) static_cast<void>(Calendar::find(options.calendar, "--calendar"));
  if (!options.zone.empty()) static_cast<void>(Zone(options.zone, "--zone"));
  Import import(market, options);
  for (const Path& file : files) import.add_file(file);
  return import.commit();
}

}  // namespace hadal::market
