#include "cluster/api.h"

#include <charconv>
#include <ctime>

#include "base/json.h"
#include "base/text.h"
#include "cluster/daemon/impl.h"
#include "cluster/daemon/views.h"
#include "cluster/tracking/tracking.h"

namespace hadal::cluster {
namespace {

constexpr std::string_view kRoot = "/api/cluster/";

ApiReply json_reply(const OrderedJson& json) { return {.status = 200, .body = dump_json(json) + "\n"}; }

ApiReply error_reply(int status, const std::string& words) {
  return {.status = status, .body = dump_json(OrderedJson{{"error", words}}) + "\n"};
}

// The fields of a body; an empty one has none.
class ApiBody {
 public:
  explicit ApiBody(const ApiRequest& request) {
    if (request.body.find_first_not_of(" \t\r\n") == std::string::npos) return;
    try {
      json_ = parse_json(request.body, "the body");
    } catch (const Error& mistake) {
      refuse(400, "{}", mistake.what());
    }
    if (!json_.is_object()) refuse(400, "the body: expected an object, found {}", json_.type_name());
  }
  std::string text(const char* name) const {
    const Json* value = find(name);
    if (value == nullptr) return "";
    if (!value->is_string()) refuse(400, "{}: expected a text, found {}", name, brief_json(*value));
    return value->get<std::string>();
  }
  bool flag(const char* name, bool fallback) const {
    const Json* value = find(name);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) refuse(400, "{}: expected true or false, found {}", name, brief_json(*value));
    return value->get<bool>();
  }
  int whole(const char* name, int low) const {
    const Json* value = find(name);
    if (value == nullptr || !value->is_number_integer() || value->get<int64_t>() < low ||
        value->get<int64_t>() > 1'000'000)
      refuse(400, "{}: expected a whole number from {}, found {}", name, low,
             value == nullptr ? "nothing" : brief_json(*value));
    return value->get<int>();
  }
  const Json* find(const char* name) const {
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

 private:
  Json json_ = Json::object();
};

// 2026-12-24 (to the end of that day), 2026-12-24T18:00 (UTC), or seconds since 1970.
double read_until(const ApiBody& body) {
  const Json* value = body.find("until");
  if (value != nullptr && value->is_number()) return value->get<double>();
  const std::string text = body.text("until");
  int year = 0, month = 0, day = 0, hour = 24, minute = 0, length = 0;
  const int got = std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &length);
  bool good = got == 3 && length == 10 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
  if (good && text.size() > 10) {
    int rest = 0;
    good = (text[10] == 'T' || text[10] == ' ') &&
           std::sscanf(text.c_str() + 11, "%2d:%2d%n", &hour, &minute, &rest) == 2 && hour >= 0 && hour < 24 &&
           minute >= 0 && minute < 60 &&
           (text.substr(11 + static_cast<size_t>(rest)).empty() || text.substr(11 + static_cast<size_t>(rest)) == "Z" ||
            text.substr(11 + static_cast<size_t>(rest)) == ":00Z");
  }
  if (!good) refuse(400, "until: expected a date such as 2026-12-24 or 2026-12-24T18:00, found {}", brief(text));
  struct tm time = {};
  time.tm_year = year - 1900, time.tm_mon = month - 1, time.tm_mday = day, time.tm_hour = hour, time.tm_min = minute;
  const time_t seconds = ::timegm(&time);
  struct tm back = {};
  const time_t day_start = seconds - hour * 3600 - minute * 60;
  ::gmtime_r(&day_start, &back);
  if (back.tm_mday != day) refuse(400, "until: there is no day {}", brief(text));
  return static_cast<double>(seconds);
}

std::string query_text(const ApiRequest& request, const char* name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? "" : found->second;
}

int64_t query_number(const ApiRequest& request, const char* name) {
  const std::string text = query_text(request, name);
  int64_t number = 0;
  if (text.empty()) return 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    refuse(400, "{}: expected a whole number, found {}", name, brief(text));
  return number;
}

int64_t run_in_path(const std::string& text) {
  const auto run = run_named(text);
  if (!run) refuse(404, "there is no run {}: expected an id such as r12", brief(text));
  return *run;
}

OrderedJson new_idea(Daemon& daemon, const Caller& caller, const ApiBody& body) {
  Daemon::Impl& d = daemon.impl();
  if (caller.run != 0) refuse(403, "the token of an attempt opens its own run alone");
  Idea idea;
  idea.name = body.text("name"), idea.why = body.text("why"), idea.secret = body.flag("private", false);
  idea.owner = caller.person.id, idea.created = d.now();
  if (const std::string mistake = name_mistake(idea.name); !mistake.empty())
    refuse(400, "{}: {}", brief(idea.name), mistake);
  if (idea.why.empty() || idea.why.size() > 10'000) refuse(400, "why: expected a reason of at most 10,000 bytes");
  const auto guard = d.enter();
  d.commit([&] {
    if (d.store.idea_named(idea.name)) refuse(409, "there is an idea \"{}\" already; take another name", idea.name);
    idea = d.store.add_idea(idea);
    d.store.add(Decision{d.now(), 0, idea.id, "idea", "", "open", caller.person.name, "person", idea.why});
  });
  d.ideas[idea.id] = idea;
  return {{"idea", idea.name}, {"owner", caller.person.name}, {"why", idea.why}, {"state", "open"}};
}

OrderedJson change_idea(Daemon& daemon, const Caller& caller, const std::string& name, const std::string& verb,
                        const ApiBody& body) {
  Daemon::Impl& d = daemon.impl();
  const bool for_leads = verb == "promote" || verb == "grant" || verb == "baseline";
  const std::string why = body.text("why");
  OrderedJson reply = {{"idea", name}};
  {
    const auto guard = d.enter();
    const Idea idea = d.idea_to_change(caller, name, for_leads);
    if (verb == "promote") {
      OrderedJson runs = OrderedJson::array();
      const int to = body.whole("to", 2);
      int rung = 0;  // the last one of a short run may be lower
      for (const int64_t run : d.promote(caller, idea, to, why)) {
        runs.push_back(run_name(run));
        rung = std::max(rung, d.runs.at(run).run.rung);
      }
      reply["rung"] = rung, reply["runs"] = std::move(runs);
    } else if (verb == "grant") {
      const Grant grant = d.give_grant(caller, idea, body.whole("slots", 0), read_until(body), why);
      reply["slots"] = grant.slots, reply["until"] = grant.until;
    } else if (verb == "baseline") {
      d.set_baseline(caller, idea, body.flag("baseline", true), why);
      reply["baseline"] = body.flag("baseline", true);
    } else if (verb == "park" || verb == "close" || verb == "open") {
      const IdeaState state = verb == "park"    ? IdeaState::parked
                              : verb == "close" ? IdeaState::closed
                                                : IdeaState::open;
      d.set_idea_state(caller, idea, state, why);
      reply["state"] = verb == "park" ? "parked" : verb == "close" ? "closed" : "open";
    } else {
      refuse(404, "an idea is to promote, grant, park, close, open or baseline, not to {}", brief(verb));
    }
  }
  daemon.wake();
  return reply;
}

OrderedJson answer_get(Daemon& daemon, const Caller& caller, const ApiRequest& request,
                       const std::vector<std::string>& path) {
  const size_t parts = path.size();
  const std::string& what = path[0];
  if (what == "runs" && parts >= 2) {
    const int64_t run = run_in_path(path[1]);
    if (parts == 2) return run_view(daemon, caller, run);
    if (parts == 3 && path[2] == "log") return log_view(daemon, caller, run, query_number(request, "from"));
    if (parts == 3 && path[2] == "metrics")
      return metrics_view(daemon, caller, run, query_text(request, "key"), query_number(request, "from"));
  }
  if (caller.run != 0) refuse(403, "the token of an attempt opens its own run alone");
  if (what == "ideas" && parts == 2) return idea_view(daemon, caller, path[1]);
  if (parts != 1) refuse(404, "there is nothing at {}", brief(request.path));
  if (what == "ideas")
    return ideas_view(daemon, caller, !query_text(request, "mine").empty() && query_text(request, "mine") != "0",
                      query_text(request, "state"));
  if (what == "compare") {
    std::vector<int64_t> runs;
    for (const std::string& run : split(query_text(request, "runs"), ',')) runs.push_back(run_in_path(run));
    return compare_view(daemon, caller, runs, query_text(request, "metric"));
  }
  if (what == "status") return status_view(daemon, caller);
  if (what == "queue") return queue_view(daemon, caller);
  if (what == "decisions") return decisions_view(daemon, caller, query_number(request, "after"));
  if (what == "ledger") {
    const std::string by = query_text(request, "by");
    return ledger_view(daemon, caller, by.empty() ? "person" : by);
  }
  if (what == "check") return check_view(daemon);
  if (what == "whoami")
    return {{"name", caller.person.name},
            {"lead", caller.person.lead},
            {"unix", caller.person.unix_user},
            {"local", caller.local}};
  refuse(404, "there is nothing at {}", brief(request.path));
}

OrderedJson answer_post(Daemon& daemon, const Caller& caller, const ApiRequest& request,
                        const std::vector<std::string>& path) {
  const size_t parts = path.size();
  if (parts == 1 && path[0] == "submit") return daemon.submit(caller, read_submission(request.body));
  const ApiBody body(request);
  if (parts == 1 && path[0] == "ideas") return new_idea(daemon, caller, body);
  if (parts == 3 && path[0] == "ideas") return change_idea(daemon, caller, path[1], path[2], body);
  if (parts == 3 && path[0] == "runs") {
    const int64_t run = run_in_path(path[1]);
    daemon.act(caller, run, path[2], body.text("why"));
    const auto after = daemon.store().run(run);
    return {{"run", run_name(run)}, {"state", name_of(after->state)}, {"reason", after->reason}};
  }
  if (parts == 1 && path[0] == "users") {
    const auto [person, token] =
        daemon.impl().add_user(caller, body.text("name"), body.text("unix"), body.flag("lead", false));
    return {{"name", person.name}, {"unix", person.unix_user}, {"lead", person.lead}, {"token", token}};
  }
  refuse(404, "there is nothing to do at {}", brief(request.path));
}

}  // namespace

ApiReply answer(Daemon& daemon, const ApiRequest& request) {
  if (!request.path.starts_with(kRoot)) return answer_mlflow(daemon, request);
  try {
    const Caller caller = daemon.caller(request.who);
    const std::vector<std::string> path = split(std::string_view(request.path).substr(kRoot.size()), '/');
    if (request.method == "GET") return json_reply(answer_get(daemon, caller, request, path));
    if (request.method == "POST") return json_reply(answer_post(daemon, caller, request, path));
    if (request.method == "DELETE" && path.size() == 2 && path[0] == "users") {
      daemon.impl().remove_user(caller, path[1]);
      return json_reply({{"removed", path[1]}});
    }
    return error_reply(404, fmt::format("there is nothing for {} at {}", brief(request.method), brief(request.path)));
  } catch (const ApiError& error) {
    return error_reply(error.status, error.what());
  } catch (const Error& error) {  // the store's: a full or locked disk
    return error_reply(507, error.what());
  }
}

}  // namespace hadal::cluster
