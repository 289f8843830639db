// The bridge for the body of an upload, from the connection's coroutine on the I/O thread to the handler that reads it.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "server/api_error.h"

namespace hadal {

class Inbox {
 public:
  // `notify` is called on the handler's thread when it waits for a piece.
  explicit Inbox(std::function<void()> notify) : notify_(std::move(notify)) {}

  // Handler's side. Blocks; "" at the end. Throws what fail() was given.
  std::string read();

  // Connection's side.
  bool wanted() const;          // read() waits
  void put(std::string piece);  // not empty, and only while it is wanted
  void end();                   // the body is whole
  void fail(ApiError why);      // no more of it will come; the first reason counts

 private:
  const std::function<void()> notify_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string piece_;  // at most one, so that a client is never read faster than its handler works
  bool wanted_ = false, ended_ = false;
  std::optional<ApiError> failure_;
};

}  // namespace hadal
