// What came of a feed, and what of it still waits for its session's end. The same events in the same order give the
// same book: a restart gives it the journal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "market/backtest.h"
#include "market/paper/event.h"

namespace hadal::market::paper {

struct SessionBar {
  FeedBar bar;
  double vwap = kMissing;
  Time time = 0;  // its end
};

// What a TradingSession gets between begin and end, in the order of feed_from_market().
struct EndedSession {
  Date date = 0;
  Time time = 0;                    // the last bar's end
  std::vector<FeedAction> actions;  // by instrument, then by day; a dividend before a split
  std::vector<SessionBar> bars;     // by instrument
  bool ends_day = true;             // the last one of its day, as far as the feed says
};

class Book {
 public:
  // accepted: waits, or ended sessions. repeated: was there; nothing changed. restated: other values for what was
  // there; they replace it if its session has not ended. late: new, for a session that has ended, or before `start`.
  enum class Verdict { accepted, repeated, restated, late };

  Book(bool daily, std::optional<Date> start) : daily_(daily), start_(start) {}

  // Sessions that the event ends are added to `ended`; days without a bar are none.
  Verdict take(const Event& event, std::vector<EndedSession>& ended);
  bool has_ended(Date date, Time time) const;  // a session; `time` of a step within a day
  // Error for the end of a session so far behind all that came that it can only be a mistake: it would make all that
  // is still to come late. `who` is the line.
  void check(const Event& event, const std::string& who) const;

 private:
  using Step = std::pair<Date, Time>;  // the time of a daily one is 0

  Verdict end_sessions(const Event& event, std::vector<EndedSession>& ended);
  EndedSession end(const Step& step, const std::map<int32_t, SessionBar>& bars);
  void keep(const Event& event);

  bool daily_;
  std::optional<Date> start_;
  std::optional<Date> ended_to_;       // a day: all of it
  std::optional<Time> ended_to_time_;  // of steps within a day
  std::optional<Date> newest_;         // of any event
  std::optional<Date> last_date_;      // of the last session that ended with bars
  std::map<Step, std::map<int32_t, SessionBar>> waiting_;
  std::map<std::tuple<int32_t, Date, int>, Action> actions_;  // that wait: instrument, day, rank of the kind
  // Hashes of what came: of whom and when; the same with its values, in every version.
  std::unordered_set<uint64_t> places_, versions_;
};

}  // namespace hadal::market::paper
