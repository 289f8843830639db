// A recipe of reinforcement learning, one TOML file: what the run starts from, which tasks it draws items of, how it
// rolls out, rewards and learns. Every key of [rl] is a term of the field; docs/cli.md says what each does, and
// its default stands here. Paths are relative to the recipe's folder.
#pragma once

#include <cstdint>
#include <string>

#include "rl/grpo.h"
#include "rl/items_spec.h"
#include "train/recipe_file.h"
#include "train/trainer_spec.h"

namespace hadal::rl {

struct RolloutSpec {
  int64_t items = 32, samples = 16;  // of a step; of an item, at least 2
  double temperature = 1;
  // What a reply may have: thoughts (where they are longer </think> is forced), and what follows them. Where the
  // prompt opens no thoughts, both together.
  int64_t max_thinking_tokens = 512, max_answer_tokens = 64;
};

// A right reply has 1, a wrong one 0, an unfinished one 0. The options change that:
struct RewardSpec {
  double format_share = 0;  // of the reward, given for a reply that has an answer, right or wrong
  double nearness = 0;      // a wrong answer has this times how near it comes, where its task can tell
  int64_t overlong = 0;     // DAPO's soft punishment over the last so many tokens of the budget; 0: none
  bool shuffle = false;     // a control: the rewards of a roll-out are dealt out anew among its replies, by chance
};

struct RlRecipe : RecipeFile, ItemsSpec {
  std::string name;
  uint64_t seed = 1;
  std::string start;             // a MODEL, or the path of a training recipe that is run first
  bool start_is_recipe = false;  // ends with .toml
  double curriculum = 0;  // a kind opens when the one before it of its task is solved this often; 0: all are open

  RolloutSpec rollout;
  RewardSpec reward;
  LossSpec loss;
  int64_t train_samples = 8;  // of an item's samples, those whose rewards differ most
  bool drop_zero_spread = true;
  int64_t refills = 1;  // so often at most are items rolled out in the place of those that were dropped
  int64_t updates_per_rollout = 1;
  std::string reference;  // of kl_weight: a MODEL; empty: the start
  int64_t micro_batch_tokens = 8192;

  int64_t development_items = 200;  // of each kind, for each validation
  int64_t samples_every = 20;       // steps between entries of samples.md
  TrainerSpec trainer;
  StagePlan plan;
};

RlRecipe read_rl_recipe(const Path& file);
RlRecipe parse_rl_recipe(const std::string& text, const Path& file);  // `file` names it and anchors its paths

}  // namespace hadal::rl
