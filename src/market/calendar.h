// When exchanges trade. Holidays and early closes are small tables of the project (calendar_tables.cc); zones and their
// summer times come from the system's time zone database by H. Hinnant's date library.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "market/time.h"

namespace hadal::market {

struct Session {
  Date date = 0;
  Time open = 0, close = 0;
};

// A time zone of the system, as "America/New_York". Error (who, what to do) for an unknown name.
class Zone {
 public:
  Zone(const std::string& name, const std::string& who);
  // The instant at which clocks there show `local` (microseconds of the wall's clock since 1970). Of a clock time that
  // occurs twice the first, of one that is skipped the instant of the change.
  Time utc(Time local) const;
  Time local(Time utc) const;
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  const void* zone_;  // date::time_zone
};

class Calendar {
 public:
  // "XNYS", "XNAS", "XLON", "XHKG", "XSHG" or "24/7"; Error that begins with `who` and names them for another.
  static std::shared_ptr<const Calendar> find(const std::string& name, const std::string& who);
  // Sessions that a user gave; nothing is known outside of them.
  static std::shared_ptr<const Calendar> of_sessions(std::string name, const std::vector<Session>& sessions);
  static const std::vector<std::string>& names();
  virtual ~Calendar() = default;

  const std::string& name() const { return name_; }
  // The days that it can judge.
  Date first_known() const { return first_; }
  Date last_known() const { return last_; }
  bool knows(Date date) const { return date >= first_ && date <= last_; }

  bool is_session(Date date) const;                 // within what it knows; else every Monday to Friday
  std::optional<Session> session(Date date) const;  // nothing where it is none
  Date next_session(Date after) const;              // the first one later than that
  // When a daily bar of that day ends: its session's close, or the usual time of closing on a day that is none.
  Time close(Date date) const;
  virtual const Zone* zone() const { return nullptr; }   // of its clocks; none: UTC
  std::vector<Date> sessions(Date from, Date to) const;  // both inclusive, as far as known

 protected:
  Calendar(std::string name, Date first, Date last) : name_(std::move(name)), first_(first), last_(last) {}
  virtual Session times(Date date) const = 0;  // of any day, as if it were a session
  std::vector<char> open_days_;                // from first_ to last_
  std::string name_;
  Date first_, last_;
};

}  // namespace hadal::market
