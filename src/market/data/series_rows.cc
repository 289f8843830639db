#include "market/data/series_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "base/error.h"

namespace hadal::market {
namespace {

constexpr Time kHour = 3600 * kSecond;
constexpr Date kFirstCached = -25567, kLastCached = 84'005;  // 1900 to 2199
constexpr size_t kLeastReversed = 10;                        // bars: fewer may just stand out of order

Date floor_day(Time time) { return date_of(time); }

bool is_reversed(const std::vector<int64_t>& keys) {
  return keys.size() >= kLeastReversed && keys.front() > keys.back() &&
         std::is_sorted(keys.begin(), keys.end(), std::greater<>());
}

bool same_values(const RawBar& a, const RawBar& b) {
  for (int i = kOpen; i <= kClose; ++i)
    if (a.value[i] != b.value[i] && !(std::isnan(a.value[i]) && std::isnan(b.value[i]))) return false;
  return true;
}

// Which rows come after one of the same time, and which after a later one.
struct Order {
  std::vector<Fault> faults;
  std::vector<char> sorted;   // out of order, the only one of its time
  int64_t contradicting = 0;  // the same time with different prices
  bool ascending = true;
};

Order order_of(const std::vector<int64_t>& keys, const std::vector<RawBar>& bars) {
  Order order{std::vector<Fault>(keys.size(), Fault::none), std::vector<char>(keys.size(), 0)};
  int64_t newest = std::numeric_limits<int64_t>::min();
  size_t i = 0;
  for (; i < keys.size() && keys[i] > newest; ++i) newest = keys[i];
  if (i == keys.size()) return order;
  order.ascending = false;
  std::unordered_map<int64_t, std::pair<size_t, int64_t>> seen;  // first row of a time, and how many
  for (size_t k = 0; k < i; ++k) seen[keys[k]] = {k, 1};
  for (; i < keys.size(); ++i) {
    auto& [first, count] = seen.try_emplace(keys[i], i, 0).first->second;
    if (++count > 1) {
      order.faults[i] = Fault::duplicate_time;
      order.contradicting += same_values(bars[first], bars[i]) ? 0 : 1;
    } else if (keys[i] < newest) {
      order.faults[i] = Fault::out_of_order;
    }
    newest = std::max(newest, keys[i]);
  }
  for (size_t k = 0; k < keys.size(); ++k)
    if (order.faults[k] == Fault::out_of_order && seen[keys[k]].second == 1) order.sorted[k] = 1;
  return order;
}

}  // namespace

struct RowMaker::Placed {
  std::vector<int64_t> keys;  // by which bars are the same: the session of daily ones, else the end
  std::vector<Time> ends;
  std::vector<Date> sessions;
};

Fault fault_of_values(const double* value, bool needs_volume) {
  const double open = value[kOpen], high = value[kHigh], low = value[kLow], close = value[kClose];
  if (std::isnan(open) || std::isnan(high) || std::isnan(low) || std::isnan(close) || value[kVolume] < 0 ||
      (needs_volume && std::isnan(value[kVolume])))
    return Fault::missing_value;
  if (open <= 0 || high <= 0 || low <= 0 || close <= 0) return Fault::nonpositive_price;
  if (high < low) return Fault::high_below_low;
  if (high < std::max(open, close)) return Fault::high_below_body;
  return low > std::min(open, close) ? Fault::low_above_body : Fault::none;
}

Time RowMaker::end_of_day(Date day) {
  const auto compute = [&] {
    if (placing_.hours) return placing_.hours->close(day);
    return placing_.zone ? placing_.zone->utc(start_of(day + 1)) - 1 : end_of(day);
  };
  if (day < kFirstCached || day > kLastCached) return compute();
  if (day_ends_.empty()) day_ends_.assign(static_cast<size_t>(kLastCached - kFirstCached + 1), kBeginning);
  Time& end = day_ends_[static_cast<size_t>(day - kFirstCached)];
  if (end == kBeginning) end = compute();
  return end;
}

Time RowMaker::utc_of(Time local) {
  if (!placing_.zone) return local;
  const Time hour = local / kHour - (local % kHour < 0 ? 1 : 0);  // clocks are only changed at whole hours
  if (hour != hour_) {
    hour_ = hour;
    shift_ = placing_.zone->utc(hour * kHour) - hour * kHour;
  }
  return local + shift_;
}

RowMaker::Placed RowMaker::place(const BarFile& file, const std::vector<RawBar>& bars) {
  Placed placed;
  const size_t n = bars.size();
  placed.keys.reserve(n), placed.ends.reserve(n), placed.sessions.reserve(n);
  const Zone* zone = placing_.zone.get();
  for (const RawBar& bar : bars) {
    if (file.interval == kDay) {
      // A daily bar is named by the day that its file writes; of a number, by the day that the exchange has then.
      const bool elsewhere = file.is_number && zone != nullptr && bar.time % kDay != 0;
      const Date day = floor_day(elsewhere ? zone->local(bar.time) : file.is_number ? bar.time : bar.stamp);
      placed.keys.push_back(day), placed.sessions.push_back(day), placed.ends.push_back(end_of_day(day));
      continue;
    }
    const Time instant = file.is_local ? utc_of(bar.time) : bar.time;
    const Time end = file.stamped_by_end ? instant : instant + file.interval;
    placed.keys.push_back(end), placed.ends.push_back(end);
    const Time begin = end - 1;  // a bar that ends at midnight belongs to the day before
    placed.sessions.push_back(floor_day(zone == nullptr ? begin : zone->local(begin)));
  }
  return placed;
}

RunColumns RowMaker::make(const BarFile& file, Series& series, bool* reversed) {
  Placed placed = place(file, series.bars);
  const size_t n = series.bars.size();
  *reversed = is_reversed(placed.keys);
  if (*reversed) {
    std::reverse(series.bars.begin(), series.bars.end());
    std::reverse(placed.keys.begin(), placed.keys.end());
    std::reverse(placed.ends.begin(), placed.ends.end());
    std::reverse(placed.sessions.begin(), placed.sessions.end());
    for (int64_t& row : series.unit_changes) row = static_cast<int64_t>(n) - row;  // seen from the other side
  }
  const Order order = order_of(placed.keys, series.bars);
  if (order.contradicting >= 2 && order.contradicting * 5 >= static_cast<int64_t>(n))
    fail(
        "{}: {}: expected one bar for each time, found {} of {} that differ from another of their time; two "
        "instruments in one file need a column of symbols",
        file.where_first, brief(series.symbol), order.contradicting, n);

  const auto has = [&](int value) {
    return std::any_of(series.bars.begin(), series.bars.end(),
                       [&](const RawBar& bar) { return !std::isnan(bar.value[value]); });
  };
  const bool has_volume = file.has_volume && has(kVolume), has_vwap = file.has_vwap && has(kVwap);
  std::vector<uint16_t> flags(n);
  for (size_t i = 0; i < n; ++i) {
    Fault fault = fault_of_values(series.bars[i].value, has_volume);
    const Date session = placed.sessions[i];
    if (placing_.calendar && placing_.calendar->knows(session) && !placing_.calendar->is_session(session))
      fault = Fault::not_a_session;
    if (order.faults[i] == Fault::out_of_order && order.sorted[i] != 0 && fault == Fault::none)
      flags[i] = kSorted;
    else
      flags[i] = static_cast<uint16_t>(order.faults[i] != Fault::none ? order.faults[i] : fault);
    if (placed.ends[i] > placing_.now) flags[i] |= kFromFuture;
  }
  for (const int64_t row : series.unit_changes) flags[static_cast<size_t>(row)] |= kUnitChanged;

  RunColumns run;
  run.stamps = file.stamps;
  std::vector<uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  if (!order.ascending)
    std::stable_sort(rows.begin(), rows.end(), [&](uint32_t a, uint32_t b) { return placed.keys[a] < placed.keys[b]; });
  run.time.reserve(n), run.session.reserve(n), run.flags.reserve(n);
  for (const uint32_t row : rows) {
    run.time.push_back(placed.ends[row]), run.session.push_back(placed.sessions[row]), run.flags.push_back(flags[row]);
    if (file.stamps != Stamps::days) run.stamp.push_back(series.bars[row].stamp);
  }
  for (int value = 0; value < kNumValues; ++value) {
    if ((value == kVolume && !has_volume) || (value == kVwap && !has_vwap)) continue;
    run.value[value].reserve(n);
    for (const uint32_t row : rows) run.value[value].push_back(series.bars[row].value[value]);
  }
  return run;
}

}  // namespace hadal::market
