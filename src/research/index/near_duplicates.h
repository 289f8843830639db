// Texts that say the same: SimHash finds who may, their words decide.
#pragma once

#include <cstdint>
#include <vector>

#include "research/index/terms.h"

namespace hadal::research {

// 64 bits that differ in few places for texts with mostly the same sequences of three terms (Charikar, 2002).
uint64_t sim_hash(const std::vector<Term>& terms);
inline constexpr int kSimBits = 6;  // candidates differ in at most so many bits

// Nine tenths of their sequences of three terms are the same, and all of their numbers: a text in which one figure
// was changed is another text.
bool near_duplicates(const std::vector<Term>& a, const std::vector<Term>& b);

}  // namespace hadal::research
