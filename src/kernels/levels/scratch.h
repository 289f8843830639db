// Memory for a kernel's intermediate results, owned by its Scratch (most are thread_local). One thread at a time; the
// pointer of get() is valid until the next get() of the same Scratch. Aborts when the system has no memory left.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "base/memory.h"

namespace hadal::kernels {

// Memory that is kept from call to call, aligned to 64 bytes. It only grows; growing loses the contents.
class Scratch {
 public:
  ~Scratch() { std::free(data_); }
  char* get(int64_t bytes) {
    if (bytes > capacity_) {
      std::free(data_);
      capacity_ = bytes + bytes / 4;
      if (capacity_ > kHugePage / 8) capacity_ = (capacity_ + kHugePage - 1) / kHugePage * kHugePage;
      data_ = take_aligned(static_cast<uint64_t>(capacity_));
      HADAL_CHECK(data_, "out of memory: {} bytes", capacity_);
    }
    return static_cast<char*>(data_);
  }

 private:
  static constexpr int64_t kHugePage =
      2 << 20;  // small pages have random addresses, which overfill some sets of the second-level cache
  void* data_ = nullptr;
  int64_t capacity_ = 0;
};

}  // namespace hadal::kernels
