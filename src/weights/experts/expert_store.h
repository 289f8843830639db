// Experts of a file that is larger than memory: a bounded cache of their bytes, read from disk on demand.
//
// The cache is a row of slots of one size; a slot holds one expert of one layer (its gate, up and down matrices).
// Threads of the store read with pread: what a step needs first, guesses after it. When no slot is free, the expert
// goes that is expected to be needed last, by how often and in which layer it was used; those in use never go. A step
// that needs more experts than there are slots gets them group by group. A file that is cut short under way is an Error
// of the step that needs it.
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
  // Where a file has a stack of matrices, one after the other.
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
    uint64_t hits = 0, misses = 0;  // an expert that a step needs was in memory when the step began, or was not
    uint64_t guesses = 0;           // read ahead of need
    uint64_t bytes_read = 0;
    double seconds_waited = 0;
    Stats operator-(const Stats& before) const;
    double hit_rate() const {
      return hits + misses > 0 ? static_cast<double>(hits) / static_cast<double>(hits + misses) : 1;
    }
  };

  // Layers in the order in which a model uses them. At most capacity_bytes are taken, as slots are filled. Throws Error
  // when not one slot fits, or a file cannot be opened or is too short.
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
