#include "market/paper/event.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/json.h"
#include "market/data/event_file.h"
#include "market/data/fields.h"
#include "market/data/series_rows.h"

namespace hadal::market::paper {
namespace {

constexpr double kMostVolume = 1e18, kMostDividend = 1e10;
constexpr int64_t kMostSplit = 1'000'000;

// The values of one line, by name.
class Fields {
 public:
  Fields(const Json& json, const std::string& who) : json_(json), who_(who) {}
  bool has(const char* name) const { return json_.contains(name) && !json_.at(name).is_null(); }
  std::string text(const char* name) const {
    if (!has(name) || !json_.at(name).is_string()) fail("{}: expected a text {}, found {}", who_, name, found(name));
    return json_.at(name).get<std::string>();
  }
  // Missing where it is not there.
  double number(const char* name) const {
    if (!has(name)) return kMissing;
    const Json& value = json_.at(name);
    if (value.is_number()) return value.get<double>();
    const auto number = value.is_string() ? parse_number(value.get_ref<const std::string&>()) : std::nullopt;
    if (!number) fail("{}: {}: expected a number, found {}", who_, name, found(name));
    return *number;
  }
  Decimal amount(const char* name, double most) const {
    const double size = number(name);
    if (!(size >= 0 && size <= most)) fail("{}: {}: expected 0 to {:g}, found {}", who_, name, most, found(name));
    const auto exact = json_.at(name).is_string() ? Decimal::parse(json_.at(name).get_ref<const std::string&>())
                                                  : std::optional<Decimal>();
    return exact ? *exact : Decimal::of_double(size);
  }
  bool flag(const char* name) const {
    if (!json_.at(name).is_boolean()) fail("{}: {}: expected true or false, found {}", who_, name, found(name));
    return json_.at(name).get<bool>();
  }
  const std::string& who() const { return who_; }

 private:
  std::string found(const char* name) const { return json_.contains(name) ? brief_json(json_.at(name)) : "none"; }
  const Json& json_;
  const std::string& who_;
};

struct When {
  Date day = 0;
  std::optional<Time> time;  // where the text has a clock
};

When read_when(const Fields& fields, const char* name) {
  const std::string text = fields.text(name);
  if (const auto day = parse_date(text)) return {*day, {}};
  const Time time = parse_time(text, fields.who() + ": " + name);
  return {parse_date(std::string_view(text).substr(0, 10)).value_or(date_of(time)), time};
}

int32_t read_instrument(const Fields& fields, const Instruments& instruments, Date day) {
  const std::string symbol = fields.text("symbol");
  const auto found = instruments.find(symbol, day);
  if (!found)
    throw UnknownSymbol(
        fmt::format("{}: symbol: expected an instrument of this strategy, found {}", fields.who(), brief(symbol)));
  return *found;
}

void read_bar(const Fields& fields, const Instruments& instruments, const When& when, Event& event) {
  FeedBar& bar = event.bar;
  if (instruments.daily()) {
    event.time = instruments.end_of_day(bar.instrument, when.day);
  } else {
    if (!when.time) fail("{}: time: expected the time of the bar's end, found a day", fields.who());
    event.time = *when.time;
    event.date = instruments.session_of(bar.instrument, event.time);
  }
  bar.open = fields.number("open"), bar.high = fields.number("high"), bar.low = fields.number("low");
  bar.close = fields.number("close"), bar.volume = fields.number("volume"), event.vwap = fields.number("vwap");
  const double values[kNumValues] = {bar.open, bar.high, bar.low, bar.close, bar.volume, event.vwap};
  const bool held = holds_price(bar.open) && holds_price(bar.high) && holds_price(bar.low) && holds_price(bar.close);
  if (fault_of_values(values, false) != Fault::none || !held || bar.volume > kMostVolume)
    fail("{}: expected prices above 0 with low <= open, close <= high, and a volume, found {}, {}, {}, {} and {}",
         fields.who(), bar.open, bar.high, bar.low, bar.close, bar.volume);
  if (!instruments.is_session(bar.instrument, event.date))
    fail("{}: expected a bar on a session of the exchange, found one on {}", fields.who(), date_text(event.date));
}

void read_action(const Fields& fields, const Instruments& instruments, Event& event) {
  Action& action = event.action;
  if (fields.has("split")) {
    const Decimal over = fields.amount("split", static_cast<double>(kMostSplit));
    if (over.is_zero()) fail("{}: split: expected new shares for an old one, found 0", fields.who());
    action = split_action(event.date, over, Decimal(1));
    if (action.over > kMostSplit || action.under > kMostSplit || action.over < 1 || action.under < 1)
      fail("{}: split: expected a ratio of whole numbers up to {}, found {}:{}", fields.who(), kMostSplit, action.over,
           action.under);
  } else if (fields.has("delisting")) {
    if (!fields.flag("delisting")) fail("{}: delisting: expected true, found false", fields.who());
    action.kind = Action::Kind::delisting;
    action.effective = event.date;
  } else {
    action.kind = Action::Kind::dividend;
    action.effective = event.date;
    action.amount = fields.amount("dividend", kMostDividend);
  }
  if (instruments.is_inside(event.bar.instrument, action.kind))
    fail("{}: expected none for {}, whose prices in this market are adjusted for it", fields.who(),
         instruments.symbols()[static_cast<size_t>(event.bar.instrument)]);
}

// Numbers as they are, to their last bit; decimal texts that say more than a double stay texts.
std::string journal_text(const Json& from, std::initializer_list<const char*> names) {
  OrderedJson json;
  for (const char* name : names)
    if (from.contains(name) && !from.at(name).is_null()) json[name] = from.at(name);
  return dump_json(json);
}

}  // namespace

Event read_event(std::string_view line, const Instruments& instruments, const std::string& who) {
  const Json json = parse_json(line, who, {.unique_names = true});
  if (!json.is_object()) fail("{}: expected an object of JSON, found {}", who, brief_json(json));
  const Fields fields(json, who);
  Event event;
  const char* const kinds[] = {"session_end", "split", "dividend", "delisting", "close"};
  if (std::count_if(std::begin(kinds), std::end(kinds), [&](const char* kind) { return fields.has(kind); }) > 1)
    fail("{}: expected one event, a bar, an action or the end of a session, found {}", who, brief_json(json));
  if (json.contains("session_end")) {
    const When when = read_when(fields, "session_end");
    event.kind = Event::Kind::session_end;
    event.date = when.day;
    event.whole_day = instruments.daily() || !when.time;
    if (!event.whole_day) event.time = *when.time;
    if (!event.whole_day && instruments.decides_by_day())
      fail("{}: session_end: expected a day, at whose last bar this strategy decides, found {}", who,
           time_text(event.time));
    event.text = journal_text(json, {"session_end"});
    return event;
  }
  const When when = read_when(fields, "time");
  event.date = when.day;
  event.bar.instrument = read_instrument(fields, instruments, when.day);
  const char* const actions[] = {"split", "delisting", "dividend"};  // a line has one of them
  const auto* action =
      std::find_if(std::begin(actions), std::end(actions), [&](const char* a) { return fields.has(a); });
  if (action != std::end(actions)) {
    event.kind = Event::Kind::action;
    read_action(fields, instruments, event);
    event.text = journal_text(json, {"time", "symbol", *action});
  } else {
    read_bar(fields, instruments, when, event);
    event.text = journal_text(json, {"time", "symbol", "open", "high", "low", "close", "volume", "vwap"});
  }
  return event;
}

}  // namespace hadal::market::paper
