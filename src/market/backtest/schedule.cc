// Target and order files, and the strategy that follows them.
#include "market/backtest/schedule.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "base/toml_table.h"
#include "market/data/fields.h"

namespace hadal::market {
namespace {

constexpr std::string_view kTypes[] = {"market", "limit", "stop", "stop_limit", "on_open", "on_close"};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// One line of the file, by the names of its columns.
class Line {
 public:
  Line(const std::map<std::string, size_t>& columns, std::string_view text, std::string where)
      : columns_(columns), where_(std::move(where)) {
    FieldCutter cutter(',');
    const size_t count = cutter.cut(text, [&] { return where_; });
    for (size_t i = 0; i < count; ++i) cells_.emplace_back(cutter[i]);
    if (cells_.size() != columns.size())
      fail("{}: expected {} columns, found {}: {}", where_, columns.size(), cells_.size(), brief(text));
  }
  std::string_view text(const std::string& column) const {
    const auto found = columns_.find(column);
    return found == columns_.end() ? std::string_view{} : trimmed(cells_[found->second]);
  }
  Decimal amount(const std::string& column) const {
    const auto value = Decimal::parse(text(column));
    if (!value) fail("{}: {}: expected a decimal number, found {}", where_, column, brief(text(column)));
    return *value;
  }
  Decimal price(const std::string& column, bool wanted) const {
    if (!wanted) {
      if (!text(column).empty())
        fail("{}: {}: expected nothing for an order of this type, found {}", where_, column, brief(text(column)));
      return {};
    }
    const Decimal value = amount(column);
    if (value <= Decimal{}) fail("{}: {}: expected a price above 0, found {}", where_, column, value.text());
    return value;
  }
  const std::string& where() const { return where_; }

 private:
  const std::map<std::string, size_t>& columns_;
  std::vector<std::string> cells_;
  std::string where_;
};

class Symbols {
 public:
  explicit Symbols(const Feed& feed) {
    for (size_t i = 0; i < feed.symbols.size(); ++i) places_.emplace(feed.symbols[i], static_cast<int32_t>(i));
    for (const auto& [instrument, action] : feed.actions)
      if (action.kind == Action::Kind::rename) places_.emplace(action.symbol, instrument);
  }
  int32_t find(std::string_view symbol, const std::string& where) const {
    const auto found = places_.find(std::string(symbol));
    if (found != places_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [name, place] : places_) names.push_back(name);
    fail("{}: symbol: expected an instrument of this run, found {}; did you mean {}?", where, brief(symbol),
         brief(nearest_word(std::string(symbol), names)));
  }

 private:
  std::map<std::string, int32_t> places_;
};

void read_date(const Line& line, Date& day, Time& time) {
  const std::string_view text = line.text("date");
  if (const auto found = parse_date(text)) {
    day = *found, time = 0;
    return;
  }
  time = parse_time(text, line.where() + ": date");
  day = date_of(time);
}

Order read_order(const Line& line, const Symbols& symbols) {
  Order order{.instrument = symbols.find(line.text("symbol"), line.where()), .quantity = line.amount("quantity")};
  if (order.quantity.is_zero())
    fail("{}: quantity: expected shares to buy or (below 0) to sell, found 0", line.where());
  const std::string type = lower_case(std::string(line.text("type")));
  const auto found = std::find(std::begin(kTypes), std::end(kTypes), type);
  if (found == std::end(kTypes))
    fail("{}: type: expected market, limit, stop, stop_limit, on_open or on_close, found {}", line.where(),
         brief(type));
  order.type = static_cast<OrderType>(found - std::begin(kTypes));
  const bool both = order.type == OrderType::stop_limit;
  order.limit = line.price("limit", both || order.type == OrderType::limit);
  order.stop = line.price("stop", both || order.type == OrderType::stop);
  const std::string tif = lower_case(std::string(line.text("tif")));
  if (!tif.empty() && tif != "day" && tif != "gtc")
    fail("{}: tif: expected DAY or GTC, found {}", line.where(), brief(tif));
  order.tif = tif == "gtc" ? TimeInForce::gtc : TimeInForce::day;
  return order;
}

// Throws Error unless the columns are those of targets or of orders; true: of targets.
bool read_header(std::string_view text, const std::string& where, std::map<std::string, size_t>& columns) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (const std::string& cell : split(text, ',')) {
    const std::string name = lower_case(std::string(trimmed(cell)));
    if (!columns.emplace(name, columns.size()).second) fail("{}: the column {} occurs twice", where, brief(name));
  }
  const bool targets = columns.contains("weight");
  const std::vector<std::string> needed =
      targets ? std::vector<std::string>{"date", "symbol", "weight"}
              : std::vector<std::string>{"date", "symbol", "quantity", "type", "limit", "stop", "tif"};
  bool fits = columns.size() == needed.size();
  for (const std::string& name : needed) fits = fits && columns.contains(name);
  if (!fits)
    fail("{}: expected the columns date,symbol,weight or date,symbol,quantity,type,limit,stop,tif, found {}", where,
         brief(text));
  return targets;
}

}  // namespace

std::string_view text_of(OrderType type) { return kTypes[static_cast<size_t>(type)]; }

Schedule read_schedule(const Path& file, const Feed& feed) {
  Schedule schedule;
  schedule.file = file.string();
  const Symbols symbols(feed);
  std::map<std::string, size_t> columns;
  bool targets = false;
  for_each_line(
      file,
      [&](std::string_view text, int64_t number) {
        if (number > 1 && trimmed(text).empty()) return true;
        const std::string where = place_of(schedule, number);
        if (number == 1) {
          targets = read_header(text, where, columns);
          return true;
        }
        const Line line(columns, text, where);
        if (targets) {
          Target target{
              .instrument = symbols.find(line.text("symbol"), where), .weight = line.amount("weight"), .line = number};
          if (abs(target.weight) > Decimal(1000))
            fail("{}: weight: expected a share of equity, found {}", where, target.weight.text());
          read_date(line, target.date, target.time);
          schedule.targets.push_back(target);
        } else {
          ScheduledOrder order{.order = read_order(line, symbols), .line = number};
          read_date(line, order.date, order.time);
          schedule.orders.push_back(order);
        }
        return true;
      },
      size_t{1} << 16);
  if (columns.empty()) fail("{}: expected a header and lines of targets or orders, found an empty file", schedule.file);
  return schedule;
}

std::string place_of(const Schedule& schedule, int64_t line) {
  return line > 0 ? fmt::format("{}:{}", schedule.file, line) : "targets of the strategy";
}

namespace {

// The session that a line means: by its day (the last of that day), or by its time where that was given.
template <typename Item>
void settle(Item& item, const Schedule& schedule, const Feed& feed) {
  const auto& sessions = feed.sessions;
  const auto after = std::upper_bound(sessions.begin(), sessions.end(), item.date,
                                      [](Date day, const Feed::Session& s) { return day < s.date; });
  auto found = after == sessions.begin() || std::prev(after)->date != item.date ? sessions.end() : std::prev(after);
  if (!feed.daily && item.time != 0 && found != sessions.end()) {
    while (found->time != item.time && found != sessions.begin() && std::prev(found)->date == item.date) --found;
    if (found->time != item.time) found = sessions.end();
  }
  if (found == sessions.end())
    fail("{}: expected a session of this run ({}), found {}; a day without any bar is none",
         place_of(schedule, item.line),
         sessions.empty() ? "which has none"
                          : date_text(sessions.front().date) + " to " + date_text(sessions.back().date),
         item.time != 0 ? time_text(item.time) : date_text(item.date));
  item.time = feed.daily ? 0 : found->time;
}

void check_quantity(const ScheduledOrder& item, const Schedule& schedule, const Broker& broker) {
  const Decimal quantity = item.order.quantity;
  const Decimal step = quantity > Decimal{} ? std::max(broker.quantity_step, broker.buy_lot) : broker.quantity_step;
  if (quantity.units() % step.units() != 0)
    fail("{}: quantity: expected a multiple of {} (broker {}), found {}", place_of(schedule, item.line), step.text(),
         broker.profile, quantity.text());
}

template <typename Item>
bool earlier(const Item& a, const Item& b) {
  return std::pair(a.date, a.time) < std::pair(b.date, b.time);
}

}  // namespace

void settle_schedule(Schedule& schedule, const Broker& broker, const Feed* feed) {
  for (ScheduledOrder& order : schedule.orders) check_quantity(order, schedule, broker);
  if (feed != nullptr) {
    for (Target& target : schedule.targets) settle(target, schedule, *feed);
    for (ScheduledOrder& order : schedule.orders) settle(order, schedule, *feed);
  }
  std::stable_sort(schedule.targets.begin(), schedule.targets.end(), earlier<Target>);
  std::stable_sort(schedule.orders.begin(), schedule.orders.end(), earlier<ScheduledOrder>);
}

namespace {

class ScheduledStrategy final : public Strategy {
 public:
  ScheduledStrategy(Schedule schedule, const Broker& broker, const Feed* feed) : schedule_(std::move(schedule)) {
    settle_schedule(schedule_, broker, feed);
  }

  void decide(TradingSession& session) override {
    for (; target_ < schedule_.targets.size(); ++target_) {
      const Target& target = schedule_.targets[target_];
      const int order = compare(target.date, target.time, session);
      if (order > 0) break;
      if (order < 0) continue;
      if (!session.order_target(target.instrument, target.weight))
        fail("{}: expected a bar of {} by {}, found none; a weight needs a price", place_of(schedule_, target.line),
             brief(session.symbol(target.instrument)), date_text(session.date()));
    }
    for (; order_ < schedule_.orders.size(); ++order_) {
      const ScheduledOrder& item = schedule_.orders[order_];
      const int order = compare(item.date, item.time, session);
      if (order > 0) break;
      if (order == 0) session.submit(item.order);
    }
  }

 private:
  // Where a line's time stands to the session's: -1 before, 0 the same, 1 after it. Daily lines have time 0.
  static int compare(Date date, Time time, const TradingSession& session) {
    if (date != session.date()) return date < session.date() ? -1 : 1;
    return time == 0 || time == session.time() ? 0 : time < session.time() ? -1 : 1;
  }

  Schedule schedule_;
  size_t target_ = 0, order_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> scheduled_strategy(Schedule schedule, const Broker& broker, const Feed* feed) {
  return std::make_unique<ScheduledStrategy>(std::move(schedule), broker, feed);
}

}  // namespace hadal::market
