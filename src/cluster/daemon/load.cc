// What a daemon has in memory, read from its store: at its start, and again where writing failed.
#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/log.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {

void Daemon::Impl::load() {
  const double at = now();
  const auto past = [at](double time) { return std::min(time, at); };  // the clock may have been set back meanwhile
  runs.clear(), ideas.clear(), people.clear(), usage.clear();
  for (const Idea& idea : store.ideas()) ideas.emplace(idea.id, idea);
  for (const Person& person : store.people()) people.emplace(person.id, person);
  grants = store.grants();
  std::unordered_map<int64_t, int64_t> person_of;
  for (const RunHead& head : store.run_heads()) person_of.emplace(head.id, head.person);
  for (Run& run : store.runs_in({RunState::queued, RunState::starting, RunState::running, RunState::suspending,
                                 RunState::suspended, RunState::paused})) {
    if (run.tracked) continue;
    LiveRun live;
    live.run = std::move(run);
    live.waiting_since = past(live.run.submitted);
    if (const auto resumed = store.note("run", live.run.id, "resumed"))
      live.waiting_since = std::max(live.waiting_since, past(std::stod(*resumed)));
    if (const auto asked = store.note("ask", live.run.id, "stop")) {
      const Json stop = parse_json(*asked, "the store's note of a stop");
      live.stop_by = stop.at("by"), live.stop_why = stop.at("why"), live.stop_rule = stop.at("rule");
    }
    if (const auto promised = store.note("run", live.run.id, "promised_by")) live.promised_by = std::stod(*promised);
    runs.emplace(live.run.id, std::move(live));
  }
  for (Attempt& attempt : store.all_attempts()) {
    if (attempt.ended > 0) add_usage(person_of[attempt.run], attempt.core_seconds, past(attempt.ended));
    const auto found = runs.find(attempt.run);
    if (found == runs.end()) continue;
    LiveRun& live = found->second;
    if (attempt.started > 0) live.started_before = true;
    if (attempt.ended > 0) {
      live.waiting_since = std::max(live.waiting_since, past(attempt.ended));
      live.used_s += seconds_of(attempt);
    } else if (is_live(live.run.state)) {
      live.began = past(attempt.started > 0 ? attempt.started : attempt.decided);
      live.attempt_rung = std::stoi(store.note("attempt", attempt.run, "rung").value_or("1"));
      live.tail = store.tail(attempt.run);
      if (live.tail && live.tail->attempt != attempt.number) live.tail.reset();
      if (live.run.state == RunState::suspending)
        live.leaving_for = std::stoll(store.note("attempt", attempt.run, "leaving_for").value_or("0"));
      live.attempt = std::move(attempt);
    }
  }
  must_load = false;
  ladder_due = true;
}

void Daemon::Impl::load_policy() {
  const Path file = options.policy.empty() ? options.folder / "policy.toml" : options.policy;
  std::error_code error;
  const auto time = std::filesystem::last_write_time(file, error);
  if (error) {
    if (!options.policy.empty())
      policy_error = fmt::format("{}: {}; the last rules stay", file.string(), error.message());
    return;
  }
  if (time == policy_time) return;
  policy_time = time;
  try {
    rules = read_policy(file);
    policy_error.clear();
  } catch (const Error& mistake) {
    policy_error = mistake.what();
    log_warning("{}; the rules from before stay", policy_error);
  }
}

void Daemon::Impl::add_usage(int64_t person, double core_seconds, double ended) {
  Usage& used = usage[person];
  const double half_life_s = rules.half_life_days * 86'400;
  if (ended >= used.at) {
    used.core_seconds = used.core_seconds * std::exp2((used.at - ended) / half_life_s) + core_seconds;
    used.at = ended;
  } else {
    used.core_seconds += core_seconds * std::exp2((ended - used.at) / half_life_s);
  }
}

double Daemon::Impl::usage_now(int64_t person) const {
  const double at = now(), half_life_s = rules.half_life_days * 86'400;
  const auto found = usage.find(person);
  double sum = found == usage.end()
                   ? 0
                   : found->second.core_seconds * std::exp2(std::min(0.0, found->second.at - at) / half_life_s);
  for (const auto& [id, live] : runs) {
    if (!live.attempt || live.run.person != person) continue;
    int slots = 0;
    for (const Place& place : live.attempt->places) slots += place.slots;
    // Of each second of it, what is left by now.
    sum += slots * half_life_s / std::log(2.0) * (1 - std::exp2(-std::max(0.0, at - live.began) / half_life_s));
  }
  return sum;
}

}  // namespace hadal::cluster
