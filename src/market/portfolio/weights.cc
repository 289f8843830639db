#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "market/portfolio/portfolio.h"
#include "market/stats.h"

namespace hadal::market {
namespace {

struct Scored {
  uint32_t instrument;
  double score;
};

std::vector<Scored> scored_at(const Panel& panel, size_t row, const std::vector<double>& scores) {
  std::vector<Scored> found;
  for (size_t i = 0; i < panel.num_instruments(); ++i) {
    const size_t at = panel.at(row, i);
    if (panel.has_bar(row, i) && panel.member[at] && !std::isnan(scores[at]))
      found.push_back({static_cast<uint32_t>(i), scores[at]});
  }
  return found;
}

std::vector<TargetWeight> top(std::vector<Scored> scored, size_t count) {
  std::stable_sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) { return a.score > b.score; });
  scored.resize(std::min(scored.size(), count));
  std::vector<TargetWeight> targets;
  for (const Scored& s : scored)
    targets.push_back({s.instrument, Decimal(1) / Decimal(static_cast<int64_t>(scored.size()))});
  std::sort(targets.begin(), targets.end(),
            [](const TargetWeight& a, const TargetWeight& b) { return a.instrument < b.instrument; });
  return targets;
}

std::vector<TargetWeight> by_rank(const std::vector<Scored>& scored) {
  std::vector<double> values;
  for (const Scored& s : scored) values.push_back(s.score);
  std::vector<double> ranks = average_ranks(values);
  double sum = 0;
  for (double& rank : ranks) {
    rank -= 0.5 * static_cast<double>(ranks.size() + 1);  // exact: halves
    sum += std::fabs(rank);
  }
  std::vector<TargetWeight> targets;
  for (size_t k = 0; k < scored.size(); ++k)
    targets.push_back({scored[k].instrument, sum > 0 ? Decimal::of_double(ranks[k] / sum) : Decimal()});
  return targets;
}

}  // namespace

std::vector<TargetWeight> weights_at(const PortfolioSpec& spec, const Panel& panel, size_t row,
                                     const std::vector<double>& scores) {
  HADAL_CHECK(spec.kind == "top" || spec.kind == "rank", "{} takes no scores", spec.kind);
  std::vector<Scored> scored = scored_at(panel, row, scores);
  return spec.kind == "top" ? top(std::move(scored), static_cast<size_t>(spec.count)) : by_rank(scored);
}

std::vector<Rebalance> rebalances_of(const PortfolioSpec& spec, const Panel& panel, const std::vector<double>& scores,
                                     RowRange rows) {
  std::vector<Rebalance> rebalances;
  std::map<uint32_t, Decimal> held;  // all that ever were: a sale that the market did not take whole is asked for again
  int64_t session = -1;              // since the first one with scores
  for (size_t row = rows.first; row < rows.last; ++row) {
    if (row + 1 < rows.last && panel.sessions[row + 1] == panel.sessions[row]) continue;
    std::vector<TargetWeight> targets;
    if (session < 0 || (session + 1) % spec.rebalance_days == 0) targets = weights_at(spec, panel, row, scores);
    if (session >= 0 || !targets.empty()) ++session;
    if (targets.empty()) continue;
    for (auto& [instrument, weight] : held) weight = Decimal();
    for (const TargetWeight& target : targets) held[target.instrument] = target.weight;
    Rebalance& rebalance = rebalances.emplace_back();
    rebalance.row = row;
    for (const auto& [instrument, weight] : held) rebalance.targets.push_back({instrument, weight});
  }
  return rebalances;
}

}  // namespace hadal::market
