// What a recipe says of a training run, whatever is trained: the keys of [run] and [optimizer], and the length, rates
// and schedule of a stage. Every kind of recipe reads them here, so that keys, defaults and errors are the same.
#pragma once

#include <cstdint>
#include <string>

#include "train/optimizer.h"
#include "train/schedule.h"

namespace hadal {

class TomlTable;

struct StagePlan {
  std::string name;
  int64_t steps = 0, tokens = 0;  // exactly one of these three is above 0
  double minutes = 0;             // wall clock: such a stage is not deterministic to the bit
  double matrix_lr = 0.002, other_lr = 0.002;
  Schedule schedule;
};

struct TrainerSpec {
  Precision precision = Precision::bf16;  // of products
  OptimizerSpec optimizer;
  int64_t checkpoint_every_steps = 0;   // 0: not by steps
  double checkpoint_every_minutes = 5;  // 0: not by time
  int64_t keep_checkpoints = 2;
  int64_t validate_every_steps = 100;  // 0: at the end of each stage only
  int64_t max_bad_steps = 10;          // so many in a row without a finite loss end the run
};

// Each takes the table that holds its keys and leaves finish() to the caller, who may read further keys of it first.
// Errors as in base/toml_table.h.
Precision read_precision(TomlTable& recipe);                    // precision, at the root
OptimizerSpec read_optimizer(TomlTable& table);                 // [optimizer]
void read_moments(TomlTable& table, OptimizerSpec& optimizer);  // of these all but its kind; the same of defaults
void read_run(TomlTable& table, TrainerSpec& spec);             // [run]
StagePlan read_stage_plan(TomlTable& table);                    // [[stage]]: all of a plan but its name
void read_rates(TomlTable& table, StagePlan& plan);  // of these its rates and schedule; what it holds is the default

// Error where not exactly one of steps, tokens and minutes is given. After finish(): a misspelt one is named there.
void check_stage_plan(const StagePlan& plan, const TomlTable& table);

}  // namespace hadal
