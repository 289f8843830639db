// What an op needs besides its operands.
#pragma once

#include <functional>
#include <vector>

#include "kernels/gemm.h"
#include "ops/tensor.h"

namespace hadal {

// The record of a forward: each op appends how to push gradients back to its operands. backward() runs them in reverse
// and frees what they held.
class Tape {
 public:
  void push(std::function<void()> backward) { steps_.push_back(std::move(backward)); }
  void backward() {
    while (!steps_.empty()) {
      steps_.back()();
      steps_.pop_back();
    }
  }
  size_t size() const { return steps_.size(); }

 private:
  std::vector<std::function<void()>> steps_;
};

struct Context {
  Tape* tape = nullptr;  // null: inference, nothing is recorded
  Precision precision = Precision::bf16;
  ThreadPool* pool = &ThreadPool::shared();
};

// Splits [0, n) in runs of `grain` and calls fn(begin, end) on the pool.
template <typename F>
void parallel_rows(const Context& ctx, int64_t n, int64_t grain, F&& fn) {
  const int64_t runs = (n + grain - 1) / grain;
  auto job = [&](int64_t run, int) { fn(run * grain, std::min(n, (run + 1) * grain)); };
  ctx.pool->parallel_for(runs, job);
}

}  // namespace hadal
