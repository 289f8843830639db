// Texts on their way from the thread that reads them to the one that uses them, a few megabytes at most.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>

namespace hadal {

class TextQueue {
 public:
  // The reader's side. put() waits while much is unread; false: nobody will read it.
  bool put(std::string text) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return bytes_ < kMaxBytes || closed_; });
    if (closed_) return false;
    bytes_ += text.size();
    texts_.push_back(std::move(text));
    changed_.notify_all();
    return true;
  }
  void end(std::exception_ptr error = nullptr) {  // no more comes; the error, if any, is thrown by next()
    const std::lock_guard lock(mutex_);
    ended_ = true;
    error_ = error;
    changed_.notify_all();
  }

  // The user's side. next() is false when all were taken.
  bool next(std::string& text) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !texts_.empty() || ended_; });
    if (error_) std::rethrow_exception(error_);
    if (texts_.empty()) return false;
    text = std::move(texts_.front());
    texts_.pop_front();
    bytes_ -= text.size();
    changed_.notify_all();
    return true;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  static constexpr size_t kMaxBytes = size_t{16} << 20;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> texts_;
  size_t bytes_ = 0;
  bool ended_ = false, closed_ = false;
  std::exception_ptr error_;
};

}  // namespace hadal
