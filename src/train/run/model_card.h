// The card of a model/ that a run leaves: card.json for programs, README.md for people. It is written with the weights,
// and its figures are of exactly those: measured on the files beside it, or not stated.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "model/config.h"
#include "train/evaluation.h"
#include "train/run/recipe.h"

namespace hadal {

struct ModelCard {
  int64_t step = 0, tokens = 0;
  bool finished = false;
  std::optional<double> best;                       // keep_best: the figure, as the run measured it at this step
  std::optional<std::vector<Evaluation>> measured;  // of the files; none: not measured
};

// card.json, README.md and a copy of the recipe.
void write_card(const Path& folder, const ModelCard& card, const Recipe& recipe, const ModelConfig& config);

// card.json of a folder; an empty object where there is none that can be read.
Json read_card(const Path& folder);

// What keep_best of a recipe is a figure of: source, figure and how much is measured. Empty: it has no keep_best.
std::string best_by(const Recipe& recipe);

}  // namespace hadal
