// One request to a stranger: guarded, bounded in bytes and time, no redirect followed, no failure thrown.
#pragma once

#include <functional>
#include <string>

#include "net/http.h"
#include "research/fetch.h"

namespace hadal::research {

struct Exchange {
  net::TransferReply reply;
  std::string body;     // as sent; chunks joined, content encodings not undone
  std::string failure;  // "", or why there is no answer: "private address 10.0.0.1", "over 30 s"
  bool cut = false;     // more came than was asked for
};

struct ExchangeLimits {
  uint64_t max_bytes = 0;
  double seconds = 0;
  std::string secret = {};  // a line of the request's head
};

// Belongs to one thread.
class WebClient {
 public:
  WebClient(const FetchOptions& options, const net::AllowList& allowed);
  // `wanted`: asked about the head; false skips the body.
  Exchange get(const net::Url& url, const ExchangeLimits& limits,
               const std::function<bool(const net::TransferReply&)>& wanted, const std::function<bool()>& stopped);

 private:
  std::string refusal_;  // the guard's last
  net::HttpSession session_;
};

// Seconds that a server asks to wait (Retry-After); -1: it says nothing.
double retry_after(const net::TransferReply& reply);

// The record of an answer: the head as it came, in the form of HTTP/1.1, with what was undone renamed X-Orig-...
WarcRecord response_record(const net::Url& url, const Exchange& exchange, const std::string& date);

}  // namespace hadal::research
