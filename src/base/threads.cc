#include "base/threads.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace hadal {
namespace {
thread_local int current_worker = -1;  // >= 0 while inside a job

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}
}  // namespace

struct ThreadPool::State {
  std::mutex caller;  // one parallel_for at a time
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::thread> threads;
  const Job* job = nullptr;
  int64_t count = 0;
  std::atomic<int64_t> next{0};
  // The current loop in one word: its number in the upper half, a bit that says if helpers may still enter, and how
  // many have entered. The caller closes the loop when no index is left, then waits only for helpers that entered. So a
  // helper that the system does not schedule, on a busy machine, does not delay the loop.
  static constexpr uint64_t kOpen = uint64_t{1} << 31, kEntered = kOpen - 1;
  std::atomic<uint64_t> loop{0};
  std::atomic<uint64_t> left{0};  // helpers that entered and are done
  std::atomic<bool> stop{false};

  void work(int worker) {
    const int before = current_worker;
    current_worker = worker;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) (*job)(i, worker);
    current_worker = before;
  }

  static uint64_t number(uint64_t state) { return state >> 32; }
  bool is_new(uint64_t seen) const {
    const uint64_t state = loop.load(std::memory_order_acquire);
    return (state & kOpen) != 0 && number(state) != seen;
  }
  // Tries to enter the current loop; on success `seen` becomes its number.
  bool enter(uint64_t& seen) {
    uint64_t state = loop.load(std::memory_order_acquire);
    while ((state & kOpen) != 0 && number(state) != seen) {
      if (loop.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        seen = number(state);
        return true;
      }
    }
    return false;
  }

  void helper(int worker) {
    uint64_t seen = 0;
    while (!stop) {
      // Spin a little: consecutive parallel loops of one step follow within microseconds.
      for (int spin = 0; spin < 4000 && !is_new(seen) && !stop; ++spin) pause_briefly();
      if (enter(seen)) {
        work(worker);
        left.fetch_add(1, std::memory_order_acq_rel);
      } else {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return stop || is_new(seen); });
      }
    }
  }

  void open() {
    left.store(0, std::memory_order_relaxed);
    {
      std::lock_guard lock(mutex);
      const uint64_t following = (number(loop.load(std::memory_order_relaxed)) + 1) & 0xffffffffu;
      loop.store((following << 32) | kOpen, std::memory_order_release);
    }
    wake.notify_all();
  }
  void close() {
    const uint64_t entered = loop.fetch_and(~kOpen, std::memory_order_acq_rel) & kEntered;
    for (int spin = 0; left.load(std::memory_order_acquire) != entered; ++spin) {
      if (spin < 20000)
        pause_briefly();
      else
        std::this_thread::yield();
    }
  }
};

ThreadPool::ThreadPool(int num_threads) : state_(std::make_unique<State>()) {
  HADAL_CHECK(num_threads >= 1);
  for (int i = 1; i < num_threads; ++i) state_->threads.emplace_back([s = state_.get(), i] { s->helper(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (auto& thread : state_->threads) thread.join();
}

int ThreadPool::size() const { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadPool::parallel_for(int64_t n, Job job) {
  if (n <= 0) return;
  if (current_worker >= 0) {  // nested: runs inline
    for (int64_t i = 0; i < n; ++i) job(i, current_worker);
    return;
  }
  State& s = *state_;
  std::lock_guard one_caller(s.caller);
  s.job = &job;
  s.count = n;
  s.next.store(0, std::memory_order_relaxed);
  const bool helpers = n > 1 && !s.threads.empty();
  if (helpers) s.open();
  s.work(0);
  if (helpers) s.close();
}

namespace {
std::mutex shared_mutex;
std::unique_ptr<ThreadPool> shared_pool;
}  // namespace

ThreadPool& ThreadPool::shared() {
  std::lock_guard lock(shared_mutex);
  if (!shared_pool) {
    int n = static_cast<int>(std::thread::hardware_concurrency());
    if (const char* wanted = std::getenv("HADAL_THREADS")) {
      n = std::atoi(wanted);
      if (n < 1) fail("HADAL_THREADS: expected a number of threads from 1, found \"{}\"", wanted);
    }
    shared_pool = std::make_unique<ThreadPool>(n < 1 ? 1 : n);
  }
  return *shared_pool;
}

void ThreadPool::set_shared_size(int num_threads) {
  std::lock_guard lock(shared_mutex);
  shared_pool = std::make_unique<ThreadPool>(num_threads);
}

}  // namespace hadal
