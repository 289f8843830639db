#include "market/paper/book.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace hadal::market::paper {
namespace {

// As Market::actions() has them.
int rank_of_kind(Action::Kind kind) { return kind == Action::Kind::dividend ? -1 : static_cast<int>(kind); }

uint64_t mixed(uint64_t hash, uint64_t word) { return mix(hash ^ mix(word + 0x9E3779B97F4A7C15ull)); }

uint64_t bits_of(double value) { return std::isnan(value) ? 1 : std::bit_cast<uint64_t>(value); }

uint64_t place_hash(const Event& event, bool daily) {
  const bool is_bar = event.kind == Event::Kind::bar;
  uint64_t hash = mixed(static_cast<uint64_t>(event.bar.instrument),
                        is_bar ? 0 : static_cast<uint64_t>(3 + rank_of_kind(event.action.kind)));
  return mixed(hash, static_cast<uint64_t>(is_bar && !daily ? event.time : Time{event.date}));
}

uint64_t version_hash(const Event& event, uint64_t hash) {
  if (event.kind == Event::Kind::bar) {
    const FeedBar& b = event.bar;
    for (const double value : {b.open, b.high, b.low, b.close, b.volume, event.vwap})
      hash = mixed(hash, bits_of(value));
    return hash;
  }
  const Action& a = event.action;
  for (const uint64_t word :
       {static_cast<uint64_t>(a.over), static_cast<uint64_t>(a.under), static_cast<uint64_t>(a.amount.units())})
    hash = mixed(hash, word);
  return hash;
}

// A dividend of nothing, or a split of one for one, takes back what was said before.
bool takes_back(const Action& action) {
  if (action.kind == Action::Kind::dividend) return action.amount.is_zero();
  return action.kind == Action::Kind::split && action.over == action.under;
}

}  // namespace

bool Book::has_ended(Date date, Time time) const {
  if (start_ && date < *start_) return true;
  if (ended_to_ && date <= *ended_to_) return true;
  return !daily_ && ended_to_time_ && time <= *ended_to_time_;
}

void Book::check(const Event& event, const std::string& who) const {
  constexpr Date kLongestPause = 31;
  const std::optional<Date> newest = newest_ ? newest_ : start_;
  if (event.kind == Event::Kind::session_end && newest && event.date - *newest > kLongestPause)
    fail("{}: session_end: expected a day within {} days of the newest one, {}, found {}", who, kLongestPause,
         date_text(*newest), date_text(event.date));
}

Book::Verdict Book::take(const Event& event, std::vector<EndedSession>& ended) {
  newest_ = std::max(newest_.value_or(event.date), event.date);
  if (event.kind == Event::Kind::session_end) return end_sessions(event, ended);
  const uint64_t place = place_hash(event, daily_), version = version_hash(event, place);
  if (!versions_.insert(version).second) return Verdict::repeated;
  const bool was_there = !places_.insert(place).second;
  // Actions stand in the first session of their day.
  const bool is_late = event.kind == Event::Kind::bar
                           ? has_ended(event.date, event.time)
                           : has_ended(event.date, kEver) || (last_date_ && event.date <= *last_date_);
  if (!is_late) keep(event);
  if (was_there) return Verdict::restated;
  return is_late ? Verdict::late : Verdict::accepted;
}

void Book::keep(const Event& event) {
  if (event.kind == Event::Kind::bar)
    waiting_[{event.date, daily_ ? 0 : event.time}][event.bar.instrument] = {event.bar, event.vwap, event.time};
  else
    actions_[{event.bar.instrument, event.date, rank_of_kind(event.action.kind)}] = event.action;
}

Book::Verdict Book::end_sessions(const Event& event, std::vector<EndedSession>& ended) {
  if (has_ended(event.date, event.whole_day ? kEver : event.time)) return Verdict::repeated;
  const auto ends = [&](const Step& step) {
    return event.whole_day ? step.first <= event.date : step.second <= event.time;
  };
  const size_t before = ended.size();
  for (auto step = waiting_.begin(); step != waiting_.end() && ends(step->first); step = waiting_.erase(step)) {
    if (ended.size() > before) ended.back().ends_day = ended.back().date != step->first.first;
    ended.push_back(end(step->first, step->second));
  }
  if (event.whole_day)
    ended_to_ = event.date;
  else
    ended_to_time_ = event.time;
  return Verdict::accepted;
}

EndedSession Book::end(const Step& step, const std::map<int32_t, SessionBar>& bars) {
  EndedSession session{.date = step.first, .time = bars.begin()->second.time, .actions = {}, .bars = {}};
  for (const auto& [instrument, bar] : bars) {
    session.bars.push_back(bar);
    session.time = std::max(session.time, bar.time);
  }
  for (auto at = actions_.begin(); at != actions_.end();) {
    if (at->second.effective > step.first) {
      ++at;
      continue;
    }
    if (!takes_back(at->second)) session.actions.push_back({std::get<0>(at->first), at->second});
    at = actions_.erase(at);
  }
  last_date_ = step.first;
  return session;
}

}  // namespace hadal::market::paper
