// Trains a network on batches by a Trainer: epochs of steps, each followed by a look at the validation batches, until
// `patience` epochs in a row were not better; the weights of the best epoch stay. Where there are no validation batches
// it takes all epochs, and the last weights stay.
//
// A run in a folder that was stopped or killed resumes from its last checkpoint and ends with the same bits: what a
// step trains on depends on the seed and the step's number alone.
#pragma once

#include <string>

#include "market/forecast/forecaster.h"
#include "market/forecast/network.h"

namespace hadal::market::forecast {

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual int64_t steps_per_epoch() const = 0;
  // The batch of a step of an epoch, both from 0 on; without windows: nothing to learn in this step.
  virtual NetworkBatch training(int64_t epoch, int64_t step) const = 0;
  virtual int64_t num_validation() const = 0;  // batches
  virtual NetworkBatch validation(int64_t index) const = 0;
  // Of what: a checkpoint of something else is not resumed from. Names of features, their number, and the like.
  virtual std::string identity() const = 0;
};

struct NetworkFit {
  int64_t epochs = 0;  // that were trained
  int64_t best = 0;    // epochs after which the weights that stay were
  double loss = 0;     // of the validation batches then; NaN without any
};

// Throws Error where the loss is not finite, or a checkpoint cannot be written or does not fit; Stopped.
NetworkFit train_network(Network& network, const BatchSource& batches, const NetworkSpec& spec, const FitRun& run);

}  // namespace hadal::market::forecast
