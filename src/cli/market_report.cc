// hadal market report RUN
#include "market/report.h"

#include "base/command.h"
#include "cli/market.h"
#include "cli/options.h"

namespace hadal {

int market_report_command(int argc, char** argv) {
  CommandLine app(
      "Makes one page of HTML of a run: curves, costs, tries and the state of the data. It needs no network.");
  std::string name, out;
  bool json = false;
  app.add_option("RUN", name, "the folder of a run, or its name under runs/").required();
  app.add_option("--out", out, "the file to write; default: report.html in the run's folder").filled();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  const Path run = market::find_run(name);
  const Path file = out.empty() ? run / "report.html" : Path(out);
  check_out(file);
  write_file_whole(file, market::report_html(market::read_figures(run)));
  if (json)
    print_json(OrderedJson{{"out", file.string()}});
  else
    print_words_of(file, fmt::format("{}\nnext: {}\n", file.string(), command({"market", "memo", name})));
  return 0;
}

}  // namespace hadal
