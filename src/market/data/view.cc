#include "market/data/view.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hadal::market {
namespace {

// Appends the accepted rows of [0, end) of one run.
void add_accepted(const RunView& run, int64_t end, Pieces& pieces) {
  if ((run.flags_or & kFaultMask) == 0) {
    if (end > 0) pieces.push_back({&run, 0, end});
    return;
  }
  for (int64_t row = 0; row < end;) {
    while (row < end && fault_of(run.flags[row]) != Fault::none) ++row;
    const int64_t begin = row;
    while (row < end && fault_of(run.flags[row]) == Fault::none) ++row;
    if (row > begin) pieces.push_back({&run, begin, row});
  }
}

int64_t rows_known(const RunView& run, Time as_of) {
  if (run.known_from > as_of) return 0;
  return std::upper_bound(run.time, run.time + run.count, as_of) - run.time;
}

struct Version {
  int64_t key;
  Time known_at;
  size_t order;
  const RunView* run;
  int64_t row;
};

// Where runs overlap: of each bar the version that became known last; of several at once, the one that came last.
Pieces newest_versions(std::span<const RunView> runs, bool daily, Time as_of) {
  std::vector<Version> versions;
  for (size_t i = 0; i < runs.size(); ++i)
    for (int64_t row = 0, end = rows_known(runs[i], as_of); row < end; ++row)
      if (fault_of(runs[i].flags[row]) == Fault::none)
        versions.push_back({key_of(runs[i], row, daily), runs[i].known_at(row), i, &runs[i], row});
  std::sort(versions.begin(), versions.end(), [](const Version& a, const Version& b) {
    return a.key != b.key ? a.key < b.key : a.known_at != b.known_at ? a.known_at < b.known_at : a.order < b.order;
  });
  Pieces pieces;
  for (size_t i = 0; i < versions.size(); ++i) {
    const Version& version = versions[i];
    if (i + 1 < versions.size() && versions[i + 1].key == version.key) continue;
    if (!pieces.empty() && pieces.back().run == version.run && pieces.back().end == version.row)
      ++pieces.back().end;
    else
      pieces.push_back({version.run, version.row, version.row + 1});
  }
  return pieces;
}

// The last close before a day; missing where there is none.
double close_before(const Pieces& pieces, Date day) {
  double close = kMissing;
  for (const Piece& piece : pieces) {
    const Date *begin = piece.run->session + piece.begin, *end = piece.run->session + piece.end;
    if (*begin >= day) break;
    close = piece.run->value[kClose][std::lower_bound(begin, end, day) - 1 - piece.run->session];
  }
  return close;
}

// What an action does to a share's price on its day.
struct Step {
  Date effective = 0;
  double split = 1;     // new shares for an old one
  double dividend = 0;  // as a share of the close before
};

std::vector<Step> steps_of(const std::vector<Action>& actions, const Pieces& visible, Adjustment stored,
                           bool dividends) {
  std::vector<Step> steps;
  if (visible.empty() || stored == Adjustment::adjusted) return steps;
  const Date last = visible.back().run->session[visible.back().end - 1];
  for (const Action& action : actions) {
    if (action.effective > last) break;  // no bar shows it yet
    const double close = close_before(visible, action.effective);
    if (std::isnan(close)) continue;  // before the first bar
    Step step{.effective = action.effective};
    if (action.kind == Action::Kind::split && stored == Adjustment::raw)
      step.split = static_cast<double>(action.over) / static_cast<double>(action.under);
    else if (action.kind == Action::Kind::dividend && dividends)
      step.dividend = action.amount.to_double() / close;
    else
      continue;
    if (step.dividend < 1) steps.push_back(step);  // one of more than the price is reported by the checks
  }
  return steps;
}

}  // namespace

Pieces visible_pieces(std::span<const RunView> runs, bool daily, Time as_of) {
  std::vector<const RunView*> order;
  for (const RunView& run : runs)
    if (run.count > 0) order.push_back(&run);
  std::stable_sort(order.begin(), order.end(),
                   [&](const RunView* a, const RunView* b) { return key_of(*a, 0, daily) < key_of(*b, 0, daily); });
  for (size_t i = 1; i < order.size(); ++i)
    if (key_of(*order[i], 0, daily) <= key_of(*order[i - 1], order[i - 1]->count - 1, daily))
      return newest_versions(runs, daily, as_of);
  Pieces pieces;
  for (const RunView* run : order) add_accepted(*run, rows_known(*run, as_of), pieces);
  return pieces;
}

Pieces within(const Pieces& pieces, std::optional<Date> from, std::optional<Date> to) {
  if (!from && !to) return pieces;
  Pieces kept;
  for (Piece piece : pieces) {
    const Date *begin = piece.run->session + piece.begin, *end = piece.run->session + piece.end;
    if (from) begin = std::lower_bound(begin, end, *from);
    if (to) end = std::upper_bound(begin, end, *to);
    if (begin < end) kept.push_back({piece.run, begin - piece.run->session, end - piece.run->session});
  }
  return kept;
}

int64_t count_of(const Pieces& pieces) {
  int64_t count = 0;
  for (const Piece& piece : pieces) count += piece.end - piece.begin;
  return count;
}

Adjuster::Adjuster(const Store& store, const Instrument& instrument, const Pieces& visible, Prices prices, Time as_of,
                   bool vendor_factors) {
  if (prices == Prices::raw) return;
  constexpr Date kFirst = std::numeric_limits<Date>::min();
  if (prices == Prices::back && vendor_factors) {
    Date from = kFirst;
    for (const VendorFactor& line : store.records().vendor_factors) {
      if (line.instrument != instrument.id) continue;
      factors_.push_back({from, {line.price * line.split, 1 / line.split}});
      from = line.last + 1;
    }
    if (!factors_.empty()) return;
  }
  const std::vector<Step> steps =
      steps_of(store.records().actions_of(instrument.id, as_of), visible, instrument.prices, prices != Prices::split);
  if (steps.empty()) return;
  if (prices == Prices::forward) {
    Factor factor;
    for (const Step& step : steps) {
      factor.price *= step.split / (1 - step.dividend);
      factor.volume /= step.split;
      factors_.push_back({step.effective, factor});
    }
    return;
  }
  // From the last bar, which stays as it is, backwards.
  factors_.resize(steps.size() + 1);
  Factor factor;
  for (size_t i = steps.size(); i-- > 0;) {
    factors_[i + 1] = {steps[i].effective, factor};
    factor.price *= (1 - steps[i].dividend) / steps[i].split;
    factor.volume *= steps[i].split;
  }
  factors_[0] = {kFirst, factor};
}

}  // namespace hadal::market
