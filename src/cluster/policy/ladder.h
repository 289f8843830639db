// Who goes on: budgets in tokens, and at each the best third of comparable runs (asynchronous successive halving, Li et
// al. 2020), ranked by the final value that their curves predict. Pure, as policy.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/policy.h"

namespace hadal::cluster {

struct CurvePoint {
  int64_t tokens = 0;
  double value = 0;  // may be nan
};

struct LadderRun {
  int64_t id = 0, idea = 0;
  bool baseline = false;  // its idea is the baseline
  RunState state = RunState::queued;
  std::string held_out, metric;
  bool larger_is_better = false;
  int64_t length_tokens = 0;
  int rung = 1;  // stands on it: runs up to its budget
  std::vector<CurvePoint> curve;
  std::vector<double> scores;  // one for each rung that it got to, as it was then; they stay
};

struct LadderDecision {
  int64_t run = 0;
  enum class Kind { score, promote, hold } kind = Kind::score;
  double score = 0;    // score: of the rung it got to
  int rung = 1;        // promote: the new one
  std::string reason;  // "2nd of 9 at 6M tokens: 1.412 bits/byte, predicts 1.33; cut 1.431; baseline 1.455 +- .006"
};

// Tokens of a rung, and which is the last, for a run of this length.
int64_t rung_tokens(const PolicyRules& rules, int rung, int64_t length_tokens);
int last_rung(const PolicyRules& rules, int64_t length_tokens);

// The final value by a power law with an offset, fitted to the curve; none where no fit is allowed (too few points, not
// falling, an offset that the points do not bound).
std::optional<double> predicted_final(const std::vector<CurvePoint>& curve, int64_t length_tokens,
                                      bool larger_is_better);

// `runs`: all of comparable and other kinds. First the scores of those that are paused without one, then who goes on;
// `hold` for those paused that newly stay, with the reason.
std::vector<LadderDecision> climb(const PolicyRules& rules, const std::vector<LadderRun>& runs);

}  // namespace hadal::cluster
