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
  std::atomic<uint64_t> generation{0};
  std::atomic<int> working{0};  // helpers that have not finished this generation
  std::atomic<bool> stop{false};

  void work(int worker) {
    const int before = current_worker;
    current_worker = worker;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) (*job)(i, worker);
    current_worker = before;
  }

  void helper(int worker) {
    uint64_t seen = 0;
    for (;;) {
      // Spin a little: consecutive parallel loops of one step follow within microseconds.
      for (int spin = 0; spin < 4000 && generation.load(std::memory_order_acquire) == seen && !stop; ++spin) pause_briefly();
      if (generation.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return stop || generation.load(std::memory_order_acquire) != seen; });
      }
      if (stop) return;
      seen = generation.load(std::memory_order_acquire);
      work(worker);
      working.fetch_sub(1, std::memory_order_acq_rel);
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
  if (current_worker >= 0) {  // nested: this worker does it all
    for (int64_t i = 0; i < n; ++i) job(i, current_worker);
    return;
  }
  State& s = *state_;
  std::lock_guard one_caller(s.caller);
  s.job = &job;
  s.count = n;
  s.next.store(0, std::memory_order_relaxed);
  const bool helpers = n > 1 && !s.threads.empty();
  if (helpers) {
    s.working.store(static_cast<int>(s.threads.size()), std::memory_order_relaxed);
    {
      std::lock_guard lock(s.mutex);
      s.generation.fetch_add(1, std::memory_order_release);
    }
    s.wake.notify_all();
  }
  s.work(0);
  if (helpers) {
    for (int spin = 0; s.working.load(std::memory_order_acquire) > 0; ++spin) {
      if (spin < 20000) pause_briefly();
      else std::this_thread::yield();
    }
  }
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
