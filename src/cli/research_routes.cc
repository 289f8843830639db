#include "cli/research_routes.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "research/report.h"
#include "research/warc.h"
#include "server/api_error.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxRequestBytes = 64 << 10;
constexpr size_t kMaxRemembered = 1000;  // runs that left no folder
constexpr std::chrono::milliseconds kProgressInterval(500);

// One run of this process. Its fields belong to the desk's mutex.
struct LiveRun {
  std::string id;
  research::RunOptions options;
  bool no_model = false;
  std::string state = "waiting";  // "waiting", "running", "done", "stopped", "failed"
  std::string error = {};
  std::vector<research::RunEvent> events = {};
  research::RunProgress progress = {};
  bool stop = false;
  std::thread thread = {};

  bool over() const { return state != "waiting" && state != "running"; }
};
using LiveRunPtr = std::shared_ptr<LiveRun>;

bool is_run_id(const std::string& id) {
  return !id.empty() && id.size() <= 200 && id.front() != '.' && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

int64_t whole_number(const Json& value, const std::string& name, int64_t most) {
  if (!value.is_number_integer() || value < 1 || value > most)
    throw ApiError(400, fmt::format("{}: expected 1 to {}, found {}", name, most, brief_json(value)), name);
  return value.get<int64_t>();
}

research::Budget read_budget(const Json& json, const research::Budget& most) {
  if (!json.is_object())
    throw ApiError(400, fmt::format("budget: expected an object, found {}", brief_json(json)), "budget");
  research::Budget budget;
  for (const auto& [name, value] : json.items()) {
    if (name == "tokens")
      budget.tokens = whole_number(value, "budget.tokens", most.tokens);
    else if (name == "seconds")
      budget.seconds = static_cast<double>(whole_number(value, "budget.seconds", static_cast<int64_t>(most.seconds)));
    else if (name == "pages")
      budget.pages = whole_number(value, "budget.pages", most.pages);
    else
      throw ApiError(400, fmt::format("budget: expected tokens, seconds or pages, found {}", brief(name)), "budget");
  }
  return budget;
}

struct Asked {
  std::string question;
  research::Budget budget;
  bool no_model = false;
};

Asked read_request(const std::string& body, const research::Budget& most) {
  Json json;
  try {
    json = parse_json(body, "the request body");
  } catch (const Error& e) {
    throw ApiError(400, e.what(), "", "invalid_json");
  }
  if (!json.is_object())
    throw ApiError(400, fmt::format("the request body: expected a JSON object, found {}", json.type_name()));
  Asked asked;
  for (const auto& [name, value] : json.items()) {
    if (name == "question") {
      if (!value.is_string())
        throw ApiError(400, fmt::format("question: expected a text, found {}", brief_json(value)), name);
      asked.question = value.get<std::string>();
    } else if (name == "budget") {
      asked.budget = read_budget(value, most);
    } else if (name == "no_model") {
      if (!value.is_boolean())
        throw ApiError(400, fmt::format("no_model: expected true or false, found {}", brief_json(value)), name);
      asked.no_model = value.get<bool>();
    } else {
      throw ApiError(
          400,
          fmt::format("unknown field: {}; expected question, budget or no_model (sources are the operator's)",
                      brief(name)),
          brief(name), "unknown_parameter");
    }
  }
  return asked;
}

Event to_event(const research::RunEvent& event) {
  return {.data = dump_json(OrderedJson{{"kind", event.kind}, {"number", event.number}, {"text", event.text}}),
          .id = std::to_string(event.number)};
}

Event to_event(const research::RunProgress& p, const std::string& state) {
  return {.data = dump_json(OrderedJson{{"kind", "progress"},
                                        {"state", state},
                                        {"round", p.round},
                                        {"pages", p.pages},
                                        {"refused", p.refused},
                                        {"tokens", p.tokens},
                                        {"seconds", p.seconds}})};
}

OrderedJson to_json(const research::RunSummary& run) {
  OrderedJson json = {{"id", run.id}, {"question", run.question}, {"state", run.state}, {"started", run.started}};
  if (!run.error.empty()) json["error"] = run.error;
  return json;
}

// The last one: the client asks no more.
Event end_event(OrderedJson summary) {
  summary["kind"] = "end";
  return {.data = dump_json(summary)};
}

void reply_json(Exchange& exchange, int status, const OrderedJson& json) {
  exchange.reply({status, "application/json", dump_json(json), {}});
}

}  // namespace

struct ResearchDesk::Impl {
  explicit Impl(ResearchDeskOptions given) : options(std::move(given)) {}

  ResearchDeskOptions options;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, LiveRunPtr> runs;
  std::deque<LiveRunPtr> line;  // those that wait
  int running = 0;
  bool closing = false;

  // With the mutex held.
  void start_next() {
    while (!closing && running < options.at_once && !line.empty()) {
      const LiveRunPtr run = line.front();
      line.pop_front();
      if (run->over()) continue;
      run->state = "running";
      running++;
      run->thread = std::thread([this, run] { work(run); });
    }
  }

  void work(const LiveRunPtr& run) {
    research::RunHooks hooks;
    hooks.on_event = [&](const research::RunEvent& event) {
      const std::lock_guard lock(mutex);
      run->events.push_back(event);
      changed.notify_all();
    };
    hooks.on_progress = [&](const research::RunProgress& progress) {
      const std::lock_guard lock(mutex);
      run->progress = progress;
    };
    hooks.stopped = [&] {
      const std::lock_guard lock(mutex);
      return run->stop || closing;
    };
    std::string state = "failed", error;
    try {
      const std::unique_ptr<research::Writer> writer = run->no_model || !options.writer ? nullptr : options.writer();
      const research::Report report = research::research(run->options, writer.get(), hooks);
      state = report.stopped == "user" ? "stopped" : "done";
    } catch (const std::exception& e) {
      error = e.what();
    }
    const std::lock_guard lock(mutex);
    run->state = state;
    run->error = error;
    running--;
    start_next();
    changed.notify_all();
  }

  // With the mutex held. Of a run that is over its folder tells all; one that left none is remembered for a while.
  void forget_finished() {
    const size_t too_many = runs.size() > kMaxRemembered ? runs.size() - kMaxRemembered : 0;
    size_t forgotten = 0;
    for (auto at = runs.begin(); at != runs.end();) {
      LiveRun& run = *at->second;
      if (run.over() && run.thread.joinable()) run.thread.join();  // it has given the mutex back
      const bool told = std::filesystem::exists(run.options.out / research::kJournal);
      if (!run.over() || (!told && forgotten >= too_many)) {
        ++at;
      } else {
        ++forgotten;
        at = runs.erase(at);
      }
    }
  }

  LiveRunPtr live(const std::string& id) {
    const std::lock_guard lock(mutex);
    const auto found = runs.find(id);
    return found == runs.end() ? nullptr : found->second;
  }

  // The folder of a run that there is, live or finished earlier.
  Path folder_of(const HttpRequest& request) {
    const std::string id = request.parameter("id");
    if (is_run_id(id) && std::filesystem::is_directory(options.folder / id)) return options.folder / id;
    if (live(id)) return options.folder / id;  // it waits
    throw ApiError(404, fmt::format("no research run {}; GET /v1/research lists them", brief(id)), "id", "not_found");
  }

  OrderedJson summary(const LiveRun& run) {
    OrderedJson json = {{"id", run.id}, {"question", run.options.question}, {"state", run.state}};
    if (!run.error.empty()) json["error"] = run.error;
    json["round"] = run.progress.round;
    json["pages"] = run.progress.pages;
    json["refused"] = run.progress.refused;
    json["tokens"] = run.progress.tokens;
    json["seconds"] = run.progress.seconds;
    return json;
  }

  OrderedJson all() {
    OrderedJson list = OrderedJson::array();
    std::map<std::string, bool> shown;
    {
      const std::lock_guard lock(mutex);
      for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
        list.push_back(summary(*run->second));
        shown[run->first] = true;
      }
    }
    for (const research::RunSummary& run : research::list_runs(options.folder)) {
      if (shown.count(run.id) != 0) continue;
      list.push_back(to_json(run));
    }
    return {{"runs", list}, {"sources", options.sources}, {"model", static_cast<bool>(options.writer)}};
  }

  OrderedJson one(const HttpRequest& request) {
    const Path folder = folder_of(request);
    const std::string id = folder.filename().string();
    if (const LiveRunPtr run = live(id)) {
      const std::lock_guard lock(mutex);
      return summary(*run);
    }
    if (const auto run = research::run_summary(folder)) return to_json(*run);
    throw ApiError(404, fmt::format("no research run {}; GET /v1/research lists them", brief(id)), "id", "not_found");
  }

  std::string begin(const std::string& body) {
    const Asked asked = read_request(body, options.most);
    if (options.sources.empty())
      throw ApiError(400, "this server researches nothing: it was started without --research-sources");
    const LiveRunPtr run = std::make_shared<LiveRun>();
    run->options.question = asked.question;
    run->options.sources = options.sources;
    run->options.budget = asked.budget;
    run->options.fetch = options.fetch;
    run->no_model = asked.no_model;
    try {
      research::check_options(run->options);
    } catch (const Error& e) {
      throw ApiError(400, e.what(), "question");
    }
    const std::lock_guard lock(mutex);
    forget_finished();
    if (closing) throw ApiError(503, "the server is stopping");
    if (static_cast<int>(line.size()) >= options.waiting)
      throw ApiError(503, fmt::format("{} runs wait already; try again later", line.size()), "", "queue_full");
    run->id = research::new_run_id(options.folder, asked.question,
                                   [&](const std::string& id) { return runs.contains(id); });  // one that waits
    run->options.out = options.folder / run->id;
    runs[run->id] = run;
    line.push_back(run);
    start_next();
    return run->id;
  }

  // Its events from `after` on, as they come, until it is over or the client is gone.
  void follow(const LiveRunPtr& run, int64_t after, Exchange& exchange) {
    std::string shown;
    while (!exchange.client_gone()) {
      std::vector<Event> events;
      bool over = false;
      {
        std::unique_lock lock(mutex);
        changed.wait_for(lock, kProgressInterval);
        for (const research::RunEvent& event : run->events) {
          if (event.number <= after) continue;
          events.push_back(to_event(event));
          after = event.number;
        }
        Event progress = to_event(run->progress, run->state);
        if (progress.data != shown) {
          shown = progress.data;
          events.push_back(std::move(progress));
        }
        over = run->over();
        if (over) events.push_back(end_event(summary(*run)));
      }
      for (Event& event : events) {
        if (!exchange.send_event(std::move(event))) return;
      }
      if (over) return;
    }
  }

  void events(const HttpRequest& request, Exchange& exchange) {
    const Path folder = folder_of(request);
    int64_t after = 0;
    const std::string last = request.header("Last-Event-ID");
    if (!last.empty()) {
      const auto [end, status] = std::from_chars(last.data(), last.data() + last.size(), after);
      if (status != std::errc() || end != last.data() + last.size() || after < 0)
        throw ApiError(400, fmt::format("Last-Event-ID: expected a number, found {}", brief(last)), "Last-Event-ID");
    }
    const LiveRunPtr run = live(folder.filename().string());
    if (run) {
      exchange.open_events();
      return follow(run, after, exchange);
    }
    const OrderedJson summary = one(request);
    const std::vector<research::RunEvent> past = research::run_events(folder);
    exchange.open_events();
    for (const research::RunEvent& event : past) {
      if (event.number > after && !exchange.send_event(to_event(event))) return;
    }
    exchange.send_event(end_event(summary));
  }

  void stop_run(const HttpRequest& request, Exchange& exchange) {
    const Path folder = folder_of(request);
    const LiveRunPtr run = live(folder.filename().string());
    if (run) {
      const std::lock_guard lock(mutex);
      run->stop = true;
      if (run->state == "waiting") {
        run->state = "stopped";
        std::erase(line, run);
      }
      changed.notify_all();
    }
    reply_json(exchange, 202, one(request));
  }

  void file(const HttpRequest& request, Exchange& exchange, const std::string& name, const std::string& type) {
    const Path path = folder_of(request) / name;
    if (!std::filesystem::is_regular_file(path))
      throw ApiError(409, fmt::format("the run has no {} yet; its state says when it is done", name), "", "not_ready");
    HttpHeaders headers = {{"X-Content-Type-Options", "nosniff"}, {"X-Frame-Options", "SAMEORIGIN"}};
    if (type == "text/html; charset=utf-8")
      headers.emplace_back("Content-Security-Policy",
                           "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox");
    if (name == research::kArchive)
      headers.emplace_back("Content-Disposition", fmt::format("attachment; filename=\"{}\"", name));
    exchange.reply({200, type, read_file(path), std::move(headers)});
  }

  // The text that the cites of a source count bytes of, out of the run's archive.
  void source(const HttpRequest& request, Exchange& exchange) {
    const Path folder = folder_of(request);
    const std::string wanted = request.parameter("source");
    if (!std::filesystem::is_regular_file(folder / research::kReportJson))
      throw ApiError(409, "the run has no report yet", "", "not_ready");
    const research::Report report = research::read_report(folder);
    const auto found = std::find_if(report.sources.begin(), report.sources.end(),
                                    [&](const research::ReportSource& s) { return std::to_string(s.id) == wanted; });
    if (found == report.sources.end())
      throw ApiError(404, fmt::format("the report has no source {}", brief(wanted)), "source", "not_found");
    std::optional<std::string> text;
    bool torn = false;
    research::read_warc(
        folder / research::kArchive,
        [&](research::WarcRecord&& record) {
          if (record.id == found->snapshot) text = std::move(record.block);
          return !text;
        },
        &torn);
    if (!text) throw ApiError(404, "the archive lacks this snapshot; hadal research verify says more", "", "not_found");
    exchange.reply({200, "text/plain; charset=utf-8", *text, {{"X-Content-Type-Options", "nosniff"}}});
  }

  void close() {
    std::vector<LiveRunPtr> all;
    {
      const std::lock_guard lock(mutex);
      closing = true;
      for (const auto& [id, run] : runs) all.push_back(run);
      changed.notify_all();
    }
    for (const LiveRunPtr& run : all) {
      if (run->thread.joinable()) run->thread.join();
    }
  }
};

ResearchDesk::ResearchDesk(ResearchDeskOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

ResearchDesk::~ResearchDesk() { impl_->close(); }

std::vector<Route> ResearchDesk::routes() {
  Impl* desk = impl_.get();
  const auto file = [&](const std::string& name, const std::string& type) {
    return Route{.method = "GET",
                 .path = "/v1/research/{id}/" + name,
                 .slow = true,
                 .handler = [desk, name, type](const HttpRequest& request, Exchange& exchange) {
                   desk->file(request, exchange, name, type);
                 }};
  };
  return {
      {.method = "POST",
       .path = "/v1/research",
       .slow = true,
       .max_body_bytes = kMaxRequestBytes,
       .handler =
           [desk](const HttpRequest& request, Exchange& exchange) {
             reply_json(exchange, 202, {{"id", desk->begin(request.body)}});
           }},
      {.method = "GET",
       .path = "/v1/research",
       .slow = true,
       .handler = [desk](const HttpRequest&, Exchange& exchange) { reply_json(exchange, 200, desk->all()); }},
      {.method = "GET",
       .path = "/v1/research/{id}",
       .slow = true,
       .handler = [desk](const HttpRequest& request,
                         Exchange& exchange) { reply_json(exchange, 200, desk->one(request)); }},
      {.method = "GET",
       .path = "/v1/research/{id}/events",
       .slow = true,
       .handler = [desk](const HttpRequest& request, Exchange& exchange) { desk->events(request, exchange); }},
      {.method = "POST",
       .path = "/v1/research/{id}/stop",
       .slow = true,
       .handler = [desk](const HttpRequest& request, Exchange& exchange) { desk->stop_run(request, exchange); }},
      {.method = "GET",
       .path = "/v1/research/{id}/sources/{source}",
       .slow = true,
       .handler = [desk](const HttpRequest& request, Exchange& exchange) { desk->source(request, exchange); }},
      file(research::kReportHtml, "text/html; charset=utf-8"),
      file(research::kReportMarkdown, "text/markdown; charset=utf-8"),
      file(research::kReportJson, "application/json"),
      file(research::kArchive, "application/warc"),
  };
}

}  // namespace hadal
