// A group: the roll-outs of one item with their rewards; and what of it is trained on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/json_fwd.h"
#include "model/model.h"
#include "rl/loop/reward.h"

namespace hadal::rl {

struct Group {
  Question question;
  std::vector<TokenId> prompt;
  std::vector<Rollout> rollouts;
  std::vector<Reward> rewards;  // of each
  int64_t failed_verdicts = 0;  // roll-outs that nobody judged; they are left out

  std::vector<double> values() const;  // of the rewards
  int64_t num_right() const;
};

// Deals the values of all rewards out anew, by chance; whether a reply is right stays as it is.
void shuffle_rewards(std::span<Group> groups, Rng& rng);

// One reply as training takes it.
struct Sample {
  std::vector<TokenId> prompt, ids;
  std::vector<float> log_probs;  // of the ids, as the sampler had them
  std::vector<uint8_t> mask;
  double advantage = 0;

  int64_t num_tokens() const { return static_cast<int64_t>(prompt.size() + ids.size()) - 1; }  // that are fed
};

// What one update learns from, and the weight that its loss is divided by: that of all samples, of which those without
// an advantage need not be computed.
struct Minibatch {
  std::vector<Sample> samples;
  double weight = 0;
};

// Of each group the samples whose rewards differ most, with their advantages, in `count` minibatches of as many groups
// (fewer where there are fewer groups).
std::vector<Minibatch> minibatches_of(const std::vector<Group>& groups, const RlRecipe& recipe);

Json to_json(const Minibatch& minibatch);
Minibatch minibatch_from(const Json& json);

// Samples of like length side by side, with targets and the places of their ids.
struct PolicyBatch {
  Batch batch;
  std::vector<int32_t> targets;        // -1 where nothing was sampled
  std::vector<const Sample*> samples;  // the last ids.size() rows of each sequence are those of its ids
  std::span<float> rows_of(std::vector<float>& of_rows, size_t sample) const;
};
std::vector<PolicyBatch> pack(const Minibatch& minibatch, int64_t max_tokens);

}  // namespace hadal::rl
