// The whole cluster as it is shown: machines, the line, decisions, the ledger, and whether all of it holds together.
#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "cluster/daemon/impl.h"
#include "cluster/daemon/ledger.h"
#include "cluster/daemon/views.h"

namespace hadal::cluster {
namespace {

constexpr size_t kPromised = 20;  // of the line's first; a promise is a run of the policy forward
constexpr size_t kShownLine = 500;
constexpr int kShownDecisions = 500;

bool seen_by(const Caller& caller, const std::map<int64_t, Idea>& ideas, int64_t idea) {
  const auto found = ideas.find(idea);
  return found != ideas.end() && may_see(caller, found->second);
}

// The line; under the lock of the daemon.
OrderedJson line_json(Daemon& daemon, const Caller& caller) {
  Daemon::Impl& d = daemon.impl();
  const Snapshot seen = d.snapshot();
  OrderedJson queue = OrderedJson::array();
  int place = 0;
  for (const int64_t id : line(d.rules, seen)) {
    ++place;
    const LiveRun& live = d.runs.at(id);
    const Run& run = live.run;
    if (queue.size() >= kShownLine) break;
    if (!seen_by(caller, d.ideas, run.idea)) continue;
    OrderedJson row = {{"position", place}, {"run", run_name(id)}, {"idea", d.idea_name(run.idea)}};
    row["person"] = d.person_name(run.person), row["state"] = name_of(run.state);
    row["slots"] = run.size.slots, row["nodes"] = run.size.nodes, row["rung"] = run.rung;
    row["waits_s"] = std::max(0.0, seen.now - live.waiting_since);
    row["starts_within_s"] = OrderedJson();
    if (queue.size() < kPromised) {
      std::optional<double> within = starts_within(d.rules, seen, id);
      // What was promised when it was submitted holds, whoever came later.
      if (!live.started_before && live.promised_by < kUnknown)
        within = std::max(0.0, std::min(within.value_or(kUnknown), live.promised_by - seen.now));
      if (within) row["starts_within_s"] = *within;
    }
    row["reason"] = run.reason;
    queue.push_back(std::move(row));
  }
  return queue;
}

}  // namespace

OrderedJson queue_view(Daemon& daemon, const Caller& caller) {
  const auto guard = daemon.impl().enter();
  return {{"queue", line_json(daemon, caller)}};
}

OrderedJson status_view(Daemon& daemon, const Caller& caller) {
  Daemon::Impl& d = daemon.impl();
  const auto guard = d.enter();
  std::map<std::string, int> used;
  std::map<std::string, OrderedJson> on_node;
  struct OfPerson {
    int slots = 0, running = 0, waiting = 0;
  };
  std::map<int64_t, OfPerson> by_person;
  for (const auto& [id, live] : d.runs) {
    OfPerson& person = by_person[live.run.person];
    const auto idea = d.ideas.find(live.run.idea);
    person.waiting +=
        waits_in_line(live) && idea != d.ideas.end() && why_it_stays(live.run, idea->second.state).empty();
    if (!live.attempt) continue;
    ++person.running;
    for (const Place& place : live.attempt->places) {
      used[place.node] += place.slots;
      person.slots += place.slots;
      if (!seen_by(caller, d.ideas, live.run.idea)) continue;
      OrderedJson& list = on_node[place.node];
      if (list.is_null()) list = OrderedJson::array();
      list.push_back({{"run", run_name(id)},
                      {"idea", d.idea_name(live.run.idea)},
                      {"person", d.person_name(live.run.person)},
                      {"state", name_of(live.run.state)},
                      {"slots", place.slots},
                      {"rung", live.run.rung},
                      {"since", live.began}});
    }
  }
  int total = 0, all_used = 0;
  OrderedJson nodes = OrderedJson::array();
  for (const PolicyNode& node : d.nodes) {
    const auto stale = d.stale_slots.find(node.name);
    const int foreign = node.foreign_slots + (stale == d.stale_slots.end() ? 0 : stale->second);
    if (node.up) total += node.slots;
    all_used += used[node.name] + foreign;
    OrderedJson& list = on_node[node.name];
    nodes.push_back({{"node", node.name},
                     {"slots", node.slots},
                     {"used", used[node.name] + foreign},
                     {"foreign", foreign},
                     {"up", node.up},
                     {"memory_bytes", node.memory_bytes},
                     {"runs", list.is_null() ? OrderedJson::array() : list}});
  }
  OrderedJson persons = OrderedJson::array();
  for (const auto& [id, person] : d.people) {
    if (person.removed) continue;
    const OfPerson& of = by_person[id];
    persons.push_back({{"person", person.name},
                       {"lead", person.lead},
                       {"slots", of.slots},
                       {"running", of.running},
                       {"waiting", of.waiting},
                       {"core_hours", d.usage_now(id) / 3600}});
  }
  OrderedJson json = {
      {"slots", {{"total", total}, {"used", all_used}, {"free_share", free_slots_kept(d.rules, total)}}},
      {"nodes", std::move(nodes)},
      {"people", std::move(persons)},
      {"queue", line_json(daemon, caller)},
      {"generation", d.generation},
      {"cluster", d.cluster_id},
      {"url", d.options.url},
      {"time", d.now()}};
  if (!d.policy_error.empty()) json["policy_error"] = d.policy_error;
  if (!d.backend_error.empty()) json["backend_error"] = d.backend_error;
  if (!d.store_error.empty()) json["store_error"] = d.store_error;
  return json;
}

OrderedJson decisions_view(Daemon& daemon, const Caller& caller, int64_t after) {
  Store& store = daemon.store();
  std::map<int64_t, Idea> ideas;
  for (Idea& idea : store.ideas()) ideas.emplace(idea.id, std::move(idea));
  int64_t last = after;
  OrderedJson list = OrderedJson::array();
  for (const Decision& decision : store.decisions_after(after, kShownDecisions, &last))
    if (seen_by(caller, ideas, decision.idea)) list.push_back(decision_json(decision, ideas.at(decision.idea).name));
  return {{"decisions", std::move(list)}, {"last", last}};
}

OrderedJson ledger_view(Daemon& daemon, const Caller& caller, const std::string& by) {
  if (by != "person" && by != "idea" && by != "run")
    refuse(400, "by: expected person, idea or run, found {}", brief(by));
  Store& store = daemon.store();
  std::map<int64_t, Idea> ideas;
  for (Idea& idea : store.ideas()) ideas.emplace(idea.id, std::move(idea));
  std::map<int64_t, std::string> names;
  for (const Person& person : store.people()) names.emplace(person.id, person.name);
  const auto used = store.used_by_runs();
  std::map<int64_t, Store::Used> sums;  // by id, in its order
  std::map<int64_t, RunHead> heads;
  Store::Used all;
  for (const RunHead& run : store.run_heads()) {
    const auto found = used.find(run.id);
    if (found == used.end()) continue;
    if (by != "person" && !seen_by(caller, ideas, run.idea)) continue;
    for (Store::Used* sum : {&sums[by == "person" ? run.person : by == "idea" ? run.idea : run.id], &all}) {
      sum->core_seconds += found->second.core_seconds, sum->joules += found->second.joules;
      sum->unmeasured_core_seconds += found->second.unmeasured_core_seconds;
      sum->attempts += found->second.attempts;
    }
    if (by == "run") heads.emplace(run.id, run);
  }
  PolicyRules rules;
  {
    const auto guard = daemon.impl().enter();
    rules = daemon.impl().rules;
  }
  const auto add_cost = [&](OrderedJson row, const Store::Used& sum) {
    row["attempts"] = sum.attempts;
    const OrderedJson cost = cost_json(cost_of(rules, sum.core_seconds, sum.joules, sum.unmeasured_core_seconds));
    for (const auto& [key, value] : cost.items()) row[key] = value;
    return row;
  };
  OrderedJson rows = OrderedJson::array();
  for (const auto& [id, sum] : sums) {
    OrderedJson row;
    if (by == "person") row["person"] = names[id];
    if (by == "idea") row["idea"] = ideas.at(id).name, row["person"] = names[ideas.at(id).owner];
    if (by == "run") {
      const RunHead& run = heads.at(id);
      row["run"] = run_name(id), row["idea"] = ideas.at(run.idea).name, row["person"] = names[run.person];
    }
    rows.push_back(add_cost(std::move(row), sum));
  }
  return {{"by", by},
          {"currency", rules.currency},
          {"rows", std::move(rows)},
          {"total", add_cost(OrderedJson::object(), all)}};
}

// The invariants of the state machine, over everything that is stored.
OrderedJson check_view(Daemon& daemon) {
  Daemon::Impl& d = daemon.impl();
  Store& store = daemon.store();
  const auto guard = d.enter();
  OrderedJson mistakes = OrderedJson::array();
  int64_t count_attempts = 0, count_decisions = 0;
  std::map<std::string, int> used;
  double ledger = 0, of_attempts = 0;
  const std::vector<Run> runs = store.runs();
  for (const Run& run : runs) {
    const std::string name = run_name(run.id);
    const auto wrong = [&](const std::string& what) { mistakes.push_back(name + ": " + what); };
    if (run.tracked) continue;
    int live = 0, last = 0;
    for (const Attempt& attempt : store.attempts(run.id)) {
      ++count_attempts;
      if (attempt.number != ++last) wrong(fmt::format("attempt {} after {}", attempt.number, last - 1));
      if (attempt.core_seconds < 0) wrong("negative core-seconds");
      of_attempts += attempt.core_seconds;
      if (attempt.ended > 0) continue;
      ++live;
      for (const Place& place : attempt.places) used[place.node] += place.slots;
    }
    if (last != run.attempts) wrong(fmt::format("{} attempts on record, its row says {}", last, run.attempts));
    if (live != (is_live(run.state) ? 1 : 0))
      wrong(fmt::format("is {} with {} live attempts", name_of(run.state), live));
    std::string state;
    for (const Decision& decision : store.decisions_of_run(run.id)) {
      ++count_decisions;
      if (decision.kind != "state") continue;
      if (decision.from != state) wrong(fmt::format("a decision from {}, it was {}", decision.from, state));
      const auto from = state_named(decision.from), to = state_named(decision.to);
      if (!to || (from && !may_follow(*from, *to)) || (!from && !decision.from.empty()))
        wrong(fmt::format("{} after {}", decision.to, decision.from));
      if (decision.reason.empty() || decision.by.empty()) wrong("a decision without a reason or an actor");
      state = decision.to;
    }
    if (state != name_of(run.state)) wrong(fmt::format("is {}, the last decision says {}", name_of(run.state), state));
  }
  for (const auto& [run, sum] : store.used_by_runs()) ledger += sum.core_seconds;
  if (std::abs(ledger - of_attempts) > 1e-6 * std::max(1.0, of_attempts))
    mistakes.push_back("the ledger is not the sum");
  for (const PolicyNode& node : d.nodes)
    if (used[node.name] > node.slots)
      mistakes.push_back(fmt::format("{}: {} slots are used of {}", node.name, used[node.name], node.slots));
  return {{"runs", runs.size()},
          {"attempts", count_attempts},
          {"decisions", count_decisions},
          {"core_hours", of_attempts / 3600},
          {"mistakes", std::move(mistakes)}};
}

}  // namespace hadal::cluster
