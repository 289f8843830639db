// Memory for a kernel's intermediate results, owned by its Scratch (most are thread_local). One thread at a time; what
// get() gave is valid until the next get() of the same Scratch. Fails when the system has no memory left.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "base/memory.h"

namespace hadal::kernels {

// Memory that a thread keeps from call to call. 64-byte aligned, grows, contents are lost.
class Scratch {
 public:
  ~Scratch() { std::free(data_); }
  char* get(int64_t bytes) {
    if (bytes > capacity_) {
      std::free(data_);
      capacity_ = bytes + bytes / 4;
      if (capacity_ > kLargePage / 8) capacity_ = (capacity_ + kLargePage - 1) / kLargePage * kLargePage;
      data_ = take_aligned(static_cast<uint64_t>(capacity_));
      HADAL_CHECK(data_, "out of memory: {} bytes", capacity_);
    }
    return static_cast<char*>(data_);
  }

 private:
  static constexpr int64_t kLargePage =
      2 << 20;  // small pages lie anywhere and crowd some sets of the second-level cache
  void* data_ = nullptr;
  int64_t capacity_ = 0;
};

}  // namespace hadal::kernels
