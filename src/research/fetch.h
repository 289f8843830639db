// Pages of strangers, fetched with care: guarded addresses, robots.txt, one request at a time and host, limits on bytes
// and time; each answer and each refusal goes into the archive. Or all of it again from an archive, without network.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/address.h"
#include "research/warc.h"

namespace hadal::research {

struct FetchLimits {
  uint64_t max_bytes = 10 << 20;  // decoded
  double seconds = 30;            // a page, redirects included
  int redirects = 5;
  double host_interval_s = 1;  // between two requests to a host; Crawl-delay up to 10, Retry-After up to 60
};

struct FetchOptions {
  FetchLimits limits = {};
  net::AllowList allowed = {};
  std::vector<std::string> resolve = {};  // "host:port:address", as curl's
  std::string proxy = {};                 // only one that the operator names
  bool robots = true;
};

struct Fetched {
  std::string url, final_url;
  int status = 0;
  std::string content_type;  // as sent
  std::string body;          // decoded
  std::string record;        // id of its `response` record; "" without an archive
  std::string date;          // when, as in the archive
  std::string refused;  // why there is nothing: "private address 10.0.0.1", "robots.txt", "status 404", "over 10 MiB"
};

class Fetcher {
 public:
  virtual ~Fetcher() = default;
  // Each of the addresses, several hosts at once; the answers in the order of the addresses. Never throws for what a
  // server does: it is `refused`. `stopped` is asked a few times a second.
  virtual std::vector<Fetched> fetch(const std::vector<std::string>& urls, const std::function<bool()>& stopped) = 0;
  // A question to a search server that the operator named: no robots, no interval. `secret`: "Name: value", sent to
  // that origin alone, in no archive. The `key` (source and query) is how a replay finds the answer again.
  virtual Fetched ask(const std::string& key, const std::string& url, const std::string& secret,
                      const std::function<bool()>& stopped) = 0;
  virtual std::string now() = 0;  // "2026-11-28T10:00:00Z"; of a replay the archive's own, frozen
};

// `archive` may be null; it must outlive the fetcher.
std::unique_ptr<Fetcher> web_fetcher(FetchOptions options, WarcWriter* archive);
// Answers from an archive alone; what it uses is copied into `archive`. Addresses that it lacks are refused.
std::unique_ptr<Fetcher> replay_fetcher(const Path& recorded, WarcWriter* archive);

}  // namespace hadal::research
