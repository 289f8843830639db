// The bridge from the thread of a handler to the connection's coroutine on the I/O thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "server/exchange.h"

namespace hadal {

class Inbox;

class Outbox : public Exchange {
 public:
  // `notify` is called from the handler's thread when there is news for take(). `inbox`: where the body of an upload
  // comes from; null for other routes. It must outlive the handler's run.
  explicit Outbox(std::function<void()> notify, Inbox* inbox = nullptr) : notify_(std::move(notify)), inbox_(inbox) {}

  // Handler's side.
  std::string read_body() override;
  void reply(HttpReply reply) override;
  void accepted() override;
  void open_events() override;
  bool send_event(Event event) override;
  void send_comment(std::string text) override;
  void open_stream(std::string content_type, HttpHeaders headers) override;
  bool send_bytes(std::string_view bytes) override;
  bool client_gone() const override { return gone_; }
  void finish();  // the handler's last word

  // Connection's side.
  enum class Stream { none, events, bytes };
  struct State {
    std::string bytes;               // formatted, not yet written
    std::optional<HttpReply> reply;  // the whole answer, or an error in a stream; handed out when finished
    Stream stream = Stream::none;
    bool accepted = false;
    bool finished = false;
  };
  State take();
  bool has_news() const;
  bool answer_begun() const;      // by reply() or a stream, or the handler has finished
  HttpReply stream_head() const;  // type and headers of the stream, once take() has said that there is one
  void set_gone();

 private:
  static constexpr size_t kMaxPendingEvents = 4 << 20;  // bytes; a client that is so far behind is given up
  static constexpr size_t kMaxPendingBytes = 1 << 20;   // for one so far behind send_bytes() waits

  void open(Stream stream, HttpReply head);
  template <typename Append>
  bool add(const Append& append);

  const std::function<void()> notify_;
  Inbox* const inbox_;
  mutable std::mutex mutex_;
  std::condition_variable taken_;
  State state_;
  HttpReply stream_head_;
  bool notified_ = false;  // since the last take(): what comes in the meantime needs no word of its own
  std::atomic<bool> gone_{false};
};

}  // namespace hadal
