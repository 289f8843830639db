// What the trainer trains: anything with parameters and a loss over data that it draws itself. The language model is
// one; a forecaster of another shape is another.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "ops/context.h"
#include "ops/param.h"
#include "train/collective.h"
#include "train/evaluation.h"

namespace hadal {

// Summed over the micro-batches of a step.
struct StepStats {
  double loss = 0, weight = 0;  // the mean loss is loss / weight
  int64_t tokens = 0;           // or samples: what speed is counted in
  double flops = 0;             // of forward and backward in products and attention
  // For the logs, e.g. {"expert_imbalance", 1.2}; of several ranks, those of rank 0.
  std::vector<std::pair<std::string, double>> extra;
  std::string line;  // what the progress line says of the step; empty: its loss, its speed and `extra`
};

class Trainee {
 public:
  virtual ~Trainee() = default;

  // In a fixed order, initialised, and staying where they are. Where several ranks train, all begin with the values of
  // rank 0.
  virtual ParamList params() = 0;

  // Before the first step of stage `index`, and after a resume into it. Data starts at its beginning.
  virtual void begin_stage(int64_t index) = 0;

  // Draws the data of the next step and keeps this rank's share of it; returns the number of micro-batches in that
  // share. Where all ranks have none there is nothing to learn in this step, and the weights stay as they are. Every
  // rank is called at the same step.
  virtual int64_t begin_step(Collective& ranks) = 0;

  // Forward and backward of micro-batch i: adds to the gradients of params(), scaled so that the sum over the step's
  // micro-batches, of all ranks, is the gradient of the step's mean loss.
  virtual void micro_batch(const Context& ctx, int64_t i, StepStats& stats) = 0;

  // After the update, or after the step was skipped (updated = false). What it changes beside the gradients' work (a
  // router's bias) must be the same on every rank: it sums over them what it is decided by.
  virtual void end_step(Collective& ranks, bool updated, StepStats& stats) {
    (void)ranks;
    (void)updated;
    (void)stats;
  }

  // What is measured on data that training never sees. ctx has no tape. Every rank is called at the same step; what
  // rank 0 returns counts, the others may return nothing.
  virtual std::vector<Evaluation> evaluate(const Context& ctx, Collective& ranks) = 0;

  // Where the data stands, so that a resumed run draws what an uninterrupted one would have drawn; on every rank the
  // same. restore() comes after begin_stage() and throws Error naming `who` when the state does not fit.
  virtual Json state() const = 0;
  virtual void restore(const Json& state, const std::string& who) = 0;

  // Writes into a checkpoint what makes a model of the weights in it: configuration, tokenizer.
  virtual void describe(const Path& folder) const { (void)folder; }
};

}  // namespace hadal
