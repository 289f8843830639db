// What the policy sees.
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

constexpr double kRateSeconds = 20;         // a rate of tokens is believed after so long
constexpr double kCheckpointsSeconds = 10;  // between two looks for checkpoints

}  // namespace

std::string why_it_stays(const Run& run, IdeaState idea) {
  const bool waits = run.state == RunState::queued || (run.state == RunState::suspended && !run.by_person);
  if (!waits || run.tracked || idea == IdeaState::open) return "";
  return idea == IdeaState::parked ? "its idea is parked and starts nothing" : "its idea is closed and starts nothing";
}

bool waits_in_line(const LiveRun& live) {
  return live.run.state == RunState::queued || (live.run.state == RunState::suspended && !live.run.by_person);
}

PolicyRun Daemon::Impl::policy_run(const LiveRun& live, double at) const {
  const Run& run = live.run;
  PolicyRun seen;
  seen.id = run.id, seen.idea = run.idea, seen.person = run.person, seen.size = run.size, seen.rung = run.rung;
  seen.arrived = run.submitted, seen.started_before = live.started_before;
  seen.promised_by = live.promised_by;
  seen.waiting_since = live.waiting_since, seen.claim = run.claim;
  if (!live.attempt) {
    if (run.time_limit_s > 0) seen.ends = at + std::max(0.0, run.time_limit_s - live.used_s);
    return seen;
  }
  const bool leaves = run.state == RunState::suspending || !live.stop_by.empty();
  seen.phase = leaves ? PolicyRun::Phase::leaving : PolicyRun::Phase::active;
  seen.began = live.began, seen.held = live.attempt->places;
  seen.leaving_for = live.leaving_for;
  if (live.saved > 0) seen.saved = live.saved;
  if (run.time_limit_s > 0) seen.ends = std::max(at, live.began + run.time_limit_s - live.used_s);
  const double measured_s = at - live.first_tokens_at;
  if (live.first_tokens >= 0 && live.tokens > live.first_tokens && measured_s >= kRateSeconds) {
    const double rate = static_cast<double>(live.tokens - live.first_tokens) / measured_s;
    const auto left = static_cast<double>(budget_of(run) - live.tokens);
    seen.ends = std::min(seen.ends, at + std::max(0.0, left) / rate);
  }
  return seen;
}

Snapshot Daemon::Impl::snapshot() {
  Snapshot seen;
  seen.now = now();
  seen.nodes = nodes;
  for (PolicyNode& node : seen.nodes)
    if (const auto held = stale_slots.find(node.name); held != stale_slots.end()) node.foreign_slots += held->second;
  std::set<int64_t> persons;
  double arrived = 0;
  for (const auto& [id, live] : runs) {
    const bool live_attempt = live.attempt.has_value();
    if (!live_attempt) {
      if (!waits_in_line(live) || stale_runs.contains(id)) continue;
      const auto idea = ideas.find(live.run.idea);
      const auto person = people.find(live.run.person);
      if (idea == ideas.end() || idea->second.state != IdeaState::open) continue;
      if (person == people.end() || person->second.removed) continue;
    }
    seen.runs.push_back(policy_run(live, seen.now));
    arrived = seen.runs.back().arrived = std::max(arrived, seen.runs.back().arrived);  // in the order of ids
    persons.insert(live.run.person);
  }
  for (const Grant& grant : grants)
    if (grant.until > seen.now) seen.grants.push_back({grant.idea, grant.slots, grant.given, grant.until});
  for (const int64_t person : persons) seen.people.push_back({person, usage_now(person)});
  return seen;
}

// The newest entry "checkpoint*" of the run's folder; what other programs save is not known.
void Daemon::Impl::look_for_checkpoints() {
  const double at = now(), wall = options.clock.wall();
  for (auto& [id, live] : runs) {
    if (!live.attempt || live.run.state != RunState::running || at - live.looked_saved < kCheckpointsSeconds) continue;
    live.looked_saved = at;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(run_folder(id), error), end; !error && entry != end;
         entry.increment(error)) {
      struct stat there = {};
      if (!entry->path().filename().string().starts_with("checkpoint")) continue;
      if (::lstat(entry->path().c_str(), &there) != 0) continue;
      const double age = std::max(0.0, wall - static_cast<double>(there.st_mtim.tv_sec));
      if (at - age > live.began) live.saved = std::max(live.saved, at - age);
    }
  }
}

}  // namespace hadal::cluster
