// hadal market synth OUT
#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/market.h"
#include "cli/options.h"
#include "market/calendar.h"
#include "market/synth.h"

namespace hadal {
namespace {

struct Days {
  std::string calendar;
  std::vector<market::Date> sessions;
};

// Sessions of XNYS as far as they are known; a longer market has every Monday to Friday and no calendar.
Days days_of(int64_t count) {
  const auto xnys = market::Calendar::find("XNYS", "market synth");
  const auto wanted = static_cast<size_t>(count);
  for (const market::Date from : {market::date(2012, 1, 3), xnys->first_known()}) {
    auto sessions = xnys->sessions(from, xnys->last_known());
    if (sessions.size() < wanted) continue;
    sessions.resize(wanted);
    return {"XNYS", sessions};
  }
  Days days;
  for (market::Date day = market::date(1970, 1, 1); days.sessions.size() < wanted; ++day)
    if (market::weekday(day) < 5) days.sessions.push_back(day);
  return days;
}

}  // namespace

int market_synth_command(int argc, char** argv) {
  CommandLine app(
      "Makes up a market: bars.csv with a symbol column, and truth.json with what is in it. The same options give the "
      "same files.");
  std::string out;
  market::SynthOptions options;
  int64_t days = 1000;
  bool json = false;
  app.add_option("out", out, "the folder to write into").required();
  app.add_option("--instruments", options.instruments, "how many").range(int64_t{1}, int64_t{100'000}).show_default();
  app.add_option("--days", days, "sessions").range(int64_t{3}, int64_t{13'000}).show_default();
  app.add_option("--signal", options.signal,
                 "rank correlation of a hidden score with the return from the next open to the one after; 0: none")
      .range(-0.89, 0.89)
      .show_default();
  app.add_option("--seed", options.seed, "of the random numbers").show_default();
  app.add_option("--faults", options.faults, "faults to plant, of each code of `market check` in turn")
      .range(int64_t{0}, int64_t{1'000'000})
      .show_default();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  const Days made = days_of(days);
  const auto files = market::write_market(options, made.sessions, made.calendar, out);
  if (json) {
    print_json(OrderedJson{{"files", {files[0].string()}}, {"truth", files[1].string()}});
  } else {
    const std::string bars = files[0].string();
    print_words(fmt::format("{}\n{}\nnext: {}\n", bars, files[1].string(),
                            made.calendar.empty()
                                ? command({"market", "import", "NAME", bars})
                                : command({"market", "import", "NAME", bars, "--calendar", made.calendar})));
  }
  return 0;
}

}  // namespace hadal
