#include "market/data/store.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/toml_table.h"

namespace hadal::market {

Store::Store(const Path& folder, int64_t written_from) : folder_(folder), database_(folder / "market.db", false) {
  make_schema(database_, folder / "market.db");
  {
    Transaction transaction(database_, Transaction::Kind::read);
    records_ = load_records(database_);
    transaction.commit();
  }
  runs_.resize(records_.instruments.size());
  segments_of_.resize(records_.instruments.size());
  for (const SegmentRecord& record : records_.segments) {
    const Path path = folder / record.file;
    if (!std::filesystem::exists(path))
      fail("{}: expected this segment of the market, found none; import its files anew into another market",
           path.string());
    segments_.push_back(std::make_unique<Segment>(path));
    if (segments_.back()->num_rows() != record.rows)
      fail("{}: expected {} bars, found {}; the file is of another market", path.string(), record.rows,
           segments_.back()->num_rows());
    for (const RunView& run : segments_.back()->runs()) {
      if (run.instrument < 1 || static_cast<size_t>(run.instrument) > runs_.size())
        fail("{}: bars of the unknown instrument {}; the file is of another market", path.string(), run.instrument);
      runs_[static_cast<size_t>(run.instrument) - 1].push_back(run);
      auto& of = segments_of_[static_cast<size_t>(run.instrument) - 1];
      if (of.empty() || of.back() != segments_.size() - 1) of.push_back(segments_.size() - 1);
    }
  }
  for (const SegmentRecord& record : records_.segments) verified_.push_back(record.id >= written_from ? 1 : 0);
  for (const Instrument& instrument : records_.instruments) by_symbol_.emplace(instrument.last_symbol, instrument.id);
}

const std::vector<RunView>& Store::runs(int64_t instrument) const {
  const size_t at = static_cast<size_t>(instrument) - 1;
  for (const size_t segment : segments_of_.at(at)) {
    if (verified_[segment] != 0) continue;
    segments_[segment]->verify();
    verified_[segment] = 1;
  }
  return runs_[at];
}

const Instrument* Store::find(const std::string& symbol) const {
  const auto found = by_symbol_.find(symbol);
  return found != by_symbol_.end() ? records_.find(found->second) : records_.find_symbol(symbol);
}

const Instrument& Store::resolve(const std::string& symbol) const {
  if (const Instrument* found = find(symbol)) return *found;
  const std::vector<std::string> all = symbols();
  for (const std::string& other : all)
    if (lower_case(other) == lower_case(symbol)) return *find(other);
  const int64_t had =
      std::count_if(records_.spells.begin(), records_.spells.end(), [&](const auto& s) { return s.symbol == symbol; });
  if (had > 1)
    fail("{}: {} instruments had the symbol {} at some time; name one by its last symbol", folder_.string(), had,
         symbol);
  const std::string nearest = nearest_word(symbol, all);
  fail("{}: expected a symbol of the market, found {}; {}", folder_.string(), brief(symbol),
       nearest.empty() ? "it holds no bars yet" : "the nearest is " + nearest);
}

std::vector<std::string> Store::symbols() const {
  std::vector<std::string> symbols;
  for (const Instrument& instrument : records_.instruments) symbols.push_back(instrument.last_symbol);
  std::sort(symbols.begin(), symbols.end());
  return symbols;
}

std::shared_ptr<const Calendar> Store::calendar(const Instrument& instrument) const {
  if (instrument.calendar.empty() && records_.sessions.empty()) return nullptr;
  auto& calendar = calendars_[instrument.calendar];
  if (calendar) return calendar;
  if (!instrument.calendar.empty()) return calendar = Calendar::find(instrument.calendar, folder_.string());
  std::vector<Session> sessions;
  for (const SessionRecord& record : records_.sessions) sessions.push_back({record.date, record.open, record.close});
  return calendar = Calendar::of_sessions("sessions", sessions);
}

}  // namespace hadal::market
