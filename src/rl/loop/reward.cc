#include "rl/loop/reward.h"

#include <algorithm>

namespace hadal::rl {
namespace {

double overlong_term(const RewardSpec& spec, const RolloutSpec& limits, const Rollout& rollout) {
  if (spec.overlong == 0) return 0;
  const int64_t length = rollout.thinks ? rollout.think_tokens : static_cast<int64_t>(rollout.ids.size());
  return overlong_reward(length, limits.max_thinking_tokens, spec.overlong);
}

}  // namespace

Reward reward_of(const RewardSpec& spec, const RolloutSpec& limits, const Question& question, const Rollout& rollout) {
  const double overlong = overlong_term(spec, limits, rollout);
  if (!rollout.finished) return {overlong, false, "", "unfinished"};
  if (question.verifier != nullptr) {
    const auto verdict = question.verifier->judge(*question.item, rollout.text);
    if (!verdict) return {0, false, "", question.verifier->problem(), false};
    return {verdict->reward + overlong, verdict->right, "", verdict->why};
  }
  const tasks::Verdict verdict = tasks::judge_reply(*question.task, *question.item, rollout.text);
  const double correct = verdict.right ? 1 : spec.nearness * std::clamp(verdict.nearness, 0.0, 1.0);
  const double formatted = verdict.right || !verdict.answer.empty() ? 1 : 0;
  return {(1 - spec.format_share) * correct + spec.format_share * formatted + overlong, verdict.right, verdict.answer,
          verdict.why};
}

}  // namespace hadal::rl
