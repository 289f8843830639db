// Whom to suspend so that a run fits whole: of the sets that suffice, the one with the fewest slots from within
// people's caps, then the least loss, then the fewest slots, then the latest arrivals. The search is exact where few
// could go on a node; elsewhere it stops after so many steps with the best that it saw. Runs over several nodes take
// node by node.
#pragma once

#include <optional>
#include <vector>

#include "cluster/policy/state.h"

namespace hadal::cluster {

struct Victims {
  std::vector<int> runs;
  std::vector<Hold> places;  // where the run that they make way for will stand
};

// `room`: of each node, what is there for the run without suspending anyone.
std::optional<Victims> choose_victims(const PolicyState& state, int for_run, std::vector<Room> room);

// Whether `run` may be suspended for `winner` once it is old enough, as far as it alone is concerned.
bool may_ever_go(const PolicyState& state, const StateRun& run, const StateRun& winner);

}  // namespace hadal::cluster
