// hadal market init MARKET
#include "base/command.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/paths.h"
#include "cli/market.h"
#include "cli/options.h"
#include "market/starter.h"

namespace hadal {

int market_init_command(int argc, char** argv) {
  CommandLine app("Writes a commented strategy for a market, which runs as it is.");
  std::string name, out = "strategy.toml";
  bool json = false;
  app.add_option("market", name, "a market's name, or its path").required();
  app.add_option("--out", out, "the file to write").filled().show_default();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  const market::Market opened = market::Market::open(name);
  check_out(out);
  if (!is_written_through(out) && std::filesystem::exists(out))
    fail("{}: expected no such file yet, found one; name another with --out", out);
  // A strategy finds a market that is named by its path from where the strategy stands.
  const bool by_path = name.find('/') != std::string::npos;
  const std::string written = by_path ? std::filesystem::absolute(name).lexically_normal().string() : name;
  write_file_whole(out, market::starter_strategy(market::starter_facts(opened, written)));
  if (json)
    print_json(OrderedJson{{"out", out}});
  else
    print_words_of(out, fmt::format("{}\nnext: {}\n", out, command({"market", "backtest", out})));
  return 0;
}

}  // namespace hadal
