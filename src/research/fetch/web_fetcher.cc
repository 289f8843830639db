// The fetcher of the web: threads, each with a client of its own, over lists of pages of the same host.
#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "net/robots.h"
#include "research/fetch/answers.h"
#include "research/fetch/hosts.h"
#include "research/fetch/robots_cache.h"
#include "research/fetch/web_client.h"

namespace hadal::research {
namespace {

using net::Url;
using Stopped = std::function<bool()>;

constexpr double kMaxCrawlDelayS = 10, kMaxRetryAfterS = 60;
constexpr int kRobotsRedirects = 5, kHostsAtOnce = 4;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::optional<Url> redirect_target(const Url& from, const net::TransferReply& reply) {
  auto url = net::parse_url(reply.header("location"), &from);
  if (url) url->fragment.reset();
  return url;
}

class WebFetcher : public Fetcher {
 public:
  WebFetcher(FetchOptions options, WarcWriter* archive)
      : options_(std::move(options)),
        archive_(archive),
        hosts_(options_.limits.host_interval_s),
        guard_(net::public_urls(options_.allowed)) {
    for (int i = 0; i < kHostsAtOnce; ++i) clients_.push_back(std::make_unique<WebClient>(options_, options_.allowed));
    if (archive_ != nullptr) write_warcinfo(*archive_, now());
  }

  std::string now() override { return warc_date(unix_seconds()); }
  std::vector<Fetched> fetch(const std::vector<std::string>& urls, const Stopped& stopped) override;
  Fetched ask(const std::string& key, const std::string& url, const std::string& secret,
              const Stopped& stopped) override;

 private:
  struct Page {  // on its way
    WebClient& client;
    const Stopped& stopped;
    Fetched& fetched;
    double left_s;  // of the page's time; waiting for the host's turn does not count
    bool waited = false;
  };

  Fetched fetch_page(WebClient& client, const std::string& text, const Stopped& stopped);
  std::optional<Url> step(Page& page, const Url& url);
  Exchange exchange(Page& page, const Url& url, uint64_t max_bytes,
                    const std::function<bool(const net::TransferReply&)>& wanted);
  bool leave_alone(Page& page, const Url& url, const Exchange& answer);
  void keep(Page& page, const Url& url, const Exchange& answer, const std::string& date);
  std::string robots_refusal(Page& page, const Url& url);
  std::string guard_refusal(const Url& url) const {
    const std::string why = guard_(url);
    const auto address = why.empty() ? std::nullopt : net::parse_address(url.host);
    return address && why == net::address_refusal(*address) ? fmt::format("{} address {}", why, address->text()) : why;
  }
  RobotsFile read_robots(Page& page, Url url);
  void record(const Fetched& fetched) {
    if (archive_ != nullptr) archive_->append(refusal_record(fetched, now()));
  }

  FetchOptions options_;
  WarcWriter* archive_;
  Hosts hosts_;
  net::UrlGuard guard_;
  RobotsCache robots_;
  std::vector<std::unique_ptr<WebClient>> clients_;
};

// One request, once the host's turn has come.
Exchange WebFetcher::exchange(Page& page, const Url& url, uint64_t max_bytes,
                              const std::function<bool(const net::TransferReply&)>& wanted) {
  const Hosts::Turn turn = hosts_.turn(url.host, page.stopped);
  if (!turn) return {.reply = {}, .body = {}, .failure = "stopped"};
  const Stopwatch watch;
  Exchange answer = page.client.get(url, {.max_bytes = max_bytes, .seconds = page.left_s}, wanted, page.stopped);
  page.left_s -= watch.seconds();
  if (answer.failure.starts_with("over ") || page.left_s <= 0)
    answer.failure = fmt::format("over {:.3g} s", options_.limits.seconds);
  return answer;
}

RobotsFile WebFetcher::read_robots(Page& page, Url url) {
  const double before_s = page.left_s;  // robots.txt has a time of its own
  page.left_s = options_.limits.seconds;
  RobotsFile file;
  for (int hop = 0; hop <= kRobotsRedirects; ++hop) {
    file.failure = guard_refusal(url);
    if (!file.failure.empty()) break;
    const std::string date = now();
    const Exchange answer =
        exchange(page, url, net::kMaxRobotsBytes, [](const net::TransferReply& reply) { return reply.status == 200; });
    const int status = answer.reply.status;
    file.failure = answer.failure;
    if (file.failure.empty() && status >= 500) file.failure = fmt::format("status {}", status);
    if (!file.failure.empty()) break;
    const auto next = is_redirect(status) ? redirect_target(url, answer.reply) : std::nullopt;
    if (next) {
      url = *next;
      continue;
    }
    if (status != 200) break;  // there is none
    const WarcRecord record = response_record(url, answer, date);
    try {
      file.text = read_response(record, net::kMaxRobotsBytes).body;
      if (archive_ != nullptr && !answer.cut) archive_->append(record);
    } catch (const Error& error) {
      file.failure = error.what();
    }
    break;
  }
  page.left_s = before_s;
  return file;
}

std::string WebFetcher::robots_refusal(Page& page, const Url& url) {
  if (!options_.robots) return "";
  const RobotsFile file = robots_.get(url.origin(), [&] {
    Url robots = url;
    robots.path = "/robots.txt";
    robots.query.reset();
    return read_robots(page, robots);
  });
  if (file.failure == "stopped") return file.failure;
  if (!file.failure.empty()) return fmt::format("robots.txt does not answer ({})", file.failure);
  if (!net::robots_allow(file.text, "hadal", url.href())) return "robots.txt";
  hosts_.set_interval(url.host, std::min(kMaxCrawlDelayS, net::robots_crawl_delay(file.text, "hadal")));
  return "";
}

// A server that is busy is asked once more, where it says when, and soon.
bool WebFetcher::leave_alone(Page& page, const Url& url, const Exchange& answer) {
  const double wait_s = retry_after(answer.reply);
  if (wait_s < 0) return false;
  hosts_.leave_alone(url.host, wait_s);
  const bool again = wait_s <= kMaxRetryAfterS && !page.waited;
  if (!again) page.fetched.refused = fmt::format("status {}; it asks to wait {:.0f} s", answer.reply.status, wait_s);
  page.waited = true;
  return again;
}

void WebFetcher::keep(Page& page, const Url& url, const Exchange& answer, const std::string& date) {
  WarcRecord record = response_record(url, answer, date);
  Fetched read;
  read_answer(record, options_.limits.max_bytes, read);
  page.fetched.date = date;
  page.fetched.refused = read.refused;
  if (!read.refused.empty()) return;
  page.fetched.body = std::move(read.body);
  if (archive_ != nullptr) page.fetched.record = archive_->append(std::move(record));
}

// One request of a page; the address to go on at, where there is one.
std::optional<Url> WebFetcher::step(Page& page, const Url& url) {
  Fetched& fetched = page.fetched;
  fetched.final_url = url.href();
  fetched.refused = guard_refusal(url);
  if (fetched.refused.empty() && hosts_.left_alone_for(url.host) > kMaxRetryAfterS)
    fetched.refused = fmt::format("the server asks to wait {:.0f} s", hosts_.left_alone_for(url.host));
  if (fetched.refused.empty()) fetched.refused = robots_refusal(page, url);
  if (!fetched.refused.empty()) return {};
  const uint64_t max_bytes = options_.limits.max_bytes;
  const std::string date = now();
  const Exchange answer = exchange(page, url, max_bytes, [&](const net::TransferReply& reply) {
    return answer_refusal(reply.status, reply.header("content-type")).empty() &&
           reply.number("content-length") <= static_cast<int64_t>(max_bytes);
  });
  fetched.status = answer.reply.status;
  fetched.content_type = answer.reply.header("content-type");
  fetched.refused = answer.failure;
  if (!fetched.refused.empty()) return {};
  if (is_redirect(fetched.status)) {
    const auto next = redirect_target(url, answer.reply);
    if (!next) fetched.refused = fmt::format("status {} without an address of http or https", fetched.status);
    if (next && archive_ != nullptr) archive_->append(response_record(url, {answer.reply, "", "", false}, date));
    return next;
  }
  if (fetched.status >= 400 && leave_alone(page, url, answer)) return url;
  if (!fetched.refused.empty()) return {};
  fetched.refused = answer_refusal(fetched.status, fetched.content_type);
  if (answer.cut || answer.reply.number("content-length") > static_cast<int64_t>(max_bytes))
    if (fetched.refused.empty()) fetched.refused = over_size(max_bytes);
  if (fetched.refused.empty()) keep(page, url, answer, date);
  return {};
}

Fetched WebFetcher::fetch_page(WebClient& client, const std::string& text, const Stopped& stopped) {
  Fetched fetched;
  fetched.url = text;
  std::optional<Url> url = net::parse_url(text);
  if (!url) {
    fetched.refused = "no address of http or https";
    return fetched;  // and nothing that a record could name
  }
  url->fragment.reset();
  Page page{client, stopped, fetched, options_.limits.seconds};
  for (int hops = 0;;) {
    const bool waited = page.waited;
    url = step(page, *url);
    if (!url) break;
    if (page.waited == waited && ++hops > options_.limits.redirects) {
      fetched.refused = fmt::format("more than {} redirects", options_.limits.redirects);
      break;
    }
  }
  if (fetched.refused.empty()) return fetched;
  fetched.date = now();
  if (fetched.refused == "stopped") return fetched;
  Fetched named = fetched;
  named.url = net::parse_url(text)->href();
  record(named);
  return fetched;
}

std::vector<Fetched> WebFetcher::fetch(const std::vector<std::string>& urls, const Stopped& stopped) {
  std::vector<Fetched> results(urls.size());
  std::vector<std::pair<std::string, std::vector<size_t>>> groups;  // by host, in the order of the addresses
  for (size_t i = 0; i < urls.size(); ++i) {
    const auto url = net::parse_url(urls[i]);
    const std::string host = url ? url->host : "";
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == host; });
    if (group == groups.end()) group = groups.insert(groups.end(), {host, {}});
    group->second.push_back(i);
  }
  std::atomic<size_t> next_group = 0, running = 0;
  std::atomic<bool> stop = false;
  std::vector<std::exception_ptr> failures(clients_.size());
  const Stopped stopping = [&] { return stop.load(); };
  const auto work = [&](size_t worker) {
    try {
      for (size_t g; (g = next_group++) < groups.size();)
        for (const size_t i : groups[g].second) results[i] = fetch_page(*clients_[worker], urls[i], stopping);
    } catch (...) {  // the archive cannot be written
      failures[worker] = std::current_exception();
      stop = true;
    }
    --running;
  };
  {
    std::vector<std::jthread> threads;
    const size_t count = std::min(clients_.size(), groups.size());
    running = count;
    for (size_t i = 0; i < count; ++i) threads.emplace_back(work, i);
    while (running > 0) {
      if (stopped && stopped()) stop = true;
      std::this_thread::sleep_for(kLook / 5);
    }
  }
  for (const auto& failure : failures)
    if (failure) std::rethrow_exception(failure);
  return results;
}

Fetched WebFetcher::ask(const std::string& key, const std::string& text, const std::string& secret,
                        const Stopped& stopped) {
  Fetched fetched;
  fetched.url = text;
  std::optional<Url> url = net::parse_url(text);
  if (!url) fail("{}: expected an address of http or https", brief(text));
  const std::string origin = url->origin();
  // The operator named this server, wherever it stands; behind a proxy it cannot be where addresses are private.
  FetchOptions options = options_;
  if (!net::url_refusal(*url).empty()) options.proxy.clear();
  net::AllowList own(std::vector<std::string>{fmt::format("{}:{}", url->host, url->effective_port())});
  WebClient client(options, own);
  const Stopped never = [] { return false; };
  const ExchangeLimits limits{options_.limits.max_bytes, options_.limits.seconds, secret};
  Exchange answer;
  for (int hop = 0;; ++hop) {
    fetched.final_url = url->href();
    answer = client.get(
        *url, limits, [](const net::TransferReply&) { return true; }, stopped ? stopped : never);
    fetched.status = answer.reply.status;
    fetched.content_type = answer.reply.header("content-type");
    fetched.refused = answer.failure;
    if (!fetched.refused.empty() || !is_redirect(fetched.status)) break;
    url = redirect_target(*url, answer.reply);
    if (!url || url->origin() != origin || hop >= options_.limits.redirects) {
      fetched.refused = fmt::format("redirects to {}", url ? brief(url->href()) : "nowhere");
      break;
    }
  }
  fetched.date = now();
  if (fetched.refused.empty() && answer.cut) fetched.refused = over_size(options_.limits.max_bytes);
  if (fetched.refused.empty()) {
    try {
      // Kept in JSON: what is no UTF-8 is mended before anyone reads it, so that a replay reads the same.
      fetched.body = valid_utf8(read_response(response_record(*url, answer, fetched.date), limits.max_bytes).body);
    } catch (const Error& error) {
      fetched.refused = error.what();
    }
  }
  if (archive_ != nullptr && fetched.refused != "stopped") {
    fetched.record = archive_->append(search_record(key, fetched, fetched.date));
  }
  return fetched;
}

}  // namespace

std::unique_ptr<Fetcher> web_fetcher(FetchOptions options, WarcWriter* archive) {
  return std::make_unique<WebFetcher>(std::move(options), archive);
}

}  // namespace hadal::research
