#include "market/data/lean.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/text.h"
#include "market/data/bar_file.h"
#include "market/data/fields.h"

namespace hadal::market {
namespace {

constexpr Date kForever = 29220;  // 2050-01-01: LEAN writes 20501231 for "until now"

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = char(c - 32);
  return upper;
}

struct FactorLine {
  Date last = 0;
  Decimal price, split;
  std::optional<Decimal> close;
};

Date take_day(std::string_view text, const std::string& where) {
  const auto stamp = text.size() == 8 ? parse_stamp(text) : std::nullopt;
  if (!stamp || stamp->kind != Stamp::Kind::day) fail("{}: expected a day as 20140609, found {}", where, brief(text));
  return date_of(stamp->value);
}

// Calls use(fields, where) for each line, cut at commas.
template <typename Use>
void for_each_row(const Path& file, size_t least, Use use) {
  for_each_text(file, [&](TextSource& source) {
    LineReader lines(source);
    FieldCutter fields(',');
    std::string_view line;
    Date before = std::numeric_limits<Date>::min();
    while (lines.next(line)) {
      if (line.empty()) continue;
      const size_t count = fields.cut(line, [&] { return lines.where(); });
      if (count < least) fail("{}: expected {} fields, found {}", lines.where(), least, brief(line));
      const Date day = take_day(fields[0], lines.where());
      if (day < before) fail("{}: expected days in ascending order, found {}", lines.where(), brief(line));
      before = day;
      use(day, fields, count, lines.where());
    }
  });
}

Decimal positive(std::string_view text, const std::string& where) {
  const auto value = Decimal::parse(text);
  if (!value || *value <= Decimal{}) fail("{}: expected a factor above zero, found {}", where, brief(text));
  return *value;
}

std::vector<FactorLine> read_factors(const Path& file) {
  std::vector<FactorLine> lines;
  for_each_row(file, 3, [&](Date day, const FieldCutter& fields, size_t count, const std::string& where) {
    FactorLine line{day, positive(fields[1], where), positive(fields[2], where), {}};
    if (count > 3) line.close = Decimal::parse(fields[3]);
    lines.push_back(line);
  });
  return lines;
}

class Effective {
 public:
  Effective(const RunView& bars, const Calendar& exchange) : bars_(bars), exchange_(exchange) {}
  Date after(Date day) const {
    const Date session = exchange_.next_session(day);
    const Date* bar = std::upper_bound(bars_.session, bars_.session + bars_.count, day);
    return bar == bars_.session + bars_.count ? session : std::min(session, *bar);
  }
  std::optional<Decimal> close_on(Date day) const {
    const Date* bar = std::lower_bound(bars_.session, bars_.session + bars_.count, day);
    if (bar == bars_.session + bars_.count || *bar != day) return {};
    const double close = bars_.value[kClose][bar - bars_.session];
    return std::isfinite(close) ? std::optional(Decimal::of_double(close)) : std::nullopt;
  }

 private:
  const RunView& bars_;
  const Calendar& exchange_;
};

int64_t units_of(Decimal value) { return static_cast<int64_t>(value.units()); }

Action split_between(const FactorLine& earlier, const FactorLine& later) {
  Action action{.kind = Action::Kind::split};
  const double ratio = later.split.to_double() / earlier.split.to_double();
  if (const auto fraction = simple_fraction(ratio)) {
    std::tie(action.over, action.under) = *fraction;
    return action;
  }
  const int64_t over = units_of(later.split), under = units_of(earlier.split), divisor = std::gcd(over, under);
  action.over = over / divisor, action.under = under / divisor;
  return action;
}

void add_factor_actions(const std::vector<FactorLine>& lines, const Effective& effective, const std::string& where,
                        LeanEvents& events) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const FactorLine& earlier = lines[i];
    events.factors.push_back({0, earlier.last, earlier.price.to_double(), earlier.split.to_double()});
    if (i + 1 == lines.size()) break;
    const FactorLine& later = lines[i + 1];
    const Date day = effective.after(earlier.last);
    if (earlier.price != later.price) {
      // The first line says when the file begins; its close is none.
      const auto close =
          i > 0 && earlier.close && *earlier.close > Decimal{} ? earlier.close : effective.close_on(earlier.last);
      if (!close)
        fail("{}: expected a close on {}, where the price factor changes, found none", where, date_text(earlier.last));
      Action action{.kind = Action::Kind::dividend};
      action.amount = round_half_even(*close - times_ratio(*close, units_of(earlier.price), units_of(later.price)), 2);
      action.effective = day;
      events.actions.push_back(action);
    }
    if (earlier.split != later.split) {
      Action action = split_between(earlier, later);
      action.effective = day;
      events.actions.push_back(action);
    }
  }
}

void add_map(const Path& file, const Effective& effective, LeanEvents& events) {
  std::vector<std::pair<Date, std::string>> lines;
  for_each_row(file, 2, [&](Date day, const FieldCutter& fields, size_t, const std::string& where) {
    if (fields[1].empty()) fail("{}: expected a symbol, found none", where);
    lines.emplace_back(day, upper_case(fields[1]));
  });
  if (lines.empty()) return;
  for (size_t i = lines.size() > 1 ? 1 : 0; i < lines.size(); ++i) {
    const auto& [last, symbol] = lines[i];
    const Date first = events.spells.empty() ? lines.front().first : *events.spells.back().last + 1;
    const std::optional<Date> end = last >= kForever ? std::nullopt : std::optional(last);
    if (!events.spells.empty() && events.spells.back().symbol == symbol) {
      events.spells.back().last = end;
    } else {
      if (!events.spells.empty()) {
        Action rename{.kind = Action::Kind::rename};
        rename.effective = effective.after(lines[i - 1].first), rename.symbol = symbol;
        events.actions.push_back(rename);
      }
      events.spells.push_back({0, symbol, first, end, 0});
    }
    if (!end) break;
  }
  if (events.spells.back().last) {
    Action delisting{.kind = Action::Kind::delisting};
    delisting.effective = effective.after(*events.spells.back().last);
    events.actions.push_back(delisting);
  }
}

}  // namespace

std::optional<std::pair<int64_t, int64_t>> simple_fraction(double ratio) {
  constexpr double kNear = 1e-4;
  for (int64_t under = 1; under <= 20; ++under) {
    const auto over = static_cast<int64_t>(std::llround(ratio * static_cast<double>(under)));
    const double distance = std::abs(static_cast<double>(over) / static_cast<double>(under) - ratio);
    if (over > 0 && distance <= kNear * std::max(1.0, ratio)) return std::pair(over, under);
  }
  return {};
}

LeanEvents read_lean_events(const Path& bars_file, const RunView& bars, const Calendar& exchange) {
  LeanEvents events;
  const Path base = std::filesystem::absolute(bars_file).parent_path().parent_path();
  const std::string name = lower_case(stem_of(bars_file.filename().string())) + ".csv";
  const Effective effective(bars, exchange);
  const Path factors = base / "factor_files" / name, map = base / "map_files" / name;
  if (std::filesystem::exists(factors)) add_factor_actions(read_factors(factors), effective, factors.string(), events);
  if (std::filesystem::exists(map)) add_map(map, effective, events);
  const auto count = [&](Action::Kind kind) {
    return std::count_if(events.actions.begin(), events.actions.end(), [&](const Action& a) { return a.kind == kind; });
  };
  events.note = std::filesystem::exists(factors)
                    ? fmt::format("read {} ({} splits, {} dividends)", factors.string(), count(Action::Kind::split),
                                  count(Action::Kind::dividend))
                    : fmt::format("without splits and dividends: there is no {}", factors.string());
  events.note += std::filesystem::exists(map) ? fmt::format(" and {} ({} symbols)", map.string(), events.spells.size())
                                              : fmt::format("; without earlier symbols: there is no {}", map.string());
  // Known with the first instant of the day on which they take effect.
  for (Action& action : events.actions) action.known_at = start_of(action.effective) + 1;
  for (SymbolSpell& spell : events.spells) spell.known_at = start_of(spell.first) + 1;
  return events;
}

}  // namespace hadal::market
