#include "cli/market_routes.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "cli/market_folders.h"
#include "cli/market_health.h"
#include "cli/market_runs.h"
#include "market/paper.h"
#include "server/api_error.h"

namespace hadal {
namespace {

const Path kServedPaper = "runs/paper";
constexpr const char* kStatus = "status.json";
constexpr uint64_t kMostStatusBytes = uint64_t{16} << 20;
constexpr std::chrono::milliseconds kStatusInterval(250);  // how often a status is looked for

void answer_json(Exchange& exchange, const OrderedJson& json) {
  exchange.reply({200, "application/json", dump_json(json), {}});
}

Path paper_state(const std::string& id) {
  const auto folder = folder_inside(kServedPaper, id);
  if (!folder || !is_file_inside(kServedPaper, *folder / kStatus))
    throw ApiError(404, fmt::format("there is no paper account {}; GET /api/paper lists those there are", brief(id)),
                   "id", "not_found");
  return *folder;
}

OrderedJson paper_status(const Path& state) {
  std::error_code error;
  if (std::filesystem::file_size(state / kStatus, error) > kMostStatusBytes && !error)
    fail("{}: expected at most {} MiB, found more; look at the state's files instead", (state / kStatus).string(),
         kMostStatusBytes >> 20);
  return market::read_paper_status(state);
}

// Each holds a connection and a thread for as long as somebody looks: they must not crowd out what ends by itself.
class Follower {
 public:
  Follower() {
    if (++count_ <= kMost) return;
    --count_;
    throw ApiError(503, fmt::format("{} accounts are followed already; close one of the pages", kMost), "id", "busy");
  }
  ~Follower() { --count_; }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

 private:
  static constexpr int kMost = 32;
  static inline std::atomic<int> count_ = 0;
};

// Until the client is gone. What is damaged, or was removed meanwhile, is an event too: it may be written again.
void follow_paper(const std::string& id, Exchange& exchange) {
  const Path state = paper_state(id);
  std::string stamp = file_stamp(state / kStatus), shown;
  try {
    shown = dump_json(paper_status(state));
  } catch (const Error& error) {
    throw ApiError(422, error.what(), "id", "damaged");
  }
  const Follower follower;
  exchange.open_events();
  if (!exchange.send_event({.data = shown})) return;
  while (!exchange.client_gone()) {
    std::this_thread::sleep_for(kStatusInterval);
    const std::string now = file_stamp(state / kStatus);
    if (now == stamp) continue;
    stamp = now;
    std::string data;
    try {
      data = dump_json(paper_status(paper_state(id)));
    } catch (const Error& error) {
      data = dump_json(OrderedJson{{"damage", error.what()}});
    }
    if (data == shown) continue;
    shown = data;
    if (!exchange.send_event({.data = std::move(data)})) return;
  }
}

// Its own script draws the charts; it may do nothing else, and nothing of this server is its own.
HttpReply report_reply(const std::string& id) {
  return {200,
          "text/html; charset=utf-8",
          RunDesk::file(id, "report.html"),
          {{"X-Content-Type-Options", "nosniff"},
           {"X-Frame-Options", "DENY"},
           {"Referrer-Policy", "no-referrer"},
           {"Content-Security-Policy",
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; sandbox allow-scripts"}}};
}

Route looked_at(const std::string& path, Handler handler) {
  return {.method = "GET", .path = path, .slow = true, .handler = std::move(handler)};
}

}  // namespace

std::vector<Route> market_routes() {
  const auto markets = std::make_shared<MarketDesk>();
  const auto runs = std::make_shared<RunDesk>();
  std::vector<Route> routes = {
      looked_at("/api/markets",
                [markets](const HttpRequest&, Exchange& exchange) { answer_json(exchange, markets->list()); }),
      looked_at("/api/markets/{name}",
                [markets](const HttpRequest& request, Exchange& exchange) {
                  answer_json(exchange, markets->market(request.parameter("name")));
                }),
      looked_at("/api/runs", [runs](const HttpRequest&, Exchange& exchange) { answer_json(exchange, runs->list()); }),
      looked_at("/api/runs/{id}",
                [](const HttpRequest& request, Exchange& exchange) {
                  answer_json(exchange, RunDesk::run(request.parameter("id"), request.query("series") != "0"));
                }),
      looked_at("/api/runs/{id}/report.html",
                [](const HttpRequest& request, Exchange& exchange) {
                  exchange.reply(report_reply(request.parameter("id")));
                }),
      looked_at("/api/paper",
                [](const HttpRequest&, Exchange& exchange) {
                  answer_json(exchange, {{"paper", market::paper_names()}});
                }),
      looked_at("/api/paper/{id}", [](const HttpRequest& request,
                                      Exchange& exchange) { follow_paper(request.parameter("id"), exchange); }),
  };
  routes.back().endless = true;
  return routes;
}

}  // namespace hadal
