// Whom to suspend so that a run fits whole: of the sets that suffice, the one with the fewest slots from within
// people's caps, then the least loss, then the fewest slots, then the latest arrivals. The search is exact where few
// could go on a node; elsewhere it stops after so many steps with the best that it saw. Runs over several nodes take
// node by node.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "cluster/policy/state.h"

namespace hadal::cluster {

struct Victims {
  std::vector<int> runs;     // by arrival
  std::vector<Hold> places;  // where the run that they make way for will stand
};

inline constexpr int64_t kNoLimit = int64_t{1} << 40;  // slots

struct Candidate {
  int run = 0, person = 0;
  size_t cls = 0;
  Room frees;                // on this node
  int64_t slots = 0;         // in all
  int64_t loss = 0;          // slots x milliseconds
  int64_t spare = kNoLimit;  // a free run: slots that its person has above the cap
  std::pair<double, int64_t> arrival;
  int64_t within_cap() const { return std::max<int64_t>(0, slots - spare); }  // taken alone
  double loss_per_slot() const {
    return frees.slots > 0 ? static_cast<double>(loss) / static_cast<double>(frees.slots) : kUnknown;
  }
};

// Of one decision: the attempts that were old enough when it began.
class VictimIndex {
 public:
  explicit VictimIndex(const PolicyState& state);
  // `room`: of each node, what is there for the run without suspending anyone.
  std::optional<Victims> choose(int for_run, std::vector<Room> room);
  void remove(int run);

 private:
  const PolicyState& state_;
  bool any_ = false;
  int64_t steps_left_ = 50'000;  // of all searches, before they are cut short
  std::vector<std::vector<Candidate>> of_node_;
  std::vector<std::pair<int64_t, size_t>> by_least_loss_;  // every node; of all that stood there when this began
};

// Whether `run` may be suspended for `winner` once it is old enough, as far as it alone is concerned.
bool may_ever_go(const PolicyState& state, const StateRun& run, const StateRun& winner);

}  // namespace hadal::cluster
