// Where the experts of one layer come from when not all of them are in memory. Ops know nothing of files.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace hadal {

class ExpertSource {
 public:
  struct Expert {
    int32_t index = 0;
    std::array<const std::byte*, 3> bytes = {};  // of its gate, up and down matrices
  };

  // One step's need of some experts. They arrive in any order, and what next() gave stays in memory until the following
  // next() or the end of the Use. For one thread; a thread holds one Use at a time.
  class Use {
   public:
    virtual ~Use() = default;
    // Lets go of what it gave before, waits until more is there, and gives that; empty: all have been given. Throws
    // Error when an expert cannot be read.
    virtual std::vector<Expert> next() = 0;
  };

  virtual ~ExpertSource() = default;
  // Begins to bring these experts, each named once. Any thread may call.
  virtual std::unique_ptr<Use> use(std::span<const int32_t> experts) = 0;
};

}  // namespace hadal
