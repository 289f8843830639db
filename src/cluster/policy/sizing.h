// How many slots each elastic run gets, and where: slots go where they gain most, when the gain pays for the restart.
// Pure, as cluster/policy.h.
//
// A run's speed counts by a weight that falls with the work that is left to it, so that short runs are over soon; where
// lengths are not known, what it did so far stands for what is left. Slots are given one step of a run's speed at a
// time, the steepest first: to the runs whose weighted speed gains most by a slot. A change of slots or places counts
// its restart as lost out of `pays_within_s`, so that only a gain that is worth it changes anything. What changes is
// put on as few nodes as there are, and where these are too many, on fewer slots.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cluster/policy.h"

namespace hadal::cluster {

struct ElasticRun {
  int64_t id = 0;
  std::vector<int> held;  // the node of each slot it holds, ascending; empty: none
  int min_slots = 1, max_slots = 1;
  double done = 0;              // work, in any unit; that of `remaining` and `speed`
  double remaining = kUnknown;  // work left; kUnknown where lengths are not known
  double restart_s = 30;        // what a start or a change of places costs
  // Work per second with `slots` slots on `nodes` nodes, with whatever else the run can choose (its batch) at its best;
  // 0: cannot run so. Asked for every number of slots up to max_slots.
  std::function<double(int slots, int nodes)> speed;
};

struct Sizing {
  int64_t id = 0;
  std::vector<int> places;  // the node of each slot, ascending; as held: unchanged
};

struct SizingRules {
  double shortness = .4;       // the weight is (seconds left on the fewest slots) to the power of minus this
  double unknown_s = 3600;     // seconds left of a run whose length is not known: so many, and as many as it did
  double pays_within_s = 300;  // a restart must pay within this time
};

// `slots`: of each node. Every run is in the answer, in the same order.
std::vector<Sizing> size(const std::vector<int>& slots, const std::vector<ElasticRun>& runs,
                         const SizingRules& rules = {});

}  // namespace hadal::cluster
