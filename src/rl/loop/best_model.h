// model/ of a run: the weights that were the best when they were validated, with a card of what they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rl/rl_recipe.h"
#include "train/trainer.h"
#include "weights/load.h"

namespace hadal::rl {

class BestModel {
 public:
  // `start` holds the weights while they are trained. A resumed run goes on from the card in model/.
  BestModel(const RlRecipe& recipe, const weights::LoadedModel& start, std::string parent, bool resumed);

  // False: nothing was offered yet, or somebody removed it.
  bool is_there() const;

  // Writes model/ where it is not there, or where the first figure of the first evaluation is above all before.
  void offer(const TrainSummary& summary);
  void finish(const TrainSummary& summary);  // the card says whether the run is finished; model/ is there

  const Path& folder() const { return folder_; }
  int64_t step() const { return step_; }

 private:
  void write_card(const Path& folder) const;
  const RlRecipe& recipe_;
  const weights::LoadedModel& start_;
  std::string parent_;
  Path folder_;
  std::optional<double> best_;
  int64_t step_ = 0, tokens_ = 0;
  bool finished_ = false;
};

}  // namespace hadal::rl
