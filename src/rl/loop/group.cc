#include "rl/loop/group.h"

#include <algorithm>
#include <numeric>

#include "base/json.h"

namespace hadal::rl {

std::vector<double> Group::values() const {
  std::vector<double> values;
  for (const Reward& reward : rewards) values.push_back(reward.value);
  return values;
}

int64_t Group::num_right() const { return std::ranges::count_if(rewards, &Reward::right); }

void shuffle_rewards(std::span<Group> groups, Rng& rng) {
  std::vector<double*> values;
  for (Group& group : groups)
    for (Reward& reward : group.rewards) values.push_back(&reward.value);
  for (size_t i = values.size(); i > 1; --i) std::swap(*values[i - 1], *values[rng.below(i)]);
}

std::vector<Minibatch> minibatches_of(const std::vector<Group>& groups, const RlRecipe& recipe) {
  const size_t count = std::min(static_cast<size_t>(recipe.updates_per_rollout), groups.size());
  std::vector<Minibatch> minibatches(count);
  for (size_t g = 0; g < groups.size(); ++g) {
    const Group& group = groups[g];
    Minibatch& minibatch = minibatches[g * count / groups.size()];
    const std::vector<double> rewards = group.values();
    const std::vector<size_t> chosen = widest_spread(rewards, static_cast<size_t>(recipe.train_samples));
    std::vector<double> of_chosen;
    for (const size_t i : chosen) of_chosen.push_back(rewards[i]);
    const std::vector<double> advantage = advantages(recipe.loss, of_chosen);
    for (size_t i = 0; i < chosen.size(); ++i) {
      const Rollout& r = group.rollouts[chosen[i]];
      minibatch.weight += loss_weight(recipe.loss, r.mask);
      if (advantage[i] != 0 || recipe.loss.kl_weight != 0)
        minibatch.samples.push_back({group.prompt, r.ids, r.log_probs, r.mask, advantage[i]});
    }
  }
  return minibatches;
}

Json to_json(const Minibatch& minibatch) {
  Json samples = Json::array();
  for (const Sample& s : minibatch.samples) {
    samples.push_back({{"prompt", s.prompt},
                       {"ids", s.ids},
                       {"log_probs", s.log_probs},
                       {"mask", s.mask},
                       {"advantage", s.advantage}});
  }
  return {{"weight", minibatch.weight}, {"samples", std::move(samples)}};
}

Minibatch minibatch_from(const Json& json) {
  Minibatch minibatch;
  minibatch.weight = json.at("weight");
  for (const Json& s : json.at("samples")) {
    minibatch.samples.push_back(
        {s.at("prompt"), s.at("ids"), s.at("log_probs"), s.at("mask"), s.at("advantage").get<double>()});
  }
  return minibatch;
}

std::span<float> PolicyBatch::rows_of(std::vector<float>& of_rows, size_t sample) const {
  const size_t count = samples[sample]->ids.size(), end = static_cast<size_t>(batch.offsets[sample + 1]);
  return std::span(of_rows).subspan(end - count, count);
}

std::vector<PolicyBatch> pack(const Minibatch& minibatch, int64_t max_tokens) {
  std::vector<size_t> order(minibatch.samples.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return minibatch.samples[i].num_tokens(); });
  std::vector<PolicyBatch> batches;
  int64_t room = 0;
  for (const size_t i : order) {
    const Sample& s = minibatch.samples[i];
    if (batches.empty() || s.num_tokens() > room) batches.emplace_back(), room = max_tokens;
    room -= s.num_tokens();
    PolicyBatch& b = batches.back();
    std::vector<TokenId> ids = s.prompt;
    ids.insert(ids.end(), s.ids.begin(), s.ids.end() - 1);
    b.batch.append(ids);
    b.targets.insert(b.targets.end(), s.prompt.size() - 1, -1);
    b.targets.insert(b.targets.end(), s.ids.begin(), s.ids.end());
    b.samples.push_back(&s);
  }
  return batches;
}

}  // namespace hadal::rl
