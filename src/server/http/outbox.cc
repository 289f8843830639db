#include "server/http/outbox.h"

#include <utility>

#include "base/error.h"
#include "server/http/inbox.h"

namespace hadal {
namespace {

// A line for each line of `text`, since an event's fields end with their lines.
void append_lines(std::string& out, std::string_view field, std::string_view text) {
  while (true) {
    const size_t end = text.find('\n');
    out.append(field).append(text.substr(0, end)).append("\n");
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string Outbox::read_body() {
  HADAL_CHECK(inbox_ != nullptr, "read_body() is for routes with `upload`; others find the body in the request");
  return inbox_->read();
}

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

void Outbox::open_events() {
  open(Stream::events, {200, "text/event-stream; charset=utf-8", "", {{"X-Accel-Buffering", "no"}}});
}

void Outbox::open_stream(std::string content_type, HttpHeaders headers) {
  open(Stream::bytes, {200, std::move(content_type), "", std::move(headers)});
}

void Outbox::open(Stream stream, HttpReply head) {
  {
    std::lock_guard lock(mutex_);
    HADAL_CHECK(state_.stream == Stream::none, "an answer has one stream");
    state_.stream = stream;
    stream_head_ = std::move(head);
  }
  notify_();
}

// Lets `append` write to what is pending, and says so where the connection has not been told yet; false when the client
// is gone.
template <typename Append>
bool Outbox::add(const Append& append) {
  bool notified = true;
  {
    std::unique_lock lock(mutex_);
    const bool ok = !gone_ && append(lock);
    if (!ok) return false;
    std::swap(notified, notified_);
  }
  if (!notified) notify_();
  return true;
}

bool Outbox::send_event(Event event) {
  return add([&](auto&) {
    if (state_.bytes.size() > kMaxPendingEvents) gone_ = true;
    if (gone_) return false;
    if (!event.name.empty()) append_lines(state_.bytes, "event: ", event.name);
    if (!event.id.empty()) append_lines(state_.bytes, "id: ", event.id);
    append_lines(state_.bytes, "data: ", event.data);
    state_.bytes += '\n';
    return true;
  });
}

void Outbox::send_comment(std::string text) {
  add([&](auto&) {
    append_lines(state_.bytes, ": ", text);
    state_.bytes += '\n';
    return true;
  });
}

bool Outbox::send_bytes(std::string_view bytes) {
  return add([&](auto& lock) {
    taken_.wait(lock, [this] { return gone_ || state_.bytes.size() < kMaxPendingBytes; });
    if (!gone_) state_.bytes += bytes;
    return !gone_.load();
  });
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
  taken.accepted = state_.accepted, taken.stream = state_.stream, taken.finished = state_.finished;
  taken.bytes.swap(state_.bytes);
  if (state_.finished) taken.reply.swap(state_.reply);  // before, its taker would look on and forget it
  taken_.notify_all();
  return taken;
}

bool Outbox::has_news() const {
  std::lock_guard lock(mutex_);
  return !state_.bytes.empty() || state_.finished;
}

bool Outbox::answer_begun() const {
  std::lock_guard lock(mutex_);
  return state_.finished || state_.reply || state_.stream != Stream::none;
}

HttpReply Outbox::stream_head() const {
  std::lock_guard lock(mutex_);
  return stream_head_;
}

void Outbox::set_gone() {
  {
    std::lock_guard lock(mutex_);
    gone_ = true;
  }
  taken_.notify_all();
}

}  // namespace hadal
