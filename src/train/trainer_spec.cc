#include "train/trainer_spec.h"

#include "base/error.h"
#include "base/toml_table.h"

namespace hadal {
namespace {

constexpr int64_t kBig = int64_t{1} << 40;

}  // namespace

Precision read_precision(TomlTable& recipe) {
  return recipe.choice("precision", "bf16", {"bf16", "f32"}) == "f32" ? Precision::f32 : Precision::bf16;
}

OptimizerSpec read_optimizer(TomlTable& table) {
  OptimizerSpec o;
  o.muon = table.choice("matrices", "muon", {"muon", "adamw"}) == "muon";
  read_moments(table, o);
  return o;
}

void read_moments(TomlTable& table, OptimizerSpec& o) {
  o.muon_momentum = table.number("muon_momentum", o.muon_momentum, 0, 0.9999);
  o.beta1 = table.number("beta1", o.beta1, 0, 0.9999);
  o.beta2 = table.number("beta2", o.beta2, 0, 0.999999);
  o.eps = table.number("eps", o.eps, 1e-20, 1);
  o.weight_decay = table.number("weight_decay", o.weight_decay, 0, 10);
  o.clip_norm = table.number("clip_norm", o.clip_norm, 0, 1e9);
}

void read_run(TomlTable& table, TrainerSpec& spec) {
  spec.checkpoint_every_steps = table.integer("checkpoint_every_steps", spec.checkpoint_every_steps, 0, kBig);
  spec.checkpoint_every_minutes = table.number("checkpoint_every_minutes", spec.checkpoint_every_minutes, 0, 1e6);
  spec.keep_checkpoints = table.integer("keep_checkpoints", spec.keep_checkpoints, 1, 1000);
  spec.validate_every_steps = table.integer("validate_every_steps", spec.validate_every_steps, 0, kBig);
  spec.max_bad_steps = table.integer("max_bad_steps", spec.max_bad_steps, 1, kBig);
}

StagePlan read_stage_plan(TomlTable& table) {
  StagePlan p;
  p.steps = table.integer("steps", 0, 0, kBig);
  p.tokens = table.integer("tokens", 0, 0, kBig);
  p.minutes = table.number("minutes", 0, 0, 1e6);
  p.schedule.warmup_steps = 20;
  read_rates(table, p);
  return p;
}

void read_rates(TomlTable& table, StagePlan& p) {
  p.matrix_lr = table.number("matrix_lr", p.matrix_lr, 0, 10);
  p.other_lr = table.number("other_lr", p.other_lr, 0, 10);
  p.schedule.warmup_steps = table.integer("warmup_steps", p.schedule.warmup_steps, 0, kBig);
  p.schedule.decay = table.number("decay", p.schedule.decay, 0, 1);
  p.schedule.final_lr = table.number("final_lr", p.schedule.final_lr, 0, 1);
}

void check_stage_plan(const StagePlan& plan, const TomlTable& table) {
  if ((plan.steps > 0) + (plan.tokens > 0) + (plan.minutes > 0) != 1)
    fail("{}: expected exactly one of steps, tokens and minutes, above 0", table.where());
}

}  // namespace hadal
