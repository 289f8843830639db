// What can be said of a run before it begins, from its recipe and its data: how long it is, what it is measured on, and
// how much memory it takes.
#pragma once

#include <cstdint>
#include <string>

#include "train/run/recipe.h"

namespace hadal {

struct RecipeFigures {
  int64_t tokens = 0;  // that it trains on, at most; 0: not known, as a stage is measured in minutes
  // Of the texts that are held out and how many tokens of them are measured: equal where these are, whatever the rest
  // of the recipe says, the names and places of files too. "": nothing is held out.
  std::string held_out;
  uint64_t memory_bytes = 0;
};

int64_t tokens_of(const Recipe& recipe);  // of these, the first

// Reads all sources that the stages draw from, and writes nothing. Error where the run would refuse its recipe or its
// data; memory that is not there is no error.
RecipeFigures figures_of(const Recipe& recipe);

// The shape that the run has, without a vocabulary where its tokenizer is not there yet; and that of a MODEL, whose
// weights stay where they are.
ModelConfig shape_of(const Recipe& recipe);
ModelConfig shape_of_model(const std::string& model);

}  // namespace hadal
