#include "market/forecast/judge.h"

#include <algorithm>

#include "base/error.h"
#include "market/forecast/forecaster.h"
#include "market/forecast/ranks.h"
#include "market/stats.h"

namespace hadal::market::forecast {
namespace {

const char* const kNaive[] = {"naive", "seasonal", "momentum"};

// Combinatorial splits test a row more than once, adjoining folds as one part: each row counts once.
std::vector<RowRange> tested_rows(const ForecastResult& result, size_t num_times) {
  std::vector<char> is_tested(num_times, 0);
  for (const RowRange& part : result.test) std::fill(is_tested.begin() + part.first, is_tested.begin() + part.last, 1);
  std::vector<RowRange> rows;
  for (size_t row = 0; row < num_times; ++row)
    if (is_tested[row]) rows.push_back({row, row + 1});
  return rows;
}

struct Best {  // of the baselines
  std::string name;
  double rank_ic = -2;
};

std::string headline(const ForecastResult& result, const Best& best) {
  const Quality& q = result.quality;
  if (std::isnan(q.rank_ic)) {
    return fmt::format("{}: nothing found: at no time are there two instruments to rank", result.kind);
  }
  const std::string own = fmt::format("mean rank IC {:.4f}, error {}", q.rank_ic,
                                      std::isnan(q.rank_ic_error) ? "unknown" : fmt::format("{:.4f}", q.rank_ic_error));
  if (!(q.rank_ic > best.rank_ic)) {
    return fmt::format("{} does not beat {}: nothing found ({}, against {:.4f})", result.kind,
                       best.name == "ridge" ? "ridge" : fmt::format("the naive forecaster \"{}\"", best.name), own,
                       best.rank_ic);
  }
  if (result.finding == "nothing")
    return fmt::format("{}: nothing found: its {} is within twice the error", result.kind, own);
  if (best.name.empty()) return fmt::format("{}: signal: {}", result.kind, own);
  return fmt::format("{}: signal: {}, above {}every naive forecaster (best: \"{}\" {:.4f})", result.kind, own,
                     result.baselines[0].first == "ridge" ? "ridge and " : "", best.name, best.rank_ic);
}

}  // namespace

void judge(const ForecastSpec& spec, const FeatureSource& source, const std::vector<double>& ridge,
           ForecastResult& result) {
  const Panel& panel = source.panel();
  const std::vector<RowRange> rows = tested_rows(result, panel.num_times());
  const auto quality = [&](const std::vector<double>& scores) {
    return quality_of(scores, source.labels(), panel.num_instruments(), rows, source.horizon());
  };
  result.quality = quality(result.scores);
  for (size_t seed = 0; seed < spec.seeds.size(); ++seed)
    result.by_seed.emplace_back(spec.seeds[seed], quality(result.seed_scores[seed]));
  Best best;
  const auto add = [&](const std::string& name, const std::vector<double>& scores) {
    result.baselines.emplace_back(name, quality(scores));
    const double rank_ic = result.baselines.back().second.rank_ic;
    if (rank_ic > best.rank_ic) best = {name, rank_ic};
  };
  if (!ridge.empty()) add("ridge", ridge);
  for (const char* kind : kNaive) {
    if (kind == spec.kind) continue;
    const Samples none(source, {}, {}, false);
    std::vector<double> scores(panel.num_times() * panel.num_instruments());
    make_naive(kind, spec, source)->predict(none, {0, panel.num_times()}, scores.data());
    add(kind, scores);
  }
  const bool signal =
      result.quality.rank_ic > 2 * result.quality.rank_ic_error && result.quality.rank_ic > best.rank_ic;
  result.finding = signal ? "signal" : "nothing";
  result.headline = headline(result, best);
}

}  // namespace hadal::market::forecast
