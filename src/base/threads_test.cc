#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace hadal {
namespace {

TEST(ThreadPool, EveryIndexRunsOnce) {
  for (const int size : {1, 2, 5}) {
    ThreadPool pool(size);
    EXPECT_EQ(pool.size(), size);
    for (const int64_t n : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(n));
      std::atomic<bool> worker_in_range = true;
      pool.parallel_for(n, [&](int64_t i, int worker) {
        ++runs[static_cast<size_t>(i)];
        if (worker < 0 || worker >= size) worker_in_range = false;
      });
      for (const auto& count : runs) EXPECT_EQ(count, 1);
      EXPECT_TRUE(worker_in_range);
    }
  }
}

TEST(ThreadPool, ResultsAreSeenWhenTheCallReturns) {
  ThreadPool pool(3);
  std::vector<int64_t> values(64);
  for (int64_t round = 1; round <= 2000; ++round) {
    pool.parallel_for(64, [&](int64_t i, int) { values[static_cast<size_t>(i)] = round * i; });
    for (int64_t i = 0; i < 64; ++i) ASSERT_EQ(values[static_cast<size_t>(i)], round * i);
  }
}

TEST(ThreadPool, NestedCallsRunOnTheirWorker) {
  ThreadPool pool(3);
  std::atomic<int> inner_runs = 0, strangers = 0;
  pool.parallel_for(20, [&](int64_t, int outer) {
    pool.parallel_for(5, [&](int64_t, int inner) {
      ++inner_runs;
      if (inner != outer) ++strangers;
    });
  });
  EXPECT_EQ(inner_runs, 100);
  EXPECT_EQ(strangers, 0);
}

TEST(ThreadPool, CallersFromSeveralThreadsTakeTurns) {
  ThreadPool pool(2);
  std::atomic<int64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) pool.parallel_for(10, [&](int64_t i, int) { sum += i; });
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 100 * 45);
}

TEST(ThreadPool, SharedPoolCanBeResized) {
  const int before = ThreadPool::shared().size();
  ThreadPool::set_shared_size(3);
  EXPECT_EQ(ThreadPool::shared().size(), 3);
  ThreadPool::set_shared_size(before);
  EXPECT_EQ(ThreadPool::shared().size(), before);
}

}  // namespace
}  // namespace hadal
