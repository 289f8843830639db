// The tokenizer of a run: that of a folder, or one that is learnt from the recipe's sources and kept in the run's
// folder.
#pragma once

#include "tokenizer/tokenizer.h"
#include "train/run/recipe.h"

namespace hadal {

// Throws Error, with the recipe's line, for a source that is used and cannot be read or is of another kind; reads no
// more than the beginning of each. Warns of sources that nothing uses.
void check_sources(const Recipe& recipe);

// Reads `from`, or learns once: a run that resumes, or starts again with the same keys and data, finds it in its
// folder.
Tokenizer run_tokenizer(const Recipe& recipe);

// Weights are bound to what the ids mean. Throws Error when the run has checkpoints that were made with another
// tokenizer; else notes this one in the run's folder, which exists.
void keep_tokenizer(const Recipe& recipe, const Tokenizer& tokenizer);

}  // namespace hadal
