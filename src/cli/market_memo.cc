// hadal market memo RUN, hadal market memo --verify F.md --run RUN
#include "base/command.h"
#include "base/error.h"
#include "cli/market.h"
#include "cli/options.h"
#include "cli/training_process.h"
#include "market/report.h"
#include "market/strategy_file.h"

namespace hadal {
namespace {

constexpr uint64_t kMostBytes = uint64_t{16} << 20;

int write_memo(const std::string& name, bool json) {
  const Path run = market::find_run(name);
  const market::Memo memo = market::memo_of(market::read_figures(run));
  write_file_whole(run / "memo.md", memo.text);
  if (json) {
    print_json(memo.json());
  } else {
    print_text(memo.text);
    const std::string file = (run / "memo.md").string();
    say(without_controls(
        fmt::format("\n{}\nnext: {}\n", file, command({"market", "memo", "--verify", file, "--run", name}))));
  }
  return 0;
}

int verify(const std::string& file, const std::string& name, bool json) {
  const auto unbound =
      market::unbound_numbers(read_file(file, kMostBytes), market::read_figures(market::find_run(name)));
  if (json) {
    OrderedJson list = OrderedJson::array();
    for (const market::Unbound& u : unbound) list.push_back({{"text", u.text}, {"begin", u.begin}, {"end", u.end}});
    print_json(OrderedJson{{"verified", unbound.empty()}, {"unbound", std::move(list)}});
  } else if (unbound.empty()) {
    print_words(fmt::format("{}: every number is a figure of {}\n", file, name));
  } else {
    std::string text = fmt::format("{}: numbers that no figure of {} says, by their place in the text:\n", file, name);
    for (const market::Unbound& u : unbound) text += fmt::format("  {:>8}  {}\n", u.begin, u.text);
    print_words(text);
  }
  return unbound.empty() ? 0 : 1;
}

}  // namespace

int market_memo_command(int argc, char** argv) {
  CommandLine app(
      "Writes a page in plain words about a run, by fixed sentences; every number in it is bound to a figure. --verify "
      "looks through any text for numbers that no figure says, and ends with 1 where there are some.");
  std::string run, file, of_run, model;
  bool json = false;
  app.add_option("RUN", run, "the folder of a run, or its name under runs/");
  const Option of_file = app.add_option("--verify", file, "a text to look through").filled();
  app.add_option("--run", of_run, "the run that the text is about").filled().needs(of_file);
  app.add_option("--model", model, "a language model that words it (comes with a later version)");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  return market_exit_code("hadal market memo", [&] {
    if (!model.empty())
      market::not_yet("--model", "a memo worded by a language model", "leave the option out for fixed sentences");
    const std::string& about = of_run.empty() ? run : of_run;
    if (about.empty())
      throw UsageError(fmt::format("expected {}, found none; runs stand under runs/",
                                   file.empty() ? "a run" : "--run RUN beside --verify"));
    return file.empty() ? write_memo(about, json) : verify(file, about, json);
  });
}

}  // namespace hadal
