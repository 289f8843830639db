// The ranks of a Collective as threads of one process, for tests of what trains on several.
#pragma once

#include <condition_variable>
#include <cstring>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "train/collective.h"

namespace hadal::test {

class ThreadRanks {
 public:
  explicit ThreadRanks(int64_t size) : arrived_(static_cast<size_t>(size)) {}

  // Calls job(collective) in a thread of each rank and returns when all have ended; then throws what the first rank
  // that failed threw. Calls that wait for a rank that failed or ended throw Error.
  void run(const std::function<void(Collective&)>& job) {
    {
      std::vector<std::jthread> threads;
      for (size_t rank = 0; rank < arrived_.size(); ++rank) {
        threads.emplace_back([&, rank] {
          Rank collective(*this, static_cast<int64_t>(rank));
          std::exception_ptr error;
          try {
            job(collective);
          } catch (...) {
            error = std::current_exception();
          }
          leave(error);
        });
      }
    }
    if (error_) std::rethrow_exception(error_);
  }

 private:
  class Rank : public Collective {
   public:
    Rank(ThreadRanks& all, int64_t rank) : all_(all), rank_(rank) {}
    int64_t rank() const override { return rank_; }
    int64_t size() const override { return static_cast<int64_t>(all_.arrived_.size()); }
    void all_reduce(std::span<float> values) override { sum(values); }
    void all_reduce(std::span<double> values) override { sum(values); }
    void broadcast(std::span<std::byte> bytes, int64_t root) override {
      all_.meet(rank_, bytes, [&](std::vector<std::span<std::byte>>& all) {
        const auto& source = all[static_cast<size_t>(root)];
        for (auto& target : all)
          if (target.data() != source.data()) std::memcpy(target.data(), source.data(), source.size());
      });
    }
    void barrier() override {
      all_.meet(rank_, {}, [](auto&) {});
    }

   private:
    template <typename T>
    void sum(std::span<T> values) {
      all_.meet(rank_, std::as_writable_bytes(values), [&](std::vector<std::span<std::byte>>& all) {
        std::vector<T> total(values.size());
        const auto row = [&](size_t rank) { return reinterpret_cast<T*>(all[rank].data()); };
        std::copy_n(row(0), total.size(), total.begin());
        for (size_t rank = 1; rank < all.size(); ++rank)
          for (size_t i = 0; i < total.size(); ++i) total[i] += row(rank)[i];
        for (size_t rank = 0; rank < all.size(); ++rank) std::copy(total.begin(), total.end(), row(rank));
      });
    }
    ThreadRanks& all_;
    int64_t rank_;
  };

  // The last rank to come does the work for all, while the others wait.
  void meet(int64_t rank, std::span<std::byte> bytes,
            const std::function<void(std::vector<std::span<std::byte>>&)>& work) {
    std::unique_lock lock(mutex_);
    if (gone_ > 0) fail("rank {}: another rank is gone", rank);
    arrived_[static_cast<size_t>(rank)] = bytes;
    const int64_t meeting = meetings_;
    if (++count_ == arrived_.size()) {
      for (const auto& other : arrived_) HADAL_CHECK(other.size() == bytes.size(), "ranks brought different lengths");
      work(arrived_);
      count_ = 0;
      ++meetings_;
      changed_.notify_all();
      return;
    }
    changed_.wait(lock, [&] { return meetings_ != meeting || gone_ > 0; });
    if (meetings_ == meeting) fail("rank {}: another rank is gone", rank);
  }

  void leave(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (error && !error_) error_ = error;
    ++gone_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::span<std::byte>> arrived_;
  size_t count_ = 0;
  int64_t meetings_ = 0, gone_ = 0;
  std::exception_ptr error_;
};

}  // namespace hadal::test
