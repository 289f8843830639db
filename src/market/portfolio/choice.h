// What the kinds of portfolios share: those that can be chosen at a row, and the kinds themselves.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "market/portfolio/portfolio.h"
#include "market/portfolio/risk_model.h"

namespace hadal::market {

struct Scored {
  uint32_t instrument;
  double score;
};

// Those with a bar, in the universe and with a score, ascending. scores: [instrument].
std::vector<Scored> scored_at(const Panel& panel, size_t row, std::span<const double> scores);
// The `count` best, ascending by instrument; of equal scores the first instrument.
std::vector<Scored> best_of(std::vector<Scored> scored, size_t count);
std::vector<uint32_t> instruments_of(const std::vector<Scored>& scored);
// Of `scored` those that are among `instruments`; both ascend.
std::vector<Scored> those(const std::vector<Scored>& scored, const std::vector<uint32_t>& instruments);
// Past returns of those of `scored` that have them, of the `count` best of these; 0: of all.
PastReturns returns_of_best(Histories& histories, const Panel& panel, size_t row, const std::vector<Scored>& scored,
                            int64_t count);
// The weights that do not round to 0.
std::vector<TargetWeight> targets_of(const std::vector<uint32_t>& instruments, const std::vector<double>& weights);

std::unique_ptr<Chooser> make_risk_parity(const PortfolioSpec& spec, const std::string& who);
std::unique_ptr<Chooser> make_qp_portfolio(const PortfolioSpec& spec, const std::string& who);

}  // namespace hadal::market
