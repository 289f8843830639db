#include "server/http/inbox.h"

#include <utility>

namespace hadal {

std::string Inbox::read() {
  std::unique_lock lock(mutex_);
  if (!ended_ && !failure_) {
    wanted_ = true;
    lock.unlock();
    notify_();
    lock.lock();
  }
  changed_.wait(lock, [this] { return !piece_.empty() || ended_ || failure_; });
  wanted_ = false;
  if (!piece_.empty()) return std::exchange(piece_, "");
  if (failure_) throw ApiError(*failure_);
  return "";
}

bool Inbox::wanted() const {
  std::lock_guard lock(mutex_);
  return wanted_ && piece_.empty();
}

void Inbox::put(std::string piece) {
  std::lock_guard lock(mutex_);
  piece_ = std::move(piece);
  changed_.notify_one();
}

void Inbox::end() {
  std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_one();
}

void Inbox::fail(ApiError why) {
  std::lock_guard lock(mutex_);
  if (!failure_ && !ended_) failure_ = std::move(why);
  changed_.notify_one();
}

}  // namespace hadal
