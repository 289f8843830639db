// Experts of a file that is larger than memory: a bounded cache of their bytes, read from disk on demand.
//
// The cache is an array of slots of equal size; a slot holds one expert of one layer (its gate, up and down matrices).
// Threads of the store read with pread: experts that a step needs first, then prefetches of those that the previous
// step used in the next layer. When no slot is free, the store evicts the expert that is expected to be needed last,
// estimated from how often it was used lately and how far its layer is from the current one; pinned experts are never
// evicted. A step that needs more experts than there are slots gets them in groups: half of the slots compute while the
// other half is read. If a file is cut short while it is open, the step that needs it throws Error.
// docs/decisions/002-experts-from-disk.md has the measurements behind these rules.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/files.h"
#include "ops/expert_source.h"

namespace hadal::weights {

class ExpertStore {
 public:
  // A stack of matrices in a file, one after the other.
  struct Stack {
    Path file;
    uint64_t first_byte = 0;
    uint64_t matrix_bytes = 0;
  };
  struct Layer {
    std::array<Stack, 3> stacks;  // gate, up, down
    int64_t experts = 0;
    uint64_t slot_bytes() const;
  };
  struct Stats {
    uint64_t hits = 0, misses = 0;  // experts that a step needs: in memory when it begins, or not
    uint64_t prefetches = 0;        // experts read before a step needs them
    uint64_t bytes_read = 0;
    double seconds_waited = 0;
    Stats operator-(const Stats& before) const;
    double hit_rate() const {
      return hits + misses > 0 ? static_cast<double>(hits) / static_cast<double>(hits + misses) : 1;
    }
  };

  // Layers in the order in which a model uses them. Takes at most capacity_bytes of memory, as slots are filled. Throws
  // Error when the capacity is below one slot, or a file cannot be opened or is too short.
  ExpertStore(std::vector<Layer> layers, uint64_t capacity_bytes, int num_threads = 8);
  ~ExpertStore();

  // Any thread may call these.
  std::shared_ptr<ExpertSource> source(size_t layer);  // may outlive the store
  Stats stats() const;
  uint64_t capacity_bytes() const;  // of all slots
  int64_t slots() const;
  int64_t slots_used() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;  // shared with the sources
};

}  // namespace hadal::weights
