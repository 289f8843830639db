// The policy run forward from a state, as its promises are reckoned: nothing ends by itself, nothing is lent, the cap
// always binds, and each suspension takes as long as it may.
#pragma once

#include <optional>

#include "cluster/policy/state.h"

namespace hadal::cluster {

// Seconds from `state.now` after which the waiting run starts; none where it does not within the work that is allowed.
std::optional<double> starts_after(PolicyState state, int run);

}  // namespace hadal::cluster
