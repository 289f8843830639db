// Puzzles of knights and knaves in English.
#pragma once

#include <string>

#include "base/rng.h"
#include "tasks/kinds/knights/puzzle.h"
#include "tasks/task.h"

namespace hadal::tasks::knights {

// Names everyone in their order first, then the statements in theirs. A claim inside another stands in brackets, unless
// it is plain or the denial of a plain one: so each text has one reading ("or" includes both).
std::string question(const Puzzle& puzzle, Wordings wordings, Rng& rng);

}  // namespace hadal::tasks::knights
