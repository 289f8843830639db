#include "research/fetch/web_client.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "net/retry.h"
#include "net/url.h"
#include "research/fetch/answers.h"

namespace hadal::research {
namespace {

constexpr int64_t kConnectTimeoutMs = 10'000;

net::HttpOptions http_options(const FetchOptions& options, const net::AllowList& allowed, std::string& refusal) {
  net::HttpOptions http;
  http.proxy = options.proxy;
  http.direct = options.proxy.empty();
  http.resolve = options.resolve;
  http.connect_timeout_ms = std::min<int64_t>(kConnectTimeoutMs, static_cast<int64_t>(options.limits.seconds * 1000));
  http.stall_timeout_ms = static_cast<int64_t>(options.limits.seconds * 1000) + 1000;
  http.url_guard = net::public_urls(allowed);
  if (!options.proxy.empty()) return http;
  http.guard = [guard = net::public_only(allowed), &refusal](const net::Address& address, const std::string& host) {
    std::string why = guard(address, host);
    if (!why.empty()) refusal = fmt::format("{} address {}", why, address.text());
    return why;
  };
  return http;
}

// "http://a.org/: Could not resolve host" without the address, which stands beside it.
std::string without_address(const std::string& text, const net::Url& url) {
  const std::string shown = net::url_shown(url.href()) + ": ";
  return text.starts_with(shown) ? text.substr(shown.size()) : text;
}

}  // namespace

WebClient::WebClient(const FetchOptions& options, const net::AllowList& allowed)
    : session_(http_options(options, allowed, refusal_)) {}

Exchange WebClient::get(const net::Url& url, const ExchangeLimits& limits,
                        const std::function<bool(const net::TransferReply&)>& wanted,
                        const std::function<bool()>& stopped) {
  Exchange exchange;
  net::TransferRequest request;
  request.url = url.href();
  request.headers = {"User-Agent: hadal/" HADAL_VERSION " (research for one person; product token hadal)",
                     "Accept-Encoding: gzip, deflate",
                     "Accept: text/html,application/xhtml+xml,text/plain,text/markdown,application/pdf,text/csv,"
                     "application/json;q=0.9,*/*;q=0.1"};
  if (!limits.secret.empty()) request.headers.push_back(limits.secret);
  request.follow = false;
  request.max_ms = std::max<int64_t>(1, static_cast<int64_t>(limits.seconds * 1000));
  request.stopped = stopped;
  request.head = wanted;
  request.body = [&](std::string_view piece) {
    const size_t room = limits.max_bytes - exchange.body.size();
    exchange.cut = piece.size() > room;
    exchange.body += piece.substr(0, room);
    return !exchange.cut;
  };
  refusal_.clear();
  const Stopwatch watch;
  try {
    exchange.reply = session_.send(request);
    if (stopped())
      exchange.failure = "stopped";
    else if (exchange.reply.status == 0)
      exchange.failure = "no answer";
  } catch (const net::AddressRefused& error) {
    exchange.failure = refusal_.empty() ? without_address(error.what(), url) : refusal_;
  } catch (const Error& error) {
    exchange.failure = watch.seconds() + 0.02 >= limits.seconds ? fmt::format("over {:.3g} s", limits.seconds)
                                                                : without_address(error.what(), url);
  }
  return exchange;
}

double retry_after(const net::TransferReply& reply) {
  if (reply.header("retry-after").empty()) return -1;
  try {
    net::throw_if_busy(reply);
  } catch (const net::TransferError& error) {
    return static_cast<double>(error.wait_ms) / 1000;
  }
  return -1;
}

WarcRecord response_record(const net::Url& url, const Exchange& exchange, const std::string& date) {
  WarcRecord record;
  record.type = "response";
  record.target_uri = url.href();
  record.date = date;
  record.content_type = "application/http;msgtype=response";
  if (!exchange.reply.peer.empty()) record.other = {{"WARC-IP-Address", exchange.reply.peer}};
  std::string_view head = exchange.reply.head;
  const size_t first = std::min(head.find('\n'), head.size()), space = std::min(head.find(' '), first);
  record.block = head.starts_with("HTTP/1.") ? std::string(head.substr(0, space)) : "HTTP/1.1";
  record.block += head.substr(space, first - space);
  if (!record.block.ends_with('\r')) record.block += '\r';
  for (size_t at = first + 1; at < head.size();) {
    const size_t end = std::min(head.find('\n', at), head.size());
    const std::string_view line = head.substr(at, end - at);
    const bool undone = lower_case(std::string(line.substr(0, line.find(':')))) == "transfer-encoding";
    if (line == "\r" || line.empty()) break;
    record.block.append("\n").append(undone ? "X-Orig-" : "").append(line);
    if (!line.ends_with('\r')) record.block += '\r';
    at = end + 1;
  }
  record.block.append("\n\r\n").append(exchange.body);
  return record;
}

}  // namespace hadal::research
