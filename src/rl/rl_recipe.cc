#include "rl/rl_recipe.h"

#include <algorithm>

#include "base/error.h"

namespace hadal::rl {
namespace {

constexpr int64_t kBig = int64_t{1} << 40;

// What would make the sampled policy another one than the loss knows.
void refuse_sampling(const TomlTable& table) {
  for (const char* key : {"top_p", "top_k", "min_p", "repetition_penalty", "frequency_penalty", "presence_penalty",
                          "logit_bias", "stop"}) {
    if (table.has(key)) {
      fail("{}: {}: roll-outs sample from the whole vocabulary at `temperature`, as the loss takes it; leave this out",
           table.where(key), key);
    }
  }
}

void read_rollout(TomlTable& table, RlRecipe& r) {
  refuse_sampling(table);
  RolloutSpec& o = r.rollout;
  o.items = table.integer("items", o.items, 1, 1 << 16);
  o.samples = table.integer("samples", o.samples, 1, 1 << 12);
  if (o.samples < 2) {
    fail("{}: samples: expected at least 2, found {}: a roll-out is rewarded against the others of its item",
         table.where("samples"), o.samples);
  }
  o.temperature = table.number("temperature", o.temperature, 0.01, 10);
  o.max_thinking_tokens = table.integer("max_thinking_tokens", o.max_thinking_tokens, 1, 1 << 20);
  o.max_answer_tokens = table.integer("max_answer_tokens", o.max_answer_tokens, 1, 1 << 20);
  RewardSpec& w = r.reward;
  w.format_share = table.number("format_share", w.format_share, 0, 0.99);
  w.nearness = table.number("nearness", w.nearness, 0, 0.99);
  w.overlong = table.integer("overlong", w.overlong, 0, o.max_thinking_tokens);
  w.shuffle = table.flag("shuffle_rewards", w.shuffle);
}

void read_loss(TomlTable& table, RlRecipe& r) {
  LossSpec& l = r.loss;
  l.advantage = advantage_kind(table.text("advantage", "mean"), table.where("advantage") + ": advantage");
  l.loss = loss_kind(table.text("loss", "dapo"), table.where("loss") + ": loss");
  l.clip_low = table.number("clip_low", l.clip_low, 1e-6, 1);
  l.clip_high = table.number("clip_high", l.clip_high, 1e-6, 1e6);
  l.kl = kl_kind(table.text("kl", "k3_ratio"), table.where("kl") + ": kl");
  l.kl_weight = table.number("kl_weight", 0, 0, 100);
  const double limit = table.number("off_policy_limit", 0, 0, 1e6);  // 0: none
  if (limit > 0) l.off_policy_limit = limit;
  l.max_length = r.rollout.max_thinking_tokens + r.rollout.max_answer_tokens;
  r.train_samples = table.integer("train_samples", std::min(r.train_samples, r.rollout.samples), 2, r.rollout.samples);
  r.drop_zero_spread = table.flag("drop_zero_spread", r.drop_zero_spread);
  r.refills = table.integer("refills", r.refills, 0, 100);
  r.updates_per_rollout = table.integer("updates_per_rollout", 1, 1, r.rollout.items);
  r.reference = table.text("reference", "");
  if (!r.reference.empty() && l.kl_weight == 0)
    fail("{}: reference: without a kl_weight above 0 nothing is compared with it; leave one of them out",
         table.where("reference"));
  r.micro_batch_tokens = table.integer("micro_batch_tokens", r.micro_batch_tokens, 2, kBig);
}

// Muon's step ignores how large the gradient is, so its rate must be far below that of pretraining.
void read_optimizer(TomlTable& table, TomlTable moments, RlRecipe& r) {
  if (moments.has("matrices")) {
    fail("{}: matrices: in a recipe of reinforcement learning [rl] optimizer says which; leave this out",
         moments.where("matrices"));
  }
  OptimizerSpec& o = r.trainer.optimizer;
  o.muon = table.choice("optimizer", "muon", {"muon", "adamw"}) == "muon";
  o.weight_decay = 0;
  read_moments(moments, o);
  moments.finish();
  r.plan.name = "rl";
  r.plan.steps = table.integer("steps", 0, 1, kBig);
  r.plan.matrix_lr = o.muon ? 2e-4 : 5e-5;
  r.plan.other_lr = 5e-5;
  r.plan.schedule = {.warmup_steps = 5, .decay = 0.2, .final_lr = 0.1};
  read_rates(table, r.plan);
}

void read_rl(TomlTable table, TomlTable moments, RlRecipe& r) {
  for (const char* key : {"tasks", "steps"}) table.require(key);
  r.tasks = read_tasks(table, r.files);
  r.curriculum = table.number("curriculum", 0, 0, 1);
  read_rollout(table, r);
  read_loss(table, r);
  read_optimizer(table, std::move(moments), r);
  r.development_items = table.integer("development_items", r.development_items, 1, 1 << 20);
  r.samples_every = table.integer("samples_every", r.samples_every, 1, kBig);
  table.finish();
}

RlRecipe read(TomlTable table, const Path& file) {
  const Path folder = file.has_parent_path() ? file.parent_path() : Path(".");
  RlRecipe r;
  r.file = file;
  if (!table.has("rl") && table.has("stage")) {
    fail(
        "{}: expected a recipe of reinforcement learning, with [rl], found a training recipe, as it has [[stage]]; "
        "take hadal train, or name it as the `start` of one",
        table.where("stage"));
  }
  for (const char* key : {"name", "output", "start", "rl"}) table.require(key);
  r.name = table.text("name", "");
  r.output = anchored(folder, table.text("output", ""));
  if (r.output.empty()) fail("{}: output: expected the folder of the run, found an empty text", table.where("output"));
  r.seed = static_cast<uint64_t>(table.integer("seed", 1, 0, kBig));
  const std::string start = table.text("start", "");
  if (start.empty())
    fail("{}: start: expected a MODEL or a training recipe, found an empty text", table.where("start"));
  r.start_is_recipe = start.ends_with(".toml");
  r.start = r.start_is_recipe ? anchored(folder, start).string() : model_named(r, anchored(folder, start));
  r.trainer.precision = read_precision(table);
  r.trainer.validate_every_steps = 20;
  TomlTable run = table.table_or_empty("run");
  read_run(run, r.trainer);
  run.finish();
  r.files = read_items_files(table, folder);
  read_rl(*table.table("rl"), table.table_or_empty("optimizer"), r);
  if (!r.reference.empty()) r.reference = model_named(r, anchored(folder, r.reference));
  table.finish();
  r.values = table.asked();
  return r;
}

}  // namespace

RlRecipe read_rl_recipe(const Path& file) { return read(TomlTable::parse_file(file), file); }
RlRecipe parse_rl_recipe(const std::string& text, const Path& file) {
  return read(TomlTable::parse(text, file.string()), file);
}

}  // namespace hadal::rl
