// hadal market stats: the statistics of a series of returns, of a published track record, or of many tries.
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "cli/market.h"
#include "cli/options.h"
#include "market/stats.h"

namespace hadal {

namespace {

struct StatsFlags {
  std::string returns, matrix;
  std::optional<double> sharpe;
  double given_sharpe = 0, skew = 0, kurtosis = 3, length = 0;
  int64_t trials = 1, blocks = 16;
  market::StatisticsOptions options;
};

market::ReturnStatistics statistics_of(const StatsFlags& flags) {
  market::StatisticsOptions options = flags.options;
  options.trials = static_cast<double>(flags.trials);
  if (!flags.returns.empty()) {
    const market::TryMatrix series = market::read_matrix(flags.returns);
    if (series.num_tries() != 1)
      fail("{}: expected one column of returns (and perhaps a date in front), found {}; use --matrix for many",
           flags.returns, series.num_tries());
    return market::statistics_of(series.values, options);
  }
  if (flags.length > 0)
    return market::statistics_of({flags.given_sharpe, flags.skew, flags.kurtosis, flags.length}, options);
  return {};
}

OrderedJson result_of(const StatsFlags& flags) {
  market::ReturnStatistics statistics = statistics_of(flags);
  if (flags.matrix.empty()) return statistics.json();
  const market::TryMatrix tries = market::read_matrix(flags.matrix);
  const market::Overfitting overfitting = market::overfitting_of(tries, static_cast<int>(flags.blocks));
  statistics.pbo = overfitting.pbo;
  OrderedJson json = statistics.json();
  json["combinations"] = overfitting.combinations;
  json["mean_logit"] = overfitting.mean_logit;
  const market::SuperiorAbility ability = market::superior_ability(tries, flags.options.bootstrap);
  json["spa"] = {{"lower", number_or_null(ability.lower)},
                 {"consistent", number_or_null(ability.consistent)},
                 {"upper", number_or_null(ability.upper)},
                 {"best", tries.names[ability.best]}};
  return json;
}

// What there is, a line each, with what it says where that is not in its name.
std::string text_of(const OrderedJson& json) {
  static const std::pair<const char*, const char*> kNotes[] = {
      {"sharpe", "mean / sd, of a period"},
      {"sharpe_interval", "95%, stationary bootstrap"},
      {"psr", "probability that the true Sharpe ratio is above the benchmark"},
      {"expected_max_sharpe", "of the best of so many tries without skill"},
      {"dsr", "probability that it is above that"},
      {"min_track_record", "periods until the PSR would reach its confidence"},
      {"min_backtest_length", "periods below which the best of so many tries without skill would look like this"},
      {"pbo", "probability that the best try in sample is below the median out of sample"},
      {"length", "periods"},
      {"drawdown_days", "longest time below a former peak, in periods"},
      {"spa", "p-values of Hansen's test that no try has a mean above 0"}};
  std::string text;
  for (const auto& [key, value] : json.items()) {
    if (value.is_null()) continue;
    std::string shown;
    if (value.is_array())
      shown = fmt::format("{:.4g} to {:.4g}", value[0].get<double>(), value[1].get<double>());
    else if (value.is_object())
      shown = dump_json(value);
    else if (value.is_string())
      shown = value.get<std::string>();
    else
      shown = value.is_number_float() ? fmt::format("{:.6g}", value.get<double>()) : dump_json(value);
    std::string note;
    for (const auto& [name, words] : kNotes)
      if (key == name) note = fmt::format("   {}", words);
    text += fmt::format("{:<20} {}{}\n", key, shown, note);
  }
  return text;
}

}  // namespace

int market_stats_command(int argc, char** argv) {
  CommandLine app(
      "How sure one can be of returns: Sharpe ratio with its interval, PSR, deflated Sharpe ratio, minimum track "
      "record, drawdown, and for a matrix of tries the probability of overfitting.");
  StatsFlags flags;
  market::StatisticsOptions& o = flags.options;
  bool json = false;
  const Option returns = app.add_option("--returns", flags.returns, "a CSV with one column of simple returns");
  Option sharpe = app.add_option("--sharpe", flags.given_sharpe, "a track record's Sharpe ratio, of a period");
  const Option length = app.add_option("--length", flags.length, "its number of periods").range(2.0, 1e9);
  app.add_option("--skew", flags.skew, "its skewness").needs(sharpe);
  app.add_option("--kurtosis", flags.kurtosis, "its kurtosis (3 for a normal)").needs(sharpe);
  sharpe.needs(length);
  length.needs(sharpe);
  sharpe.excludes(returns);
  app.add_option("--benchmark-sharpe", o.benchmark_sharpe, "what PSR compares with, of a period").show_default();
  app.add_option("--trials", flags.trials, "how many were tried").range(int64_t{1}, int64_t{1} << 40).show_default();
  app.add_option("--trials-sd", o.trials_sd, "deviation of their Sharpe ratios, of a period").range(0.0, 1e6);
  app.add_option("--periods", o.periods, "periods of a year").range(1.0, 1e7).show_default();
  app.add_option("--confidence", o.confidence, "of the minimum track record").range(0.5, 0.999999).show_default();
  const Option matrix = app.add_option("--matrix", flags.matrix, "a CSV of returns, a column for each try");
  app.add_option("--blocks", flags.blocks, "of CSCV, an even number")
      .range(int64_t{2}, int64_t{24})
      .show_default()
      .needs(matrix);
  app.add_option("--seed", o.bootstrap.seed, "of the bootstraps").show_default();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (returns.count() + sharpe.count() + matrix.count() == 0)
    throw UsageError("expected --returns, --sharpe with --length, or --matrix, found none of them; see --help");
  for (const auto& [option, value] : {std::pair("--sharpe", flags.given_sharpe),
                                      {"--skew", flags.skew},
                                      {"--kurtosis", flags.kurtosis},
                                      {"--benchmark-sharpe", o.benchmark_sharpe}})
    if (!std::isfinite(value)) throw UsageError(fmt::format("{}: expected a number, found {}", option, value));
  if (flags.trials > 1 && !app.given("--trials-sd"))
    throw UsageError("--trials: expected --trials-sd beside it, the deviation of their Sharpe ratios, found none");
  const OrderedJson result = result_of(flags);
  if (json)
    print_json(result);
  else
    print_words(text_of(result));
  return 0;
}

}  // namespace hadal
