#include "market/checks.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <unordered_set>

#include "base/error.h"
#include "base/text.h"
#include "market/data/check_store.h"
#include "market/data/fields.h"
#include "market/data/view.h"

namespace hadal::market {
namespace {

constexpr std::string_view kFaultNames[] = {"",
                                            "duplicate_time",
                                            "out_of_order",
                                            "not_a_session",
                                            "missing_value",
                                            "nonpositive_price",
                                            "high_below_low",
                                            "high_below_body",
                                            "low_above_body"};
constexpr int64_t kStaleBars = 5;
constexpr double kJump = 0.7, kSplitNear = 0.02;
constexpr double kSplits[] = {2, 3, 4, 5, 7, 10, 1.5};

double value_of(const RunView& run, int value, int64_t row) {
  return run.value[value] == nullptr ? kMissing : run.value[value][row];
}

std::string stamp_text(const RunView& run, int64_t row) {
  if (run.stamps == Stamps::days || run.stamp == nullptr) return date_text(run.session[row]);
  if (run.stamps == Stamps::numbers) return std::to_string(run.stamp[row]);
  std::string text = time_text(run.stamp[row]);  // of a clock: "2014-06-09 16:00:00"
  text.pop_back();
  text[10] = ' ';
  return text;
}

std::string fault_detail(const RunView& run, int64_t row, Fault fault) {
  const auto value = [&](int v) { return value_of(run, v, row); };
  switch (fault) {
    case Fault::duplicate_time:
      return "a bar of this time stands before it";
    case Fault::out_of_order:
      return "earlier than a bar before it, and not to be put in its place: another of its time, or wrong values";
    case Fault::not_a_session:
      return "the exchange was closed";
    case Fault::missing_value:
      for (int v = kOpen; v <= kVolume; ++v)
        if (std::isnan(value(v)) || (v == kVolume && value(v) < 0))
          return fmt::format("{} is {}", kValueNames[v], std::isnan(value(v)) ? "missing" : "negative");
      return "a value is missing";
    case Fault::nonpositive_price:
      for (int v = kOpen; v <= kClose; ++v)
        if (value(v) <= 0) return fmt::format("{} is {}", kValueNames[v], value(v));
      return "a price is not above zero";
    case Fault::high_below_low:
      return fmt::format("high {} is below low {}", value(kHigh), value(kLow));
    case Fault::high_below_body:
      return fmt::format("high {} is below open {} or close {}", value(kHigh), value(kOpen), value(kClose));
    case Fault::low_above_body:
      return fmt::format("low {} is above open {} or close {}", value(kLow), value(kOpen), value(kClose));
    case Fault::none:
      break;
  }
  return "";
}

// An issue and where it belongs in the order of the report.
struct Found {
  Time time;
  int64_t order;
  Issue issue;
};

class InstrumentCheck {
 public:
  InstrumentCheck(const Store& store, const Instrument& instrument)
      : instrument_(instrument),
        runs_(store.runs(instrument.id)),
        daily_(instrument.interval == kDay),
        visible_(visible_pieces(runs_, daily_, kEver)),
        actions_(store.records().actions_of(instrument.id, kEver)),
        calendar_(store.calendar(instrument)) {}

  int64_t run(std::vector<Issue>& issues) {
    check_all();
    std::stable_sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
      return a.time != b.time ? a.time < b.time : a.order < b.order;
    });
    for (Found& found : found_) issues.push_back(std::move(found.issue));
    return count_of(visible_);
  }
  // The same without a word: millions of bars may be wrong.
  void run(std::map<std::string_view, int64_t>& counts) {
    counts_ = &counts;
    check_all();
  }

 private:
  void check_all() {
    check_faults();
    check_bars();
    check_sessions();
    check_dividends();
  }
  // `text` and `detail` make the texts.
  template <typename Text, typename Detail>
  void add(std::string_view code, bool is_error, Time time, const Text& text, const Detail& detail) {
    if (counts_ != nullptr)
      ++(*counts_)[code];
    else
      found_.push_back({time,
                        static_cast<int64_t>(found_.size()),
                        {std::string(code), is_error, instrument_.last_symbol, text(), detail()}});
  }
  template <typename Detail>
  void add_at(std::string_view code, bool is_error, const RunView& run, int64_t row, const Detail& detail) {
    add(
        code, is_error, run.time[row], [&] { return stamp_text(run, row); }, detail);
  }

  // What was quarantined and is not made good by a later import.
  void check_faults() {
    std::unordered_set<int64_t> mended;
    for (size_t i = runs_.size(); i-- > 0;) {
      const RunView& run = runs_[i];
      for (int64_t row = 0; row < run.count && run.flags_or != 0; ++row)
        if (run.flags[row] != 0 && mended.count(key_of(run, row, daily_)) == 0) check_flags(run, row);
      for (int64_t row = 0; row < run.count && i > 0; ++row)
        if (fault_of(run.flags[row]) == Fault::none) mended.insert(key_of(run, row, daily_));
    }
  }

  void check_flags(const RunView& run, int64_t row) {
    const Fault fault = fault_of(run.flags[row]);
    if (fault != Fault::none)
      add_at(kFaultNames[static_cast<size_t>(fault)], true, run, row, [&] { return fault_detail(run, row, fault); });
    if ((run.flags[row] & kSorted) != 0)
      add_at("out_of_order", false, run, row, [] { return "earlier than a bar before it; put in its place"; });
    if ((run.flags[row] & kUnitChanged) != 0)
      add_at("time_unit", false, run, row,
             [] { return "its time is in another unit (s, ms, us) than the one before it"; });
    if ((run.flags[row] & kFromFuture) != 0)
      add_at("future_time", false, run, row, [] { return "ends after the time of its import"; });
  }

  void check_bars() {
    const RunView* before = nullptr;
    int64_t before_row = 0, same = 1;
    const RunView* first = nullptr;  // of bars with the same prices
    int64_t first_row = 0;
    const RunView* untraded = nullptr;  // the first bar that a backtest refuses
    int64_t untraded_row = 0, num_untraded = 0;
    for (const Piece& piece : visible_) {
      const RunView& run = *piece.run;
      const double* const* value = run.value;
      for (int64_t row = piece.begin; row < piece.end; ++row) {
        if (value[kVolume] != nullptr && value[kVolume][row] == 0)
          add_at("zero_volume", false, run, row, [] { return "volume is 0"; });
        const auto holds = [&](int v) { return holds_price(value[v][row]); };
        if (!(holds(kOpen) && holds(kHigh) && holds(kLow) && holds(kClose)) && ++num_untraded == 1)
          untraded = &run, untraded_row = row;
        if (before != nullptr) {
          check_step(*before, before_row, run, row);
          const auto equal = [&](int v) { return value[v][row] == before->value[v][before_row]; };
          if (equal(kClose) && equal(kOpen) && equal(kHigh) && equal(kLow)) {
            if (++same == kStaleBars)
              add_at("stale", false, *first, first_row,
                     [] { return fmt::format("{} bars in a row with the same four prices", kStaleBars); });
          } else {
            same = 1;
          }
        }
        if (same == 1) first = &run, first_row = row;
        before = &run, before_row = row;
      }
    }
    if (untraded != nullptr)
      add_at("untradable_price", false, *untraded, untraded_row, [&] {
        return fmt::format(
            "close {}; a backtest refuses {} of this instrument: prices above 1e10, or with digits beyond the eighth "
            "after the point that matter; quote it in another unit",
            value_of(*untraded, kClose, untraded_row), counted(num_untraded, "bar"));
      });
  }

  void check_step(const RunView& before, int64_t before_row, const RunView& run, int64_t row) {
    const double close = before.value[kClose][before_row], open = run.value[kOpen][row], k = open / close;
    if (k > 0.69 && k < 1.46) return;  // neither a split's nor a jump's size
    const Date from = before.session[before_row], to = run.session[row];
    for (const Action& action : actions_)
      if (action.kind == Action::Kind::split && action.effective > from && action.effective <= to) return;
    const auto detail = [&] { return fmt::format("opens at {} after a close of {}: times {:.4g}", open, close, k); };
    for (const double split : kSplits)
      if (std::abs(k / split - 1) <= kSplitNear || std::abs(k * split - 1) <= kSplitNear)
        return add_at("probable_split", false, run, row, [&] { return detail() + ", and no split is recorded"; });
    if (std::abs(std::log(k)) > kJump) add_at("jump", false, run, row, detail);
  }

  void check_sessions() {
    if (!calendar_ || visible_.empty()) return;
    std::vector<Date> present;  // quarantined bars were there too
    for (const RunView& run : runs_) present.insert(present.end(), run.session, run.session + run.count);
    if (!std::is_sorted(present.begin(), present.end())) std::sort(present.begin(), present.end());
    const Date first = visible_.front().run->session[visible_.front().begin];
    const Date last = visible_.back().run->session[visible_.back().end - 1];
    auto at = present.begin();
    for (const Date session : calendar_->sessions(first, last)) {
      while (at != present.end() && *at < session) ++at;
      if (at == present.end() || *at != session)
        add(
            "missing_session", false, calendar_->close(session), [&] { return date_text(session); },
            [&] { return "no bar on this session of " + calendar_->name(); });
    }
  }

  void check_dividends() {
    for (const Action& action : actions_) {
      if (action.kind != Action::Kind::dividend) continue;
      const Pieces before = within(visible_, {}, action.effective - 1);
      if (before.empty()) continue;
      const double close = before.back().run->value[kClose][before.back().end - 1];
      if (action.amount.to_double() >= close)
        add(
            "dividend_above_price", false, start_of(action.effective), [&] { return date_text(action.effective); },
            [&] {
              return fmt::format("{} a share after a close of {}; no view adjusts for it", action.amount.text(), close);
            });
    }
  }

  const Instrument& instrument_;
  const std::vector<RunView>& runs_;
  bool daily_;
  Pieces visible_;
  std::vector<Action> actions_;
  std::shared_ptr<const Calendar> calendar_;
  std::vector<Found> found_;
  std::map<std::string_view, int64_t>* counts_ = nullptr;
};

struct Spell {
  std::string symbol, where;
  Date first;
  std::optional<Date> last;
};

void check_spells(std::vector<Spell> spells, std::vector<Issue>& issues) {
  std::stable_sort(spells.begin(), spells.end(), [](const Spell& a, const Spell& b) {
    return std::tie(a.where, a.symbol, a.first) < std::tie(b.where, b.symbol, b.first);
  });
  for (size_t i = 1; i < spells.size(); ++i) {
    const Spell &a = spells[i - 1], &b = spells[i];
    if (a.where != b.where || a.symbol != b.symbol || (a.last && *a.last < b.first)) continue;
    issues.push_back({"spell_overlap", false, b.symbol, date_text(b.first),
                      fmt::format("{}: the spell before it lasts to {}", b.where,
                                  a.last ? date_text(*a.last) : std::string("today"))});
  }
}

void check_all_spells(const Records& records, std::vector<Issue>& issues) {
  std::map<std::tuple<std::string, std::string, Date>, MembershipSpell> newest;
  for (const MembershipSpell& spell : records.memberships) {
    MembershipSpell& kept = newest.try_emplace({spell.list, spell.symbol, spell.first}, spell).first->second;
    if (spell.known_at >= kept.known_at) kept = spell;
  }
  std::vector<Spell> spells;
  for (const auto& [key, spell] : newest)
    spells.push_back({spell.symbol, "members of " + spell.list, spell.first, spell.last});
  for (const SymbolSpell& spell : records.spells)
    spells.push_back({spell.symbol, "instruments of this symbol", spell.first, spell.last});
  check_spells(std::move(spells), issues);
}

}  // namespace

std::string time_in_words(const Issue& issue) {
  int64_t number = 0;
  const char* end = issue.time.data() + issue.time.size();
  const auto [at, error] = std::from_chars(issue.time.data(), end, number);
  return error == std::errc() && at == end ? time_text(time_of_number(number)) : issue.time;
}

CheckReport check_market(const Market& market, const std::vector<std::string>& symbols) {
  return check_store(store_of(market), symbols);
}

CheckReport check_store(const Store& store, const std::vector<std::string>& symbols) {
  CheckReport report;
  for (const std::string& symbol : symbols.empty() ? store.symbols() : symbols) {
    ++report.instruments;
    report.bars += InstrumentCheck(store, store.resolve(symbol)).run(report.issues);
  }
  if (symbols.empty()) check_all_spells(store.records(), report.issues);
  std::stable_sort(report.issues.begin(), report.issues.end(),
                   [](const Issue& a, const Issue& b) { return a.symbol < b.symbol; });
  for (const Issue& issue : report.issues) ++report.counts[issue.code];
  return report;
}

std::map<std::string, int64_t> count_issues(const Store& store, const std::vector<std::string>& symbols) {
  std::map<std::string_view, int64_t> counts;
  for (const std::string& symbol : symbols) InstrumentCheck(store, store.resolve(symbol)).run(counts);
  return {counts.begin(), counts.end()};
}

}  // namespace hadal::market
