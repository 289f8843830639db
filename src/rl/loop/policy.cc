#include "rl/loop/policy.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "rl/log_probs.h"
#include "rl/loop/rollout_files.h"
#include "train/resumed.h"

namespace hadal::rl {
namespace {

constexpr int64_t kUnrewardedRollouts = 3;  // so many without one reward at the beginning end the run
constexpr int64_t kFlatSteps = 20;          // so many in a row without anything to learn, too
constexpr double kRateMemory = 0.9;         // of the rates by which kinds open

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Seeds of independent draws.
enum Stream : uint64_t { kItemStream = 1, kSampleStream = 2, kShuffleStream = 4 };  // 3: development_seed()

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

struct Policy::Figures {
  double rollouts = 0, rewards = 0, right = 0, unfinished = 0, think_tokens = 0;
  double tokens = 0, sampled = 0, log_probs = 0;  // of the replies; not forced; the sum of these
  double groups = 0, dropped = 0, failed_verdicts = 0, seconds = 0;
  std::vector<double> kind_rollouts, kind_right;

  explicit Figures(size_t kinds) : kind_rollouts(kinds), kind_right(kinds) {}
  void add(const Group& group) {
    ++groups;
    failed_verdicts += static_cast<double>(group.failed_verdicts);
    for (size_t i = 0; i < group.rollouts.size(); ++i) {
      const Rollout& r = group.rollouts[i];
      ++rollouts, ++kind_rollouts[group.question.kind];
      rewards += group.rewards[i].value;
      right += group.rewards[i].right, kind_right[group.question.kind] += group.rewards[i].right;
      unfinished += !r.finished;
      think_tokens += static_cast<double>(r.think_tokens);
      tokens += static_cast<double>(r.ids.size());
      for (size_t t = 0; t < r.ids.size(); ++t)
        if (r.mask[t] != 0) ++sampled, log_probs += double{r.log_probs[t]};
    }
  }
};

Policy::Policy(const RlRecipe& recipe, const weights::LoadedModel& start, const weights::LoadedModel* reference,
               const Items& items, PolicyOptions options)
    : recipe_(recipe),
      start_(start),
      model_(*start.model),
      reference_(reference),
      items_(items),
      options_(std::move(options)),
      roller_(start, recipe.rollout, recipe.trainer.precision, options_.stop, options_.cache_bytes),
      rates_(items.kinds().size()) {
  const int64_t budget = recipe.rollout.max_thinking_tokens + recipe.rollout.max_answer_tokens;
  if (budget >= model_.config.max_context) {
    fail(
        "{}: max_thinking_tokens and max_answer_tokens: expected less than {} together, the context of {}, with room "
        "for the question, found {}",
        recipe.where("[rl] max_thinking_tokens"), model_.config.max_context, start.name, budget);
  }
  for (const Items::Kind& kind : items.kinds()) open_.push_back(recipe.curriculum == 0 || kind.opens_after < 0);
  flops_per_token_ = forward_flops_per_token(model_.config, 0);
  flops_per_context_ = forward_flops_per_token(model_.config, 1) - flops_per_token_;
}

int64_t Policy::begin_step(Collective& ranks) {
  HADAL_CHECK(ranks.size() == 1, "roll-outs on several ranks");
  batches_.clear();
  terms_ = {};
  mismatch_ = weights_ = left_out_ = 0;
  trained_tokens_ = 0;
  figures_.reset();
  if (pending_.empty()) roll_out();
  minibatch_ = {};
  if (!pending_.empty()) {
    minibatch_ = std::move(pending_.front());
    pending_.erase(pending_.begin());
  }
  batches_ = pack(minibatch_, recipe_.micro_batch_tokens);
  trained_since_ = Clock::now();
  return std::ssize(batches_);
}

void Policy::roll_out() {
  const auto since = Clock::now();
  roller_.weights_changed();
  figures_ = std::make_shared<Figures>(items_.kinds().size());
  std::vector<Group> all, kept;
  int64_t missing = recipe_.rollout.items;
  for (int64_t round = 0; round <= recipe_.refills && missing > 0; ++round) {
    for (Group& group : roll_groups(round, missing)) {
      figures_->add(group);
      const bool too_few = group.rollouts.size() < 2;  // the others were not judged
      const bool drop = too_few || (recipe_.drop_zero_spread && !has_spread(group.values()));
      figures_->dropped += drop ? 1 : 0;
      if (!drop) kept.push_back(group);
      all.push_back(std::move(group));
    }
    missing = recipe_.rollout.items - std::ssize(kept);
  }
  pending_ = minibatches_of(kept, recipe_);
  rolled_out_tokens_ += static_cast<int64_t>(figures_->tokens);
  figures_->seconds = seconds_since(since);
  if (options_.keep_rollouts) write_rollouts(options_.run, step_, all);
  if (step_ % recipe_.samples_every == 0) add_to_samples(options_.run, step_, all);
  open_kinds();
  judge_run(all);
}

std::vector<Group> Policy::roll_groups(int64_t round, int64_t count) const {
  std::vector<Group> groups(static_cast<size_t>(count));
  std::vector<std::vector<TokenId>> prompts;
  std::vector<uint64_t> seeds;
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto seed = [&](Stream stream) {
      return seed_of({recipe_.seed, stream, static_cast<uint64_t>(step_), static_cast<uint64_t>(round), i});
    };
    groups[i].question = items_.draw(open_, seed(kItemStream));
    groups[i].prompt = roller_.prompt(groups[i].question.text);
    prompts.push_back(groups[i].prompt);
    seeds.push_back(seed(kSampleStream));
  }
  std::vector<std::vector<Rollout>> rollouts = roller_.sample(prompts, seeds);
  for (size_t i = 0; i < groups.size(); ++i) {
    Group& group = groups[i];
    for (Rollout& r : rollouts[i]) {
      Reward reward = reward_of(recipe_.reward, recipe_.rollout, group.question, r);
      group.failed_verdicts += reward.judged ? 0 : 1;
      if (!reward.judged) continue;
      group.rewards.push_back(std::move(reward));
      group.rollouts.push_back(std::move(r));
    }
  }
  if (recipe_.reward.shuffle) {
    Rng rng(seed_of({recipe_.seed, kShuffleStream, static_cast<uint64_t>(step_), static_cast<uint64_t>(round)}));
    shuffle_rewards(groups, rng);
  }
  return groups;
}

// A run that cannot learn ends with a word on why.
void Policy::judge_run(const std::vector<Group>& groups) {
  ++rollouts_done_;
  for (const Group& group : groups)
    ever_rewarded_ |= std::ranges::any_of(group.values(), [](double v) { return v > 0; });
  if (!ever_rewarded_ && rollouts_done_ >= kUnrewardedRollouts) {
    fail(
        "{}: none of the replies to the items of the first {} roll-outs earned a reward: there is nothing to learn "
        "from; train the start longer, or take easier tasks",
        start_.name, rollouts_done_);
  }
  const bool any_spread = std::ranges::any_of(groups, [](const Group& group) { return has_spread(group.values()); });
  flat_steps_ = any_spread ? 0 : flat_steps_ + 1;
  if (flat_steps_ < kFlatSteps) return;
  fail(
      "step {}: in {} roll-outs in a row the samples of each item earned the same ({:.0f}% of them right in the last): "
      "there is nothing to learn from; take {} tasks, more samples or a higher temperature",
      step_, flat_steps_, 100 * share(figures_->right, figures_->rollouts), figures_->right > 0 ? "harder" : "easier");
}

void Policy::open_kinds() {
  for (size_t kind = 0; kind < rates_.size(); ++kind) {
    if (figures_->kind_rollouts[kind] == 0) continue;
    const double rate = figures_->kind_right[kind] / figures_->kind_rollouts[kind];
    rates_[kind] = kRateMemory * rates_[kind] + (1 - kRateMemory) * rate;
  }
  for (size_t kind = 0; kind < open_.size(); ++kind) {
    const int before = items_.kinds()[kind].opens_after;
    if (before >= 0 && rates_[static_cast<size_t>(before)] >= recipe_.curriculum) open_[kind] = true;
  }
}

void Policy::micro_batch(const Context& ctx, int64_t i, StepStats& stats) {
  const PolicyBatch& batch = batches_[static_cast<size_t>(i)];
  if (recipe_.loss.is_linear() && recipe_.updates_per_rollout == 1)
    add_linear(ctx, batch, stats);
  else
    add_ratios(ctx, batch, stats);
  if (i == 0) stats.weight = 1;  // the loss is that of the step already
  if (i + 1 == std::ssize(batches_)) leave_out(stats);
  for (size_t s = 0; s + 1 < batch.batch.offsets.size(); ++s) {
    const double length = batch.batch.offsets[s + 1] - batch.batch.offsets[s];
    stats.flops += 3 * length * (flops_per_token_ + flops_per_context_ * length / 2);
  }
  const auto tokens = std::ssize(batch.batch.ids);
  stats.tokens += tokens;
  trained_tokens_ += tokens;
}

void Policy::add_linear(const Context& ctx, const PolicyBatch& b, StepStats& stats) {
  std::vector<float> weights(b.targets.size());
  for (size_t s = 0; s < b.samples.size(); ++s)
    on_policy_weights(recipe_.loss, b.samples[s]->advantage, b.samples[s]->mask, b.rows_of(weights, s));
  LossOptions options;
  options.mtp_weight = 0;
  options.mla_form = MlaForm::absorbed;
  options.scale = static_cast<float>(1 / minibatch_.weight);
  options.temperature = static_cast<float>(recipe_.rollout.temperature);
  const LossResult result = language_model_loss(ctx, model_, b.batch, b.targets, weights, options);
  ctx.tape->backward();
  stats.loss += result.main.sum / minibatch_.weight;
  // The sampler's own log-probabilities make the same sum, but for the rounding of each to float.
  for (size_t s = 0; s < b.samples.size(); ++s) {
    const std::span<const float> of_ids = b.rows_of(weights, s);
    for (size_t t = 0; t < of_ids.size(); ++t) {
      mismatch_ -= double{of_ids[t]} * double{b.samples[s]->log_probs[t]};
      weights_ += std::abs(double{of_ids[t]});
    }
  }
  mismatch_ -= result.main.sum;
}

void Policy::add_ratios(const Context& ctx, const PolicyBatch& b, StepStats& stats) {
  const auto temperature = static_cast<float>(recipe_.rollout.temperature);
  std::vector<float> reference;
  if (reference_ != nullptr) {
    Context without_tape = ctx;
    without_tape.tape = nullptr;
    const Tensor found = policy_log_probs(without_tape, *reference_->model, b.batch, b.targets, temperature);
    reference.assign(found.f32(), found.f32() + found.size());
  }
  const Tensor found = policy_log_probs(ctx, model_, b.batch, b.targets, temperature);
  std::vector<float> now(found.f32(), found.f32() + found.size()), gradients(now.size());
  for (size_t s = 0; s < b.samples.size(); ++s) {
    const Sample& sample = *b.samples[s];
    PolicySample<float> of{
        .now = b.rows_of(now, s), .old = sample.log_probs, .mask = sample.mask, .advantage = sample.advantage};
    if (reference_ != nullptr) of.ref = b.rows_of(reference, s);
    const LossTerms terms = policy_loss<float>(recipe_.loss, of, b.rows_of(gradients, s));
    stats.loss += terms.sum / minibatch_.weight;
    left_out_ += loss_weight(recipe_.loss, sample.mask) - terms.weight;
    terms_ += terms;
  }
  weighted_sum(ctx, found, gradients, static_cast<float>(1 / minibatch_.weight));
  ctx.tape->backward();
}

// What off_policy_limit leaves out is known once all of the step is computed: the loss and its gradient, divided by the
// weight of all samples until here, are those of the others.
void Policy::leave_out(StepStats& stats) const {
  if (left_out_ == 0 || left_out_ == minibatch_.weight) return;
  const double factor = minibatch_.weight / (minibatch_.weight - left_out_);
  stats.loss *= factor;
  for (const Param* p : model_.params()) {
    if (p->weight.frozen) continue;
    float* gradient = p->weight.grad();
    for (int64_t i = 0; i < p->weight.value().size(); ++i) gradient[i] *= static_cast<float>(factor);
  }
}

void Policy::end_step(Collective&, bool, StepStats& stats) {
  ++step_;
  const double train_s = seconds_since(trained_since_), speed = static_cast<double>(trained_tokens_) / train_s;
  if (figures_) report_rollout(stats);
  const std::vector<std::pair<std::string, double>> of_training = {
      {"pass@1", pass_at_1_},
      {"ratio", terms_.mean_ratio()},
      {"clip_share", terms_.clip_share()},
      {"mismatch", share(std::abs(mismatch_), weights_)},
      {"kl", terms_.mean_kl()},
      {"off_policy", static_cast<double>(terms_.sequences_masked)},
      {"trained_samples", static_cast<double>(minibatch_.samples.size())},
      {"train_seconds", train_s},
      {"train_tokens_per_s", speed},
      {"rollout_tokens", static_cast<double>(rolled_out_tokens_)}};
  stats.extra.insert(stats.extra.end(), of_training.begin(), of_training.end());
  // A terminal shows as much as it is wide: what matters most comes first.
  stats.line = fmt::format("pass@1 {:.3f}  {}ratio {:.4f}  clipped {:.1f}%  training {:.1f} s, {:.0f} tok/s",
                           pass_at_1_, stats.line, terms_.mean_ratio(), 100 * terms_.clip_share(), train_s, speed);
}

// Of the step's roll-out; a step that goes on learning from the one before has none.
void Policy::report_rollout(StepStats& stats) const {
  const Figures& f = *figures_;
  const double reward = share(f.rewards, f.rollouts), thinking = share(f.think_tokens, f.rollouts);
  const double entropy = -share(f.log_probs, f.sampled), speed = share(f.tokens, f.seconds);
  stats.extra = {{"reward", reward},
                 {"right", share(f.right, f.rollouts)},
                 {"think_tokens", thinking},
                 {"unfinished", share(f.unfinished, f.rollouts)},
                 {"entropy", entropy},
                 {"groups", f.groups},
                 {"dropped_groups", f.dropped},
                 {"rollout_seconds", f.seconds},
                 {"rollout_tokens_per_s", speed}};
  if (items_.has_verifiers()) stats.extra.emplace_back("failed_verdicts", f.failed_verdicts);
  for (size_t kind = 0; kind < f.kind_right.size(); ++kind)
    if (f.kind_rollouts[kind] > 0)
      stats.extra.emplace_back("right/" + items_.kinds()[kind].name, f.kind_right[kind] / f.kind_rollouts[kind]);
  stats.line = fmt::format(
      "reward {:.3f}  thinks {:.0f}  entropy {:.3f}  dropped {:.0f} of {:.0f}  roll-out {:.1f} s, {:.0f} tok/s  ",
      reward, thinking, entropy, f.dropped, f.groups, f.seconds, speed);
  if (f.failed_verdicts > 0) stats.line += fmt::format("without verdict {:.0f}  ", f.failed_verdicts);
}

std::vector<Evaluation> Policy::evaluate(const Context&, Collective&) {
  const auto since = Clock::now();
  roller_.weights_changed();
  const std::vector<KindScore> scores =
      measure_development(roller_, items_, recipe_.development_items, development_seed(recipe_.seed));
  pass_at_1_ = mean_pass(scores);
  std::vector<Evaluation> evaluations = {{"development", {{"pass@1", pass_at_1_, true}}, 0}};
  for (const KindScore& s : scores) {
    const auto count = static_cast<double>(std::max<int64_t>(s.items, 1));
    evaluations.front().tokens += s.items;
    evaluations.push_back({s.kind,
                           {{"pass@1", s.pass_at_1(), true},
                            {"think_tokens", static_cast<double>(s.think_tokens) / count},
                            {"unfinished", static_cast<double>(s.unfinished) / count}},
                           s.items});
  }
  evaluation_s_ += seconds_since(since);
  return evaluations;
}

Json Policy::state() const {
  Json pending = Json::array();
  for (const Minibatch& minibatch : pending_) pending.push_back(to_json(minibatch));
  return {{"step", step_},
          {"pending", std::move(pending)},
          {"rates", rates_},
          {"open", open_},
          {"ever_rewarded", ever_rewarded_},
          {"rollouts", rollouts_done_},
          {"flat_steps", flat_steps_},
          {"rolled_out_tokens", rolled_out_tokens_},
          {"pass@1", pass_at_1_},
          {"evaluation_seconds", evaluation_s_}};
}

void Policy::restore(const Json& state, const std::string& who) {
  step_ = state.at("step");
  pending_.clear();
  for (const Json& minibatch : state.at("pending")) pending_.push_back(minibatch_from(minibatch));
  rates_ = state.at("rates").get<std::vector<double>>();
  open_ = state.at("open").get<std::vector<bool>>();
  if (rates_.size() != items_.kinds().size() || open_.size() != rates_.size())
    fail("{}: expected {} kinds of items, found {}: the recipe's tasks have changed; start a new run", who,
         items_.kinds().size(), rates_.size());
  ever_rewarded_ = state.at("ever_rewarded");
  rollouts_done_ = state.at("rollouts");
  flat_steps_ = state.at("flat_steps");
  rolled_out_tokens_ = state.at("rolled_out_tokens");
  pass_at_1_ = state.at("pass@1");
  evaluation_s_ = state.at("evaluation_seconds");
}

void Policy::describe(const Path& folder) const {
  write_record(folder, recipe_, model_.config, *start_.tokenizer);
  weights::save_description(folder, model_.config, *start_.tokenizer, DType::f32, start_.defaults);
}

}  // namespace hadal::rl
