// How the tokens of a step are shared by sequences that still read their prompts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace hadal {

// `pending`: what each sequence has to feed. One that writes its answer feeds its last token; those that read share
// `chunk` tokens so that the short ones get all they need and the long ones the same of what is left: nobody waits for
// another's prompt. Each gets at least one.
inline std::vector<int64_t> share_step(std::span<const int64_t> pending, int64_t chunk) {
  std::vector<int64_t> counts(pending.size(), 1);
  std::vector<size_t> readers(pending.size());
  std::iota(readers.begin(), readers.end(), size_t{0});
  std::erase_if(readers, [&](size_t i) { return pending[i] <= 1; });
  std::stable_sort(readers.begin(), readers.end(), [&](size_t a, size_t b) { return pending[a] < pending[b]; });
  auto left = static_cast<int64_t>(readers.size());
  for (const size_t i : readers) {
    counts[i] = std::min(pending[i], std::max<int64_t>(1, chunk / left));
    chunk -= counts[i];
    --left;
  }
  return counts;
}

}  // namespace hadal
