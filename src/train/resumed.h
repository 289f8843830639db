// What a resumed run must share with the one that made its checkpoints: each checkpoint holds its recipe, key by
// key, with the model's configuration and a hash of the tokenizer (recipe.json).
#pragma once

#include "base/files.h"
#include "model/config.h"
#include "tokenizer/tokenizer.h"
#include "train/recipe_file.h"

namespace hadal {

void write_record(const Path& folder, const RecipeFile& recipe, const ModelConfig& config, const Tokenizer& tokenizer);

// Compares the recipe with that of the newest checkpoint of its output folder, before anything else is read. What
// changes what the weights and moments mean (the model's shape, the tokenizer, the seed, the optimizer's kind, what is
// held out) is an Error that names the key, its line and both values; every other change is logged.
void check_recipe(const RecipeFile& recipe);
// The same of what the recipe's files brought.
void check_start(const RecipeFile& recipe, const ModelConfig& config, const Tokenizer& tokenizer);

}  // namespace hadal
