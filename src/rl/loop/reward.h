// What a reply is worth: 1 for a right one, 0 for a wrong one, and what the recipe adds.
#pragma once

#include <string>

#include "rl/loop/items.h"
#include "rl/loop/rollout.h"

namespace hadal::rl {

struct Reward {
  double value = 0;
  bool right = false;
  std::string answer, why;  // as the verifier found and said it
  bool judged = true;       // false: the verifier is a program, and it failed; the rest says nothing
};

// An unfinished reply is never right: it has 0, and with `overlong` its punishment. Where a program is the verifier,
// the reward is what it says, and with `overlong` the punishment; no share for its format or nearness.
Reward reward_of(const RewardSpec& spec, const RolloutSpec& limits, const Question& question, const Rollout& rollout);

}  // namespace hadal::rl
