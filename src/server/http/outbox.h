// The bridge from the thread that generates to the connection's coroutine on the I/O thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "server/http/http.h"

namespace hadal {

class Outbox : public Exchange {
 public:
  // `notify` is called from the generating thread when there is news for take().
  explicit Outbox(std::function<void()> notify) : notify_(std::move(notify)) {}

  // Generating side.
  void reply(HttpReply reply) override;
  void accepted() override;
  void open_stream() override;
  bool send_event(std::string data) override;
  void send_comment(std::string text) override;
  bool client_gone() const override { return gone_; }
  void finish();  // the generating thread's last word

  // Connection's side.
  struct State {
    std::string events;              // formatted, not yet written
    std::optional<HttpReply> reply;  // the whole answer, or an error after events; handed out when finished
    bool accepted = false;
    bool streaming = false;
    bool finished = false;
  };
  State take();
  bool has_news() const;
  void set_gone() { gone_ = true; }

 private:
  static constexpr size_t kMaxPending = 4 << 20;  // bytes; a client that is so far behind is given up

  bool add(std::string_view before, std::string_view text);  // to the events; false when the client is gone

  const std::function<void()> notify_;
  mutable std::mutex mutex_;
  State state_;
  bool notified_ = false;  // since the last take(): events that come in the meantime need no word of their own
  std::atomic<bool> gone_{false};
};

}  // namespace hadal
