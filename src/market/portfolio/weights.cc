#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "market/portfolio/choice.h"
#include "market/stats.h"
#include "market/stopped.h"

namespace hadal::market {
namespace {

std::vector<TargetWeight> top(const std::vector<Scored>& scored, size_t count) {
  const std::vector<Scored> best = best_of(scored, count);
  std::vector<TargetWeight> targets;
  for (const Scored& s : best)
    targets.push_back({s.instrument, Decimal(1) / Decimal(static_cast<int64_t>(best.size()))});
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

// top and rank: nothing but the scores of the row counts.
class ByScore : public Chooser {
 public:
  explicit ByScore(const PortfolioSpec& spec) : spec_(spec) {}
  std::optional<std::vector<TargetWeight>> choose(const FeatureSource& source, size_t row,
                                                  std::span<const double> scores) override {
    std::vector<TargetWeight> targets = weights_at(spec_, source.panel(), row, scores);
    if (targets.empty()) return std::nullopt;
    return targets;
  }

 private:
  PortfolioSpec spec_;
};

std::unique_ptr<Chooser> make_chooser(const PortfolioSpec& spec, const std::string& who) {
  if (spec.kind == "risk_parity") return make_risk_parity(spec, who);
  if (spec.kind == "qp") return make_qp_portfolio(spec, who);
  return std::make_unique<ByScore>(spec);
}

}  // namespace

std::vector<Scored> scored_at(const Panel& panel, size_t row, std::span<const double> scores) {
  std::vector<Scored> found;
  for (size_t i = 0; i < panel.num_instruments(); ++i) {
    if (panel.has_bar(row, i) && panel.member[panel.at(row, i)] && !std::isnan(scores[i]))
      found.push_back({static_cast<uint32_t>(i), scores[i]});
  }
  return found;
}

std::vector<Scored> best_of(std::vector<Scored> scored, size_t count) {
  std::stable_sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) { return a.score > b.score; });
  scored.resize(std::min(scored.size(), count));
  std::sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) { return a.instrument < b.instrument; });
  return scored;
}

std::vector<uint32_t> instruments_of(const std::vector<Scored>& scored) {
  std::vector<uint32_t> instruments;
  for (const Scored& s : scored) instruments.push_back(s.instrument);
  return instruments;
}

std::vector<Scored> those(const std::vector<Scored>& scored, const std::vector<uint32_t>& instruments) {
  std::vector<Scored> found;
  std::copy_if(scored.begin(), scored.end(), std::back_inserter(found), [&](const Scored& s) {
    return std::binary_search(instruments.begin(), instruments.end(), s.instrument);
  });
  return found;
}

PastReturns returns_of_best(Histories& histories, const Panel& panel, size_t row, const std::vector<Scored>& scored,
                            int64_t count) {
  PastReturns returns = histories.of(panel, row, instruments_of(scored));
  if (returns.size() == 0 || count == 0) return returns;
  const auto best = best_of(those(scored, returns.instruments), static_cast<size_t>(count));
  return past_returns(panel, row, instruments_of(best), returns.days);
}

std::vector<TargetWeight> targets_of(const std::vector<uint32_t>& instruments, const std::vector<double>& weights) {
  std::vector<TargetWeight> targets;
  for (size_t k = 0; k < instruments.size(); ++k) {
    const Decimal weight = Decimal::of_double(weights[k]);
    if (!weight.is_zero()) targets.push_back({instruments[k], weight});
  }
  return targets;
}

std::vector<TargetWeight> weights_at(const PortfolioSpec& spec, const Panel& panel, size_t row,
                                     std::span<const double> scores) {
  HADAL_CHECK(spec.kind == "top" || spec.kind == "rank", "{} takes no scores", spec.kind);
  const std::vector<Scored> scored = scored_at(panel, row, scores);
  return spec.kind == "top" ? top(scored, static_cast<size_t>(spec.count)) : by_rank(scored);
}

PortfolioPolicy::PortfolioPolicy(const PortfolioSpec& spec, const std::string& who)
    : rebalance_days_(spec.rebalance_days), chooser_(make_chooser(spec, who)) {}

std::optional<Rebalance> PortfolioPolicy::decide(const FeatureSource& source, size_t row,
                                                 std::span<const double> scores) {
  std::optional<std::vector<TargetWeight>> targets;
  if (session_ < 0 || (session_ + 1) % rebalance_days_ == 0) targets = chooser_->choose(source, row, scores);
  if (session_ >= 0 || targets) ++session_;
  if (!targets) return std::nullopt;
  for (auto& [instrument, weight] : held_) weight = Decimal();
  for (const TargetWeight& target : *targets) held_[target.instrument] = target.weight;
  Rebalance rebalance{row, {}};
  for (const auto& [instrument, weight] : held_) rebalance.targets.push_back({instrument, weight});
  return rebalance;
}

bool ends_session(const Panel& panel, size_t row, size_t last) {
  return row + 1 >= last || panel.sessions[row + 1] != panel.sessions[row];
}

std::vector<Rebalance> rebalances_of(PortfolioPolicy& policy, const FeatureSource& source,
                                     const std::vector<double>& scores, RowRange rows, const std::atomic<bool>* stop) {
  const Panel& panel = source.panel();
  const size_t n = panel.num_instruments();
  std::vector<Rebalance> rebalances;
  for (size_t row = rows.first; row < rows.last; ++row) {
    if (!ends_session(panel, row, rows.last)) continue;
    check_stop(stop);
    auto rebalance = policy.decide(source, row, std::span(scores).subspan(row * n, n));
    if (rebalance) rebalances.push_back(std::move(*rebalance));
  }
  return rebalances;
}

}  // namespace hadal::market
