#include "market/calendar.h"

#include <date/tz.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "market/data/calendar_tables.h"

namespace hadal::market {
namespace {

constexpr Time kMinute = 60 * kSecond;

bool is_weekend(Date date) { return weekday(date) > 4; }

// An exchange of calendar_tables.h.
class Exchange final : public Calendar {
 public:
  explicit Exchange(const CalendarTable& table)
      : Calendar(std::string(table.name), date(table.first_year, 1, 1), date(table.last_year, 12, 31)),
        table_(table),
        zone_(std::string(table.zone), "calendar " + std::string(table.name)) {
    open_days_.resize(static_cast<size_t>(last_ - first_ + 1));
    for (Date day = first_; day <= last_; ++day)
      open_days_[static_cast<size_t>(day - first_)] =
          !is_weekend(day) && !std::binary_search(table.holidays.begin(), table.holidays.end(), day);
  }
  const Zone* zone() const override { return &zone_; }

 private:
  Session times(Date day) const override {
    const Hours* hours = &table_.hours.front();
    for (const Hours& later : table_.hours)
      if (later.from <= day) hours = &later;
    const bool early = std::binary_search(table_.early_closes.begin(), table_.early_closes.end(), day);
    const auto at = [&](int minutes) { return zone_.utc(start_of(day) + minutes * kMinute); };
    return {day, at(hours->open), at(early ? hours->early_close : hours->close)};
  }
  const CalendarTable& table_;
  Zone zone_;
};

// Markets that never close: a day's bar ends with its last microsecond, UTC.
class Always final : public Calendar {
 public:
  Always() : Calendar("24/7", date(1970, 1, 1), date(2199, 12, 31)) {
    open_days_.assign(static_cast<size_t>(last_ - first_ + 1), 1);
  }

 private:
  Session times(Date day) const override { return {day, start_of(day), end_of(day)}; }
};

class Given final : public Calendar {
 public:
  Given(std::string name, const std::vector<Session>& sessions)
      : Calendar(std::move(name), sessions.front().date, sessions.back().date), sessions_(sessions) {
    open_days_.resize(static_cast<size_t>(last_ - first_ + 1));
    for (const Session& session : sessions) open_days_[static_cast<size_t>(session.date - first_)] = 1;
  }

 private:
  Session times(Date day) const override {
    auto at = std::lower_bound(sessions_.begin(), sessions_.end(), day,
                               [](const Session& session, Date date) { return session.date < date; });
    if (at == sessions_.end()) --at;
    const Time shift = start_of(day) - start_of(at->date);
    return {day, at->open + shift, at->close + shift};
  }
  std::vector<Session> sessions_;
};

}  // namespace

Zone::Zone(const std::string& name, const std::string& who) : name_(name) {
  try {
    zone_ = date::locate_zone(name);
  } catch (const std::exception& e) {
    fail("{}: expected a time zone as America/New_York, found {} ({}); zones come from the package tzdata", who,
         brief(name), e.what());
  }
}

Time Zone::utc(Time local) const {
  const auto* zone = static_cast<const date::time_zone*>(zone_);
  const date::local_time<std::chrono::microseconds> wall{std::chrono::microseconds(local)};
  return zone->to_sys(wall, date::choose::earliest).time_since_epoch().count();
}

Time Zone::local(Time utc) const {
  const auto* zone = static_cast<const date::time_zone*>(zone_);
  return zone->to_local(date::sys_time<std::chrono::microseconds>{std::chrono::microseconds(utc)})
      .time_since_epoch()
      .count();
}

const std::vector<std::string>& Calendar::names() {
  static const std::vector<std::string> names = {"XNYS", "XNAS", "XLON", "XHKG", "XSHG", "24/7"};
  return names;
}

std::shared_ptr<const Calendar> Calendar::find(const std::string& name, const std::string& who) {
  if (name == "24/7") return std::make_shared<Always>();
  for (const CalendarTable& table : calendar_tables())
    if (table.name == name) return std::make_shared<Exchange>(table);
  fail(
      "{}: expected XNYS, XNAS, XLON, XHKG, XSHG or 24/7, found {}; sessions of another exchange are imported with "
      "--kind sessions",
      who, brief(name));
}

std::shared_ptr<const Calendar> Calendar::of_sessions(std::string name, const std::vector<Session>& sessions) {
  HADAL_CHECK(!sessions.empty());
  return std::make_shared<Given>(std::move(name), sessions);
}

bool Calendar::is_session(Date date) const {
  if (!knows(date)) return !is_weekend(date);
  return open_days_[static_cast<size_t>(date - first_)] != 0;
}

std::optional<Session> Calendar::session(Date date) const {
  if (!is_session(date)) return {};
  return times(date);
}

Date Calendar::next_session(Date after) const {
  Date day = after + 1;
  while (!is_session(day)) ++day;
  return day;
}

Time Calendar::close(Date date) const { return times(date).close; }

std::vector<Date> Calendar::sessions(Date from, Date to) const {
  std::vector<Date> days;
  for (Date day = std::max(from, first_); day <= std::min(to, last_); ++day)
    if (is_session(day)) days.push_back(day);
  return days;
}

}  // namespace hadal::market
