#include "net/retry.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "base/log.h"
#include "net/url.h"

namespace hadal::net {

void Patience::wait(const TransferError& error) {
  if (++failures_ >= options_.max_failures) {
    if (failures_ == 1) throw Error(error.what());
    throw Error(fmt::format("{} (given up after {} tries)", error.what(), failures_));
  }
  if (error.wait_ms > options_.longest_wait_ms) {
    fail("{}; it asks to wait {} s: try again then", error.what(), error.wait_ms / 1000);
  }
  const int64_t backoff = options_.first_wait_ms << std::min(failures_ - 1, 10);
  const int64_t wait_ms = std::min(options_.longest_wait_ms, std::max(backoff, error.wait_ms));
  log_info("{}; trying again in {:.1f} s", error.what(), static_cast<double>(wait_ms) / 1000);
  std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
}

void throw_if_busy(const TransferReply& reply) {
  if (reply.status != 408 && reply.status != 429 && reply.status < 500) return;
  int64_t wait_s = reply.number("retry-after");
  if (wait_s < 0) {  // or a date
    const time_t date = curl_getdate(reply.header("retry-after").c_str(), nullptr);
    wait_s = date < 0 ? 0 : std::max<int64_t>(0, date - std::time(nullptr));
  }
  const char* what = reply.status == 429 ? "the server says: too many requests" : "the server has trouble";
  throw TransferError(fmt::format("{}: {} (status {})", url_shown(reply.url), what, reply.status),
                      std::min<int64_t>(wait_s, 1 << 30) * 1000);
}

}  // namespace hadal::net
