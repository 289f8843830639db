// How many slots each elastic run gets, and where: slots go where they gain most, when the gain pays for the restart.
// Pure, as policy.h.
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
  double attained_s = 0;  // slot-seconds of service so far
  double waited_s = 0;    // since its last restart or arrival
  double remaining = 0;   // work left; kUnknown where lengths are not known
  double done = 0;        // work done
  double restart_s = 30;  // what a change of places costs
  // Work per second with `slots` slots spread over `nodes` nodes; 0: cannot run so.
  std::function<double(int slots, int nodes)> speed;
};

struct Sizing {
  int64_t id = 0;
  std::vector<int> places;  // the node of each slot, ascending; as held: unchanged
};

// `slots`: of each node. Every run is in the answer.
std::vector<Sizing> size(const std::vector<int>& slots, const std::vector<ElasticRun>& runs);

}  // namespace hadal::cluster
