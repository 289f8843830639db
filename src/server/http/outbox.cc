#include "server/http/outbox.h"

#include <utility>

namespace hadal {

void Outbox::reply(HttpReply reply) {
  std::lock_guard lock(mutex_);
  state_.reply = std::move(reply);  // goes out with finish()
}

void Outbox::accepted() {
  {
    std::lock_guard lock(mutex_);
    state_.accepted = true;
  }
  notify_();
}

void Outbox::open_stream() {
  {
    std::lock_guard lock(mutex_);
    state_.streaming = true;
  }
  notify_();
}

bool Outbox::send_event(std::string data) { return add("data: ", data); }
void Outbox::send_comment(std::string text) { add(": ", text); }

bool Outbox::add(std::string_view before, std::string_view text) {
  bool notified = true;
  {
    std::lock_guard lock(mutex_);
    if (state_.events.size() > kMaxPending) gone_ = true;
    if (gone_) return false;
    state_.events.append(before).append(text).append("\n\n");
    std::swap(notified, notified_);
  }
  if (!notified) notify_();
  return true;
}

void Outbox::finish() {
  {
    std::lock_guard lock(mutex_);
    state_.finished = true;
  }
  notify_();
}

Outbox::State Outbox::take() {
  std::lock_guard lock(mutex_);
  State taken;
  notified_ = false;
  taken.accepted = state_.accepted, taken.streaming = state_.streaming, taken.finished = state_.finished;
  taken.events.swap(state_.events);
  if (state_.finished) taken.reply.swap(state_.reply);  // before, its taker would look on and forget it
  return taken;
}

bool Outbox::has_news() const {
  std::lock_guard lock(mutex_);
  return !state_.events.empty() || state_.finished;
}

}  // namespace hadal
