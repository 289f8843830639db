// Broker profiles: TOML, the built-in ones inside the program.
#include <algorithm>

#include "base/embed.h"
#include "base/error.h"
#include "base/toml_table.h"
#include "market/backtest.h"

#ifndef HADAL_PROFILES
#error "src/market/CMakeLists.txt defines HADAL_PROFILES: the folder of the broker profiles"
#endif

HADAL_EMBED(frictionless, HADAL_PROFILES "/frictionless.toml");
HADAL_EMBED(ib_us, HADAL_PROFILES "/ib_us.toml");
HADAL_EMBED(binance_spot, HADAL_PROFILES "/binance_spot.toml");
HADAL_EMBED(cn_a, HADAL_PROFILES "/cn_a.toml");
HADAL_EMBED(lean, HADAL_PROFILES "/lean.toml");

namespace hadal::market {
namespace {

struct BuiltIn {
  std::string name;
  std::string_view text;
};

const std::vector<BuiltIn>& built_in() {
  static const std::vector<BuiltIn> list{{"frictionless", HADAL_EMBEDDED(frictionless)},
                                         {"ib_us", HADAL_EMBEDDED(ib_us)},
                                         {"binance_spot", HADAL_EMBEDDED(binance_spot)},
                                         {"cn_a", HADAL_EMBEDDED(cn_a)},
                                         {"lean", HADAL_EMBEDDED(lean)}};
  return list;
}

void read_amount(TomlTable& table, const char* key, Decimal& value, double low, double high) {
  if (table.has(key)) value = Decimal::of_double(table.number(key, 0, low, high));
}

void read_step(TomlTable& table, const char* key, Decimal& value) {
  read_amount(table, key, value, 1e-8, 1e6);
  if (value.is_zero()) fail("{}: {}: expected at least 1e-8", table.where(key), key);
}

// What a profile and [broker] have in common.
void read_settings(TomlTable& table, Broker& broker) {
  constexpr double kMoney = 1e15;
  read_amount(table, "cash", broker.cash, 0, kMoney);
  if (broker.cash.is_zero()) fail("{}: cash: expected money to begin with, above 0, found 0", table.where("cash"));
  read_amount(table, "commission_per_share", broker.commission_per_share, 0, 1e6);
  read_amount(table, "commission_rate", broker.commission_rate, 0, 1);
  read_amount(table, "commission_minimum", broker.commission_minimum, 0, 1e6);
  read_amount(table, "commission_cap", broker.commission_cap, 0, 1);
  read_amount(table, "sell_tax", broker.sell_tax, 0, 1);
  read_amount(table, "slippage_bps", broker.slippage_bps, 0, 10'000);
  read_amount(table, "spread_bps", broker.spread_bps, 0, 20'000);
  broker.volume_impact = table.number("volume_impact", broker.volume_impact, 0, 100);
  broker.root_impact = table.number("root_impact", broker.root_impact, 0, 100);
  read_amount(table, "participation", broker.participation, 0, 1);
  read_amount(table, "borrow_rate", broker.borrow_rate, 0, 10);
  read_amount(table, "interest_rate", broker.interest_rate, 0, 10);
  read_amount(table, "cash_rate", broker.cash_rate, 0, 10);
  read_amount(table, "margin", broker.margin, 0, 1);
  read_amount(table, "maintenance_margin", broker.maintenance_margin, 0, 1);
  read_step(table, "quantity_step", broker.quantity_step);
  read_step(table, "cap_step", broker.cap_step);
  read_amount(table, "buy_lot", broker.buy_lot, 0, 1e6);
  read_amount(table, "tick", broker.tick, 0, 1e6);
  read_amount(table, "price_limit", broker.price_limit, 0, 0.99);
  broker.t_plus_one = table.flag("t_plus_one", broker.t_plus_one);
  broker.shorts = table.flag("shorts", broker.shorts);
  broker.cash_only = table.flag("cash_only", broker.cash_only);
  broker.lean = table.choice("fills", broker.lean ? "lean" : "bars", {"bars", "lean"}) == "lean";
  if (!broker.buy_lot.is_zero() && broker.buy_lot.units() % broker.quantity_step.units() != 0)
    fail("{}: buy_lot: expected a multiple of quantity_step {}, found {}", table.where("buy_lot"),
         broker.quantity_step.text(), broker.buy_lot.text());
}

Broker profile_of(TomlTable table, const std::string& name) {
  Broker broker;
  broker.profile = name;
  read_settings(table, broker);
  table.finish();
  return broker;
}

}  // namespace

std::vector<std::string> broker_profiles() {
  std::vector<std::string> names;
  for (const BuiltIn& profile : built_in()) names.push_back(profile.name);
  return names;
}

Broker broker_profile(const std::string& name, const std::string& who, const Path& folder) {
  for (const BuiltIn& profile : built_in())
    if (profile.name == name) return profile_of(TomlTable::parse(std::string(profile.text), name + ".toml"), name);
  if (name.ends_with(".toml")) return profile_of(TomlTable::parse_file(folder / name), name);
  fail(
      "{}: expected frictionless, ib_us, binance_spot, cn_a, lean or the path of a .toml file, found {}; did you mean "
      "{}?",
      who, brief(name), nearest_word(name, broker_profiles()));
}

Broker read_broker(TomlTable& table, const Path& folder) {
  const std::string name = table.text("profile", "frictionless");
  Broker broker = broker_profile(name, table.where("profile") + ": profile", folder);
  read_settings(table, broker);
  return broker;
}

}  // namespace hadal::market
