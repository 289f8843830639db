#include "market/data/event_file.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "base/error.h"
#include "market/calendar.h"
#include "market/data/bar_file.h"
#include "market/data/fields.h"
#include "market/data/lean.h"
#include "market/data/shape.h"

namespace hadal::market {
namespace {

// The columns of one kind, and the line that is read now.
class EventReader {
 public:
  EventReader(const Path& path, const ImportOptions& options) : path_(path), options_(options), order_(options.dates) {}
  EventFile read();

 private:
  void for_each_row(const std::function<void(const std::string& where)>& use);
  void read_header(std::string_view line, const std::string& where);
  void read_line(const std::string& where);
  void read_split(const std::string& where);
  void read_membership(const std::string& where);
  void read_session(const std::string& where);
  int column(const std::string& field, const std::vector<std::string_view>& usual, bool required);
  std::string_view field(int column) const { return column < 0 ? "" : fields_[static_cast<size_t>(column)]; }
  Date day(int column, const std::string& where) const;
  Decimal amount(int column, const std::string& where) const;
  void add_action(const Action& action, const std::string& where);

  const Path& path_;
  const ImportOptions& options_;
  EventFile file_;
  FieldCutter fields_{','};
  DayOrderFinder order_;
  std::vector<std::string> names_;
  std::string where_header_;
  int date_ = -1, symbol_ = -1, ratio_ = -1, over_ = -1, under_ = -1, amount_ = -1, first_ = -1, last_ = -1, list_ = -1,
      open_ = -1, close_ = -1, width_ = 0;
  std::set<std::string> symbols_;
};

int EventReader::column(const std::string& field, const std::vector<std::string_view>& usual, bool required) {
  const int found = find_column(names_, field, usual, options_, where_header_);
  if (found < 0 && required) {
    std::string all;
    for (const auto& name : names_) all += (all.empty() ? "" : ", ") + name;
    fail("{}: expected a column {} for --kind {}, found {}; say which it is, as --map {}=Column", where_header_, field,
         options_.kind, brief(all, 200), field);
  }
  width_ = std::max(width_, found + 1);
  return found;
}

void EventReader::read_header(std::string_view line, const std::string& where) {
  const char delimiter = delimiter_of(line);
  fields_ = FieldCutter(delimiter);
  names_ = header_of(line, delimiter, where);
  where_header_ = where;
  const std::string& kind = options_.kind;
  if (kind == "membership") {
    symbol_ = column("symbol", {"symbol", "ticker", "instrument", "code"}, true);
    first_ = column("first", {"start_date", "first", "start", "from", "date"}, true);
    last_ = column("last", {"end_date", "last", "end", "to"}, true);
    list_ = column("list", {"list", "universe", "index"}, false);
    return;
  }
  date_ = column("date", {"date", "session", "effective", "ex_date", "ex-date", "day"}, true);
  if (kind == "sessions") {
    open_ = column("open", {"open_utc", "open"}, true);
    close_ = column("close", {"close_utc", "close"}, true);
    return;
  }
  symbol_ = column("symbol", {"symbol", "ticker", "instrument", "code"}, false);
  if (kind == "dividends") {
    amount_ = column("amount", {"amount", "dividend", "dividends"}, true);
    return;
  }
  over_ = column("over", {"over", "new"}, false);
  under_ = column("under", {"under", "old"}, false);
  if (over_ < 0 || under_ < 0) ratio_ = column("ratio", {"ratio", "split", "splits", "stock splits"}, true);
}

Date EventReader::day(int column, const std::string& where) const {
  const auto stamp = parse_stamp(field(column), order_.order());
  if (!stamp || stamp->kind == Stamp::Kind::number)
    fail("{}: {}: expected a date as 2014-06-09, found {}", where, names_[static_cast<size_t>(column)],
         brief(field(column)));
  return date_of(stamp->value);
}

Decimal EventReader::amount(int column, const std::string& where) const {
  const auto value = Decimal::parse(field(column));
  if (!value)
    fail("{}: {}: expected a number, found {}{}", where, names_[static_cast<size_t>(column)], brief(field(column)),
         field(column).find(',') != std::string_view::npos ? "; numbers need a decimal point and no commas" : "");
  return *value;
}

void EventReader::add_action(const Action& action, const std::string& where) {
  const std::string symbol = symbol_ >= 0              ? std::string(field(symbol_))
                             : options_.symbol.empty() ? stem_of(path_.filename().string())
                                                       : options_.symbol;
  if (symbol.empty()) fail("{}: expected a symbol, found none", where);
  symbols_.insert(symbol);
  file_.actions.push_back({symbol, where, action});
}

// "7", "7:1", "3/2", "0.1", or two columns.
void EventReader::read_split(const std::string& where) {
  Decimal over(1), under(1);
  if (ratio_ < 0) {
    over = amount(over_, where), under = amount(under_, where);
  } else {
    const std::string_view text = field(ratio_);
    const size_t at = text.find_first_of(":/");
    const auto a = Decimal::parse(text.substr(0, at));
    const auto b = at == std::string_view::npos ? Decimal(1) : Decimal::parse(text.substr(at + 1));
    if (!a || !b) fail("{}: expected new shares for old ones as 7 or 7:1 or 3/2, found {}", where, brief(text));
    over = *a, under = *b;
  }
  if (over <= Decimal{} || under <= Decimal{} || over > Decimal(1'000'000) || under > Decimal(1'000'000))
    fail("{}: expected a split above zero, found {}:{}", where, over.text(), under.text());
  add_action(split_action(day(date_, where), over, under), where);
}

void EventReader::read_membership(const std::string& where) {
  MembershipSpell spell;
  spell.symbol = field(symbol_);
  if (spell.symbol.empty()) fail("{}: expected a symbol, found none", where);
  spell.list = list_ >= 0                ? std::string(field(list_))
               : options_.symbol.empty() ? stem_of(path_.filename().string())
                                         : options_.symbol;
  spell.first = day(first_, where);
  if (!field(last_).empty()) spell.last = day(last_, where);
  if (spell.last && *spell.last < spell.first)
    fail("{}: expected a last day not before the first, found {} and {}", where, date_text(spell.first),
         date_text(*spell.last));
  symbols_.insert(spell.symbol);
  file_.memberships.push_back(std::move(spell));
}

void EventReader::read_session(const std::string& where) {
  const Date date = day(date_, where);
  const auto time = [&](int column) {
    if (const auto clock = parse_clock(field(column))) return start_of(date) + *clock;
    const auto stamp = parse_stamp(field(column), order_.order());
    if (!stamp || stamp->kind == Stamp::Kind::day || stamp->kind == Stamp::Kind::number)
      fail("{}: {}: expected a time in UTC as 14:30, found {}", where, names_[static_cast<size_t>(column)],
           brief(field(column)));
    return stamp->value - stamp->offset * 60 * kSecond;
  };
  const SessionRecord session{date, time(open_), time(close_)};
  if (session.close <= session.open)
    fail("{}: expected a close after the open, found {} and {}", where, time_text(session.open),
         time_text(session.close));
  file_.sessions.push_back(session);
}

void EventReader::read_line(const std::string& where) {
  if (options_.kind == "membership") {
    read_membership(where);
  } else if (options_.kind == "sessions") {
    read_session(where);
  } else if (options_.kind == "splits") {
    read_split(where);
  } else {
    Action action{.kind = Action::Kind::dividend, .effective = day(date_, where)};
    action.amount = amount(amount_, where);
    if (action.amount < Decimal{}) fail("{}: expected a dividend, found {}", where, action.amount.text());
    add_action(action, where);
  }
  const Date date = options_.kind == "membership" ? file_.memberships.back().first : day(date_, where);
  file_.first = std::min(file_.first.value_or(date), date);
  file_.last = std::max(file_.last.value_or(date), date);
  ++file_.rows;
}

void EventReader::for_each_row(const std::function<void(const std::string& where)>& use) {
  for_each_text(path_, [&](TextSource& source) {
    LineReader lines(source);
    std::string_view line;
    bool header = true;
    while (lines.next(line)) {
      if (line.find_first_not_of(" \t,;|") == std::string_view::npos) continue;
      if (header) {
        read_header(line, lines.where());
        header = false;
        continue;
      }
      const size_t count = fields_.cut(line, [&] { return lines.where(); });
      if (count < static_cast<size_t>(width_))
        fail("{}: expected {} fields, found {}: {}", lines.where(), width_, count, brief(line));
      use(lines.where());
    }
  });
}

EventFile EventReader::read() {
  // Once for the order of its days, which the last line may show. An empty field or a clock says nothing of it.
  for_each_row([&](const std::string& where) {
    for (const int column : {date_, first_, last_, open_, close_})
      if (field(column).find('/') != std::string_view::npos) order_.note(field(column), [&] { return where; });
  });
  order_.check_settled();
  for_each_row([&](const std::string& where) { read_line(where); });
  file_.symbols.assign(symbols_.begin(), symbols_.end());
  return std::move(file_);
}

}  // namespace

Action split_action(Date effective, Decimal over, Decimal under) {
  Action action{.kind = Action::Kind::split, .effective = effective};
  const auto whole = [](Decimal value) { return value == floor(value); };
  if (const auto fraction = simple_fraction(over.to_double() / under.to_double());
      fraction && !(whole(over) && whole(under))) {
    std::tie(action.over, action.under) = *fraction;
    return action;
  }
  const auto a = static_cast<int64_t>(over.units()), b = static_cast<int64_t>(under.units());
  const int64_t divisor = std::gcd(a, b);
  action.over = a / divisor, action.under = b / divisor;
  return action;
}

EventFile read_event_file(const Path& path, const ImportOptions& options) { return EventReader(path, options).read(); }

}  // namespace hadal::market
