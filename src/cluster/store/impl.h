// What the parts of the store share: the connections.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cluster/store.h"
#include "cluster/store/database.h"

namespace hadal::cluster {

struct Store::Impl {
  explicit Impl(const Path& path);

  // A connection for reading: the writing thread's own inside write(), else one of the pool.
  class Reader {
   public:
    explicit Reader(Impl& impl);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    operator Database&() { return *database_; }  // NOLINT: used as one

   private:
    Impl& impl_;
    Database* database_ = nullptr;
    std::unique_ptr<Database> pooled_;
  };

  void write(const std::function<void()>& body, bool forced);
  void check_generation(Database& database) const;
  void check_file() const;  // Error where the file was removed or replaced

  Path file;
  uint64_t device = 0, inode = 0;
  std::recursive_mutex writing;
  std::atomic<std::thread::id> writer_thread;  // inside write()
  int depth = 0;
  bool doomed = false;  // a nested write failed: the outer one must not commit
  Database writer;
  int64_t generation = 0;  // taken by this store; 0: none

  // Series as they are in the file, for the writer. Emptied where a transaction is undone.
  struct Series {
    int64_t id = 0, points = 0;
    MetricSummary summary;
    bool changed = false;
  };
  std::unordered_map<int64_t, std::unordered_map<std::string, Series>> series;  // by run, by key
  Series& series_of(int64_t run, const std::string& key);

  std::mutex pool_mutex;
  std::vector<std::unique_ptr<Database>> pool;
};

}  // namespace hadal::cluster
