// A pool of worker threads of fixed size. The calling thread works too, so a pool of 1 starts no thread.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace hadal {

// A reference to a callable, without allocation; it must outlive the call it is passed to.
class Job {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Job>) Job(F&& f)  // NOLINT: implicit on purpose
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, int64_t index, int worker) {
          (*static_cast<std::remove_reference_t<F>*>(object))(index, worker);
        }) {}
  void operator()(int64_t index, int worker) const { call_(object_, index, worker); }

 private:
  void* object_;
  void (*call_)(void*, int64_t, int);
};

class ThreadPool {
 public:
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;

  // Runs job(index, worker) for index in [0, n); worker is in [0, size()). Workers take indices one by one, in order,
  // so each should be enough work (some 10 us). Returns when all are done. A call from within a job runs inline on that
  // worker; calls from several threads wait for one another. Jobs must not throw.
  void parallel_for(int64_t n, Job job);

  // The process-wide pool: HADAL_THREADS or set_shared_size(), else all cores.
  static ThreadPool& shared();
  static void set_shared_size(int num_threads);  // before the first shared(); later calls replace the pool, when idle

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hadal
