#include "weights/experts/expert_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

namespace hadal::weights {
namespace {

uint64_t rounded_up(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

// Reads with O_DIRECT, past the page cache, which would take the memory that is missing. A file system without O_DIRECT
// is told to drop the pages after each read.
class InputFile {
 public:
  explicit InputFile(Path path)
      : path_(std::move(path)),
        fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)),
        direct_fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT)) {
    if (fd_ < 0) fail("{}: cannot open: {}", path_.string(), std::strerror(errno));
    ::posix_fadvise(fd_, 0, 0, POSIX_FADV_RANDOM);  // no readahead by the system
  }
  ~InputFile() {
    ::close(fd_);
    if (direct_fd_ >= 0) ::close(direct_fd_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size() const {
    struct stat status = {};
    if (::fstat(fd_, &status) != 0) fail("{}: cannot stat: {}", path_.string(), std::strerror(errno));
    return static_cast<uint64_t>(status.st_size);
  }
  const Path& path() const { return path_; }

  void read(uint64_t first, uint64_t count, std::byte* to) const {
    for (uint64_t done = direct_fd_ >= 0 ? read_direct(first, count, to) : 0; done < count;) {
      const ssize_t n = ::pread(fd_, to + done, count - done, static_cast<off_t>(first + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("{}: cannot read: {}", path_.string(), std::strerror(errno));
      if (n == 0)
        fail("{}: expected {} bytes from byte {} on, found {}; the file was cut short after it was opened",
             path_.string(), count, first, done);
      done += static_cast<uint64_t>(n);
      ::posix_fadvise(fd_, static_cast<off_t>(first), static_cast<off_t>(count), POSIX_FADV_DONTNEED);
    }
  }

 private:
  // O_DIRECT reads whole pages into aligned memory: they go through a buffer. Returns the number of bytes read before
  // the end of the file or an error; the caller reads the rest the usual way.
  uint64_t read_direct(uint64_t first, uint64_t count, std::byte* to) const {
    constexpr uint64_t kPage = 4096, kPiece = 256 * kPage;
    struct Free {
      void operator()(std::byte* p) const { std::free(p); }
    };
    thread_local const std::unique_ptr<std::byte, Free> buffer(
        static_cast<std::byte*>(std::aligned_alloc(kPage, kPiece)));
    if (buffer == nullptr) return 0;
    for (uint64_t done = 0; done < count;) {
      const uint64_t at = first + done, begin = at / kPage * kPage, skip = at - begin;
      const uint64_t piece = std::min(kPiece, (skip + count - done + kPage - 1) / kPage * kPage);
      const ssize_t n = ::pread(direct_fd_, buffer.get(), piece, static_cast<off_t>(begin));
      if (n <= static_cast<ssize_t>(skip)) return done;
      const uint64_t got = std::min(static_cast<uint64_t>(n) - skip, count - done);
      std::memcpy(to + done, buffer.get() + skip, got);
      done += got;
      if (static_cast<uint64_t>(n) < piece) return done;
    }
    return count;
  }

  Path path_;
  int fd_, direct_fd_;  // direct_fd_: -1 if the file system has no O_DIRECT
};

struct Entry {
  enum class State : uint8_t { absent, queued, reading, ready, failed } state = State::absent;
  bool prefetched = false;  // its reads are in the queue of prefetches
  uint8_t reads_left = 0;   // of its three matrices
  int32_t pins = 0;
  int32_t slot = -1;  // -1 in state absent
  size_t layer = 0;
  double uses = 0;  // count of uses at the layer's step `last`, with exponential decay
  int64_t last = 0;
  std::string error;
};

// Half-life of a use, in steps.
constexpr double kHalfLife = 64;
// Only experts expected to be needed again within so many tokens are prefetched. Reading others would delay the reads
// that a step waits for.
constexpr double kLongestPrefetch = 4;
double decayed(double count, int64_t steps) { return count * std::exp2(-static_cast<double>(steps) / kHalfLife); }

// The steps of a layer; `weight` is what Entry::uses would be for an expert that every step used.
struct Steps {
  int64_t count = 0;
  double weight = 0;
};

uint64_t largest_slot(const std::vector<ExpertStore::Layer>& layers) {
  uint64_t bytes = 1;
  for (const auto& layer : layers) bytes = std::max(bytes, layer.slot_bytes());
  return bytes;
}

int64_t count_slots(const std::vector<ExpertStore::Layer>& layers, uint64_t capacity_bytes) {
  int64_t experts = 0;
  for (const auto& layer : layers) experts += layer.experts;
  const uint64_t needed = largest_slot(layers), slots = capacity_bytes / needed;
  if (slots == 0)
    fail("expert cache: expected at least {} bytes, the size of one expert, found {}; give it more memory", needed,
         capacity_bytes);
  return static_cast<int64_t>(std::min<uint64_t>(slots, static_cast<uint64_t>(std::max<int64_t>(experts, 1))));
}

}  // namespace

uint64_t ExpertStore::Layer::slot_bytes() const {
  uint64_t bytes = 0;
  for (const Stack& s : stacks) bytes += rounded_up(s.matrix_bytes);
  return bytes;
}

ExpertStore::Stats ExpertStore::Stats::operator-(const Stats& before) const {
  return {hits - before.hits, misses - before.misses, prefetches - before.prefetches, bytes_read - before.bytes_read,
          seconds_waited - before.seconds_waited};
}

struct ExpertStore::Impl {
  Impl(std::vector<Layer> layers_in, uint64_t capacity, int num_threads)
      : layers(std::move(layers_in)),
        slot_bytes(largest_slot(layers)),
        num_slots(count_slots(layers, capacity)),
        slots(take_pages(slot_bytes * static_cast<uint64_t>(num_slots))),
        owner(static_cast<size_t>(num_slots), -1),
        last_chosen(layers.size()),
        steps(layers.size()) {
    if (slots == nullptr)
      fail("expert cache: cannot allocate {} bytes; request a smaller one",
           slot_bytes * static_cast<uint64_t>(num_slots));
    for (const Layer& layer : layers) {
      Entry entry;
      entry.layer = first_entry.size();
      first_entry.push_back(static_cast<int64_t>(entries.size()));
      entries.resize(entries.size() + static_cast<size_t>(layer.experts), entry);
      for (const Stack& s : layer.stacks) open(s, layer.experts);
    }
    for (int64_t i = num_slots; i-- > 0;) free_slots.push_back(static_cast<int32_t>(i));
    for (int i = 0; i < num_threads; ++i) threads.emplace_back([this] { read_queue(); });
  }
  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work.notify_all();
    for (auto& thread : threads) thread.join();
  }

  void open(const Stack& s, int64_t experts) {
    auto& file = files[s.file];
    if (!file) file = std::make_unique<InputFile>(s.file);
    const uint64_t end = s.first_byte + s.matrix_bytes * static_cast<uint64_t>(experts);
    if (file->size() < end)
      fail("{}: expected at least {} bytes, found {}; the file was cut short after it was opened", s.file.string(), end,
           file->size());
  }

  // ---- Reading ----

  struct Read {
    int64_t entry;
    size_t matrix;
  };

  std::byte* place(const Layer& layer, int32_t slot, size_t matrix) const {
    std::byte* at = slots.get() + static_cast<uint64_t>(slot) * slot_bytes;
    for (size_t i = 0; i < matrix; ++i) at += rounded_up(layer.stacks[i].matrix_bytes);
    return at;
  }

  void read_queue() {
    std::unique_lock lock(mutex);
    for (;;) {
      work.wait(lock, [&] { return stopping || !needed.empty() || !prefetched.empty(); });
      if (stopping) return;
      auto& queue = needed.empty() ? prefetched : needed;
      const Read read = queue.front();
      queue.pop_front();
      Entry& entry = entries[static_cast<size_t>(read.entry)];
      entry.state = Entry::State::reading;
      const Layer& layer = layers[entry.layer];
      const Stack& stack = layer.stacks[read.matrix];
      const auto expert = static_cast<uint64_t>(read.entry - first_entry[entry.layer]);
      std::byte* to = place(layer, entry.slot, read.matrix);
      const InputFile& file = *files.at(stack.file);
      lock.unlock();
      std::string error;
      try {
        file.read(stack.first_byte + expert * stack.matrix_bytes, stack.matrix_bytes, to);
      } catch (const Error& e) {
        error = e.what();
      }
      lock.lock();
      finish_read(read, error, stack.matrix_bytes);
    }
  }

  void finish_read(const Read& read, const std::string& error, uint64_t bytes) {
    Entry& entry = entries[static_cast<size_t>(read.entry)];
    if (error.empty())
      stats.bytes_read += bytes;
    else
      entry.error = error;
    if (--entry.reads_left > 0) return;
    entry.prefetched = false;
    entry.state = entry.error.empty() ? Entry::State::ready : Entry::State::failed;
    if (entry.state == Entry::State::failed && entry.pins == 0) evict(read.entry);
    arrived.notify_all();
  }

  // ---- Slots ----

  void evict(int64_t index) {
    Entry& entry = entries[static_cast<size_t>(index)];
    owner[static_cast<size_t>(entry.slot)] = -1;
    free_slots.push_back(entry.slot);
    entry.slot = -1;
    entry.state = Entry::State::absent;
    entry.prefetched = false;
    entry.error.clear();
  }

  void count_use(Entry& entry) {
    const int64_t now = steps[entry.layer].count;
    entry.uses = 1 + decayed(entry.uses, now - entry.last);
    entry.last = now;
  }

  // The expected number of tokens until an expert is needed again, seen from the layer that computes now. The decayed
  // counts estimate the share p of its layer's steps that use it, so it takes 1 / p tokens on average; the distance of
  // the layers adds the part of a token until its layer is computed next. An expert never used has no estimate.
  double expected_wait(const Entry& entry, size_t layer) const {
    if (entry.uses == 0) return INFINITY;
    const Steps& s = steps[entry.layer];
    const size_t count = layers.size(), ahead = (entry.layer + count - layer) % count;
    const double distance = static_cast<double>(ahead == 0 ? count : ahead) / static_cast<double>(count);
    return distance + s.weight / decayed(entry.uses, s.count - entry.last);
  }

  // The expert to evict: of those in memory and not pinned, the one with the longest expected wait; -1: none. With
  // perfect knowledge this is Belady's rule.
  int64_t to_evict(size_t layer) const {
    int64_t least = -1;
    double longest = -1;
    for (const int64_t index : owner) {
      if (index < 0) continue;
      const Entry& e = entries[static_cast<size_t>(index)];
      if (e.pins > 0 || e.state != Entry::State::ready) continue;
      if (const double wait = expected_wait(e, layer); wait > longest) longest = wait, least = index;
    }
    return least;
  }

  // A prefetch whose reading has not begun; -1: none.
  int64_t queued_prefetch() const {
    for (const Read& read : prefetched)
      if (entries[static_cast<size_t>(read.entry)].state == Entry::State::queued) return read.entry;
    return -1;
  }

  void cancel_reads(int64_t index) {
    std::erase_if(prefetched, [&](const Read& read) { return read.entry == index; });
  }

  // Frees a slot for a needed expert: a free one, one of an evicted expert, or one of a prefetch that has not begun.
  // False: every slot is pinned, or being read to.
  bool reserve_slot(size_t layer) {
    if (!free_slots.empty()) return true;
    if (const int64_t least = to_evict(layer); least >= 0) {
      evict(least);
      return true;
    }
    if (const int64_t index = queued_prefetch(); index >= 0) {
      cancel_reads(index);
      evict(index);
      return true;
    }
    return false;
  }

  void enqueue(int64_t index, bool prefetch) {
    Entry& entry = entries[static_cast<size_t>(index)];
    entry.slot = free_slots.back();
    free_slots.pop_back();
    owner[static_cast<size_t>(entry.slot)] = index;
    entry.state = Entry::State::queued;
    entry.prefetched = prefetch;
    entry.reads_left = 3;
    for (size_t m = 0; m < 3; ++m) (prefetch ? prefetched : needed).push_back({index, m});
    work.notify_all();
  }

  // A prefetched expert is needed now: its reads move to the queue of needed ones.
  void promote(int64_t index) {
    Entry& entry = entries[static_cast<size_t>(index)];
    if (!entry.prefetched) return;
    for (const Read& read : prefetched)
      if (read.entry == index) needed.push_back(read);
    cancel_reads(index);
    entry.prefetched = false;
  }

  void unpin(int64_t index) {
    Entry& entry = entries[static_cast<size_t>(index)];
    if (--entry.pins > 0) return;
    if (entry.state == Entry::State::failed) evict(index);
    arrived.notify_all();  // another Use may be waiting for a slot
  }

  // Called while a layer computes: prefetches the experts that the previous step used in the next layer, unless an
  // expert that would be evicted for it is expected to be needed earlier.
  void prefetch_next(size_t layer) {
    const size_t next = (layer + 1) % layers.size();
    if (static_cast<int64_t>(last_chosen[next].size()) * 2 > num_slots)
      return;  // a step of a prompt uses too many experts
    for (const int32_t expert : last_chosen[next]) {
      const int64_t index = first_entry[next] + expert;
      const Entry& entry = entries[static_cast<size_t>(index)];
      if (entry.state != Entry::State::absent || expected_wait(entry, layer) > kLongestPrefetch) continue;
      if (free_slots.empty()) {
        const int64_t least = to_evict(layer);
        if (least < 0) return;
        if (expected_wait(entries[static_cast<size_t>(least)], layer) <= expected_wait(entry, layer)) continue;
        evict(least);
      }
      enqueue(index, true);
      ++stats.prefetches;
    }
  }

  std::vector<Layer> layers;
  uint64_t slot_bytes;
  int64_t num_slots;
  std::map<Path, std::unique_ptr<InputFile>> files;
  std::shared_ptr<std::byte> slots;  // memory of all of them
  std::vector<int64_t> first_entry;  // [layers]

  mutable std::mutex mutex;  // of all that follows
  std::condition_variable work, arrived;
  std::vector<Entry> entries;
  std::vector<int64_t> owner;  // [slots], -1: free
  std::vector<int32_t> free_slots;
  std::deque<Read> needed, prefetched;
  std::vector<std::vector<int32_t>> last_chosen;  // [layers]
  std::vector<Steps> steps;                       // [layers]
  Stats stats;
  bool stopping = false;
  std::vector<std::thread> threads;
};

namespace {

class ExpertStoreUse : public ExpertSource::Use {
 public:
  ExpertStoreUse(std::shared_ptr<ExpertStore::Impl> store, size_t layer, std::span<const int32_t> experts)
      : store_(std::move(store)), s_(*store_), layer_(layer) {
    const std::lock_guard lock(s_.mutex);
    Steps& steps = s_.steps[layer_];
    ++steps.count;
    steps.weight = 1 + decayed(steps.weight, 1);
    for (const int32_t expert : experts) {
      HADAL_CHECK(expert >= 0 && expert < s_.layers[layer_].experts);
      Entry& entry = entry_of(expert);
      s_.count_use(entry);
      const bool ready = entry.state == Entry::State::ready;
      ++(ready ? s_.stats.hits : s_.stats.misses);
      if (ready)
        pin(expert);  // before others evict it
      else
        requested_.push_back(expert);
    }
    s_.last_chosen[layer_].assign(experts.begin(), experts.end());
    request();
    if (requested_.empty()) s_.prefetch_next(layer_);
  }
  ~ExpertStoreUse() override {
    const std::lock_guard lock(s_.mutex);
    for (const int32_t expert : in_use_) s_.unpin(index_of(expert));
    for (const int32_t expert : pinned_) s_.unpin(index_of(expert));
  }

  std::vector<ExpertSource::Expert> next() override {
    std::unique_lock lock(s_.mutex);
    for (const int32_t expert : in_use_) s_.unpin(index_of(expert));
    in_use_.clear();
    for (;;) {
      request();
      take_ready();
      if (!in_use_.empty() || (pinned_.empty() && requested_.empty())) return bytes_in_use();
      const Stopwatch watch;
      s_.arrived.wait(lock);
      s_.stats.seconds_waited += watch.seconds();
    }
  }

 private:
  int64_t index_of(int32_t expert) const { return s_.first_entry[layer_] + expert; }
  Entry& entry_of(int32_t expert) const { return s_.entries[static_cast<size_t>(index_of(expert))]; }
  void pin(int32_t expert) {
    ++entry_of(expert).pins;
    pinned_.push_back(expert);
  }

  // Begins to read requested experts, as many as there are slots for.
  void request() {
    size_t done = 0;
    for (; done < requested_.size(); ++done) {
      const int32_t expert = requested_[done];
      const auto state = entry_of(expert).state;
      if (state == Entry::State::failed) break;  // another Use will evict it
      if (state == Entry::State::absent) {
        if (!s_.reserve_slot(layer_)) break;
        s_.enqueue(index_of(expert), false);
      } else {
        s_.promote(index_of(expert));
      }
      pin(expert);
    }
    requested_.erase(requested_.begin(), requested_.begin() + static_cast<std::ptrdiff_t>(done));
  }

  // Takes what has been read. While there are more requested experts than slots, at most half of the slots are in use,
  // so that the other half is read meanwhile.
  void take_ready() {
    const size_t most =
        requested_.empty() ? pinned_.size() : std::max<size_t>(1, static_cast<size_t>(s_.num_slots) / 2);
    std::vector<int32_t> rest;
    for (const int32_t expert : pinned_) {
      const Entry& entry = entry_of(expert);
      if (entry.state == Entry::State::failed) throw_failed(entry);
      (entry.state == Entry::State::ready && in_use_.size() < most ? in_use_ : rest).push_back(expert);
    }
    pinned_ = std::move(rest);
  }

  [[noreturn]] void throw_failed(const Entry& entry) {
    const std::string error = entry.error;
    in_use_.clear();  // they are still in pinned_
    throw Error(error);
  }

  std::vector<ExpertSource::Expert> bytes_in_use() const {
    std::vector<ExpertSource::Expert> list;
    const auto& layer = s_.layers[layer_];
    for (const int32_t expert : in_use_) {
      const int32_t slot = entry_of(expert).slot;
      list.push_back({expert, {s_.place(layer, slot, 0), s_.place(layer, slot, 1), s_.place(layer, slot, 2)}});
    }
    return list;
  }

  std::shared_ptr<ExpertStore::Impl> store_;
  ExpertStore::Impl& s_;
  size_t layer_;
  std::vector<int32_t> requested_;  // reading has not begun
  std::vector<int32_t> pinned_;     // in memory or being read
  std::vector<int32_t> in_use_;     // returned by the last next()
};

class ExpertStoreSource : public ExpertSource {
 public:
  ExpertStoreSource(std::shared_ptr<ExpertStore::Impl> store, size_t layer) : store_(std::move(store)), layer_(layer) {}
  std::unique_ptr<Use> use(std::span<const int32_t> experts) override {
    return std::make_unique<ExpertStoreUse>(store_, layer_, experts);
  }

 private:
  std::shared_ptr<ExpertStore::Impl> store_;
  size_t layer_;
};

}  // namespace

ExpertStore::ExpertStore(std::vector<Layer> layers, uint64_t capacity_bytes, int num_threads)
    : impl_(std::make_shared<Impl>(std::move(layers), capacity_bytes, num_threads)) {}
ExpertStore::~ExpertStore() = default;

std::shared_ptr<ExpertSource> ExpertStore::source(size_t layer) {
  HADAL_CHECK(layer < impl_->layers.size());
  return std::make_shared<ExpertStoreSource>(impl_, layer);
}
ExpertStore::Stats ExpertStore::stats() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}
uint64_t ExpertStore::capacity_bytes() const { return impl_->slot_bytes * static_cast<uint64_t>(impl_->num_slots); }
int64_t ExpertStore::slots() const { return impl_->num_slots; }
int64_t ExpertStore::slots_used() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->num_slots - static_cast<int64_t>(impl_->free_slots.size());
}

}  // namespace hadal::weights
