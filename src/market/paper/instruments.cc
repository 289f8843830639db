#include "market/paper/instruments.h"

namespace hadal::market::paper {

Instruments::Instruments(const StrategyFile& strategy, const Market& market)
    : store_(store_of(market)), daily_(strategy.frequency == "1d"), decides_by_day_(strategy.needs_factors()) {
  if (strategy.symbols.empty()) symbols_ = market.symbols();
  for (const std::string& symbol : strategy.symbols) symbols_.push_back(market.resolve(symbol));
  for (size_t i = 0; i < symbols_.size(); ++i) {
    places_.emplace(symbols_[i], static_cast<int32_t>(i));
    clocks_.push_back(clock_of(store_, store_.resolve(symbols_[i])));
  }
}

// Without a calendar, what an import took for the end of a day shows in the bars that are there.
Instruments::Clock Instruments::clock_of(const Store& store, const Instrument& instrument) {
  Clock clock{.record = &instrument, .calendar = store.calendar(instrument), .hours = store.calendar(instrument)};
  const auto& runs = store.runs(instrument.id);
  if (clock.hours || runs.empty() || runs.back().count == 0) return clock;
  const Date day = runs.back().session[runs.back().count - 1];
  const Time end = runs.back().time[runs.back().count - 1];
  const auto usual = Calendar::find("XNYS", "paper");
  if (usual->close(day) == end)
    clock.hours = usual;
  else
    clock.end = end - start_of(day);
  return clock;
}

std::optional<int32_t> Instruments::find(const std::string& symbol, Date day) const {
  if (const auto found = places_.find(symbol); found != places_.end()) return found->second;
  const Instrument* instrument = store_.records().find_symbol_on(symbol, day);
  if (instrument == nullptr) return {};
  const auto found = places_.find(instrument->last_symbol);
  return found == places_.end() ? std::optional<int32_t>() : found->second;
}

Time Instruments::end_of_day(int32_t instrument, Date day) const {
  const Clock& clock = clocks_[static_cast<size_t>(instrument)];
  return clock.hours ? clock.hours->close(day) : start_of(day) + clock.end;
}

Date Instruments::session_of(int32_t instrument, Time end) const {
  const Clock& clock = clocks_[static_cast<size_t>(instrument)];
  const Zone* zone = clock.calendar ? clock.calendar->zone() : nullptr;
  return date_of(zone == nullptr ? end - 1 : zone->local(end - 1));  // what ends at midnight belongs to the day before
}

bool Instruments::is_session(int32_t instrument, Date day) const {
  const auto& calendar = clocks_[static_cast<size_t>(instrument)].calendar;
  return !calendar || !calendar->knows(day) || calendar->is_session(day);
}

bool Instruments::is_inside(int32_t instrument, Action::Kind kind) const {
  const Adjustment prices = clocks_[static_cast<size_t>(instrument)].record->prices;
  if (kind == Action::Kind::split) return prices != Adjustment::raw;
  return kind == Action::Kind::dividend && prices == Adjustment::adjusted;
}

}  // namespace hadal::market::paper
