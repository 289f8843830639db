// When to try again: after a TransferError, with waits that grow, as long as it makes sense.
#pragma once

#include "net/http.h"

namespace hadal::net {

// Counts failures in a row and waits between them.
class Patience {
 public:
  explicit Patience(const HttpOptions& options) : options_(options) {}
  void progress() { failures_ = 0; }
  void wait(const TransferError& error);  // throws the error once there were too many

 private:
  HttpOptions options_;
  int failures_ = 0;
};

// 408, 429 and 5xx, with the server's Retry-After, as something to try again; others return.
void throw_if_busy(const TransferReply& reply);

}  // namespace hadal::net
