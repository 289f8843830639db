// A strategy's TOML: what is accepted has one canonical text, which says all that counts, and a broker that can be
// read.
#include "base/toml_table.h"
#include "fuzz.h"
#include "market/backtest.h"
#include "market/factors.h"
#include "market/strategy_file.h"

HADAL_FUZZER(input) {
  using namespace hadal::market;
  const StrategyFile strategy = parse_strategy(std::string(input), "/nowhere/x.toml");
  HADAL_CHECK(strategy.text == input);
  HADAL_CHECK(strategy.canonical() == parse_strategy(strategy.text + "\n# the same\n", "/nowhere/x.toml").canonical());
  HADAL_CHECK(strategy.hash().size() == 16);
  hadal::fuzz::expect_error_or_success([&] {
    auto table = strategy.broker_table();
    read_broker(table, strategy.folder());
  });
  for (const FactorSpec& factor : strategy.factors)
    hadal::fuzz::expect_error_or_success([&] { FactorProgram({{factor.name, factor.expression}}, factor.where); });
}
