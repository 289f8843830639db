// The learning rate over a stage: a linear warm-up, a flat stretch, a straight fall ("warm-up, stable, decay", MiniCPM,
// Hu et al. 2024, section 4).
#pragma once

#include <algorithm>
#include <cstdint>

namespace hadal {

struct Schedule {
  int64_t warmup_steps = 0;
  double decay = 0.3;     // the last share of the stage
  double final_lr = 0.0;  // at its end, as a share of the full rate

  // step counts from 0 within the stage; progress in [0, 1] is how much of the stage (steps, tokens or minutes) is
  // done.
  double factor(int64_t step, double progress) const {
    const double up =
        warmup_steps > 0 ? std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(warmup_steps)) : 1.0;
    if (decay <= 0 || progress <= 1 - decay) return up;
    const double left = std::clamp((1 - progress) / decay, 0.0, 1.0);
    return up * (final_lr + (1 - final_lr) * left);
  }
};

}  // namespace hadal
