#include "base/toml_table.h"
#include "cluster/policy.h"

namespace hadal::cluster {

PolicyRules read_policy(const Path& file) {
  TomlTable toml = TomlTable::parse_file(file);
  constexpr double kYear = 366 * 86400.0;
  PolicyRules rules;
  rules.free_share = toml.number("free_share", rules.free_share, 0, 1);
  if (toml.has("free_cap")) rules.free_cap = static_cast<int>(toml.integer("free_cap", 1, 1, 1'000'000));
  rules.min_run_s = toml.number("min_run_s", rules.min_run_s, 0, kYear);
  rules.grace_s = toml.number("grace_s", rules.grace_s, 0, 86400);
  rules.tick_s = toml.number("tick_s", rules.tick_s, .01, 3600);
  rules.half_life_days = toml.number("half_life_days", rules.half_life_days, .001, 3660);
  rules.first_tokens = toml.integer("first_tokens", rules.first_tokens, 1, int64_t{1} << 60);
  rules.ratio = static_cast<int>(toml.integer("ratio", rules.ratio, 2, 1000));
  rules.seed_spread = toml.number("seed_spread", rules.seed_spread, 0, 1e9);
  rules.core_hour_price = toml.number("core_hour_price", rules.core_hour_price, 0, 1e9);
  rules.kwh_price = toml.number("kwh_price", rules.kwh_price, 0, 1e9);
  rules.watts_per_core = toml.number("watts_per_core", rules.watts_per_core, 0, 1e6);
  rules.currency = toml.text("currency", rules.currency);
  toml.finish();
  return rules;
}

}  // namespace hadal::cluster
