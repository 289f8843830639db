// A policy as a Trainee (train/trainee.h): its data are replies that it gives itself. begin_step() draws items, rolls
// them out through the engine on the very Model that is trained, judges the replies and keeps what is worth learning;
// micro_batch() is the loss. Loop, clipping, checkpoints, resuming and logs stay the trainer's. One rank.
//
// A roll-out that is trained on once, before the weights change, is exactly on-policy: its log-probabilities are the
// bits that the loss would compute, every ratio is 1, and the gradient is that of a cross entropy with signed weights
// (grpo.h), in one pass. Else the sampler's log-probabilities are the old ones, and the loss is computed from new ones.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "rl/loop/development.h"
#include "rl/loop/group.h"
#include "train/trainee.h"

namespace hadal::rl {

struct PolicyOptions {
  Path run;                                 // the run's folder
  bool keep_rollouts = false;               // rollouts-STEP.jsonl
  uint64_t cache_bytes = 0;                 // of the roller
  const std::atomic<bool>* stop = nullptr;  // as Roller has it: evaluate() throws Stopped
};

class Policy : public Trainee {
 public:
  // `start`: trainable; its weights are what is trained. `reference`: of kl_weight, frozen; null where that is 0. All
  // outlive this object. Throws Error where the recipe's budgets do not fit the model.
  Policy(const RlRecipe& recipe, const weights::LoadedModel& start, const weights::LoadedModel* reference,
         const Items& items, PolicyOptions options);

  ParamList params() override { return model_.params(); }
  void begin_stage(int64_t) override {}
  int64_t begin_step(Collective& ranks) override;
  void micro_batch(const Context& ctx, int64_t i, StepStats& stats) override;
  void end_step(Collective& ranks, bool updated, StepStats& stats) override;
  // Of all kinds together, named "development", and then of each; greedy.
  std::vector<Evaluation> evaluate(const Context& ctx, Collective& ranks) override;
  Json state() const override;
  void restore(const Json& state, const std::string& who) override;
  void describe(const Path& folder) const override;

  int64_t rolled_out_tokens() const { return rolled_out_tokens_; }  // of the whole run
  double evaluation_seconds() const { return evaluation_s_; }
  const Roller& roller() const { return roller_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Figures;  // of the last roll-out
  void roll_out();
  std::vector<Group> roll_groups(int64_t round, int64_t count) const;
  void judge_run(const std::vector<Group>& groups);
  void open_kinds();
  void report_rollout(StepStats& stats) const;
  void add_linear(const Context& ctx, const PolicyBatch& batch, StepStats& stats);
  void add_ratios(const Context& ctx, const PolicyBatch& batch, StepStats& stats);
  void leave_out(StepStats& stats) const;

  const RlRecipe& recipe_;
  const weights::LoadedModel& start_;
  Model& model_;
  const weights::LoadedModel* reference_;
  const Items& items_;
  PolicyOptions options_;
  Roller roller_;

  // What a checkpoint holds.
  int64_t step_ = 0;  // updates before this one
  std::vector<Minibatch> pending_;
  std::vector<double> rates_;  // by kind: how often it was solved of late
  std::vector<bool> open_;
  bool ever_rewarded_ = false;
  int64_t rollouts_done_ = 0, flat_steps_ = 0, rolled_out_tokens_ = 0;
  double pass_at_1_ = 0, evaluation_s_ = 0;

  // Of the step.
  Minibatch minibatch_;
  std::vector<PolicyBatch> batches_;
  LossTerms terms_;
  double mismatch_ = 0, weights_ = 0;  // between the sampler's log-probabilities and the loss's, weighted; the weights
  double left_out_ = 0;                // of minibatch_.weight, by off_policy_limit
  int64_t trained_tokens_ = 0;
  std::shared_ptr<Figures> figures_;  // null: it did not roll out
  Clock::time_point trained_since_;
  double flops_per_token_ = 0, flops_per_context_ = 0;
};

}  // namespace hadal::rl
