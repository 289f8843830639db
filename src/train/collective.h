// Several processes that train one model together, the ranks from 0 to size - 1: each computes the gradients of its
// share of a step's data, their sum is everybody's, and all make the same update.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hadal {

// Every rank makes the same calls in the same order, with spans of the same length, one call at a time; each returns
// when it is done for this rank, and its span belongs to the caller again. Throws Error when another rank is gone: one
// that throws must let its collective know, or the others would wait for it for ever.
class Collective {
 public:
  virtual ~Collective() = default;
  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;

  // The sums over all ranks, element by element, added in the order of the ranks: ((v0 + v1) + v2) + ... Every rank
  // gets the same bits, in every run.
  virtual void all_reduce(std::span<float> values) = 0;
  virtual void all_reduce(std::span<double> values) = 0;

  // The bytes of rank `root`.
  virtual void broadcast(std::span<std::byte> bytes, int64_t root) = 0;

  // Returns when every rank has called it.
  virtual void barrier() = 0;
};

// One rank, alone: sums and bytes are its own. May be called from any thread.
Collective& local_collective();

// Of `count` things in order, those of this rank: [begin, end), as equal as can be, in the order of the ranks.
struct Share {
  int64_t begin = 0, end = 0;
};
inline Share share_of(int64_t count, const Collective& ranks) {
  return {count * ranks.rank() / ranks.size(), count * (ranks.rank() + 1) / ranks.size()};
}

}  // namespace hadal
