// One round of the daemon: what the backend sees, what ended, what is to start; decided, committed, carried out. The
// same round makes sense of everything that a killed daemon left behind.
#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/log.h"
#include "cluster/daemon/impl.h"
#include "cluster/supervisor/attempt_files.h"

namespace hadal::cluster {
namespace {

constexpr double kSilentSeconds = 10;  // between a supervisor's end and its exit.json, which a shared disk may delay
constexpr double kSignalAgainSeconds = 15;
constexpr double kNodesSeconds = 10;  // between two questions for the nodes while nothing waits

}  // namespace

void Daemon::Impl::tick() {
  store.check_generation();  // one that was frozen must not take another daemon's attempts for stale ones
  bool idle = false;
  {
    const auto guard = enter();
    load_policy();
    const bool busy = std::any_of(runs.begin(), runs.end(), [](const auto& entry) {
      return entry.second.attempt || waits_in_line(entry.second);
    });
    idle = !busy && nodes_known && now() - nodes_at < kNodesSeconds;
  }
  if (!idle) look_around();
  {
    const auto guard = enter();
    drop_ended();
    if (ladder_due) climb_ladder();
    if (nodes_known) decide_and_commit();
  }
  act_on_backend();
}

// Asks the backend without the lock: it may take its time.
void Daemon::Impl::look_around() {
  std::vector<Sighting> sightings;
  std::vector<PolicyNode> seen;
  std::string error;
  try {
    seen = backend->nodes();
    sightings = backend->look();
  } catch (const Error& mistake) {
    error = mistake.what();
  }
  if (error.empty()) pieces = read_ahead(sightings);
  const auto guard = enter();
  if (error != backend_error && !error.empty()) log_warning("{}; nothing is concluded from that", error);
  backend_error = error;
  looked = error.empty();
  if (looked) {
    nodes = std::move(seen);
    nodes_known = true;
    nodes_at = now();
  }
  take_sightings(sightings);
  pieces.clear();
}

void Daemon::Impl::take_sightings(const std::vector<Sighting>& sightings) {
  std::map<std::string, const Sighting*> by_name;
  for (const Sighting& sighting : sightings) by_name.emplace(sighting.name, &sighting);
  std::set<std::string> known;
  for (auto& [id, live] : runs) {
    if (!live.attempt) continue;
    const std::string name = attempt_name(id, live.attempt->number);
    known.insert(name);
    const auto found = by_name.find(name);
    follow(live, found == by_name.end() ? nullptr : found->second);
  }
  if (looked) look_for_stale(sightings, known);
  look_for_checkpoints();
}

// Attempts that are over for us and compute on: their node was lost and came back.
void Daemon::Impl::look_for_stale(const std::vector<Sighting>& sightings, const std::set<std::string>& known) {
  stale_slots.clear();
  stale.clear();
  stale_runs.clear();
  const std::string prefix = fmt::format("hadal-{}-", cluster_id);
  for (const Sighting& sighting : sightings) {
    if (sighting.state != Sighting::State::running && sighting.state != Sighting::State::waiting) continue;
    if (known.contains(sighting.name) || !sighting.name.starts_with(prefix)) continue;
    const std::string rest = sighting.name.substr(prefix.size());
    const size_t dash = rest.find('-');
    const auto run = run_named(rest.substr(0, dash));
    if (!run || dash == std::string::npos) continue;
    for (const Attempt& attempt : store.attempts(*run)) {
      if (std::to_string(attempt.number) != rest.substr(dash + 1)) continue;
      for (const Place& place : attempt.places) stale_slots[place.node] += place.slots;
      stale.emplace_back(sighting.name, sighting.backend_id);
      stale_runs.insert(*run);
    }
  }
}

void Daemon::Impl::follow(LiveRun& live, const Sighting* sighting) {
  const int64_t id = live.run.id;
  const Attempt& attempt = *live.attempt;
  const Path folder = run_folder(id);
  live.seen_waiting = sighting != nullptr && sighting->state == Sighting::State::waiting;
  if (!looked) return;
  const double at = now();
  // What the backend still sees holds its slots, whatever stands in its folder.
  if (sighting != nullptr && (sighting->state == Sighting::State::running || live.seen_waiting)) {
    live.silent_since = 0;
    if (!live.seen_waiting) live.last_seen = at;
    if (attempt.backend_id != sighting->backend_id || (attempt.started == 0 && !live.seen_waiting)) {
      Attempt changed = attempt;
      changed.backend_id = sighting->backend_id;
      const bool starts = changed.started == 0 && !live.seen_waiting;
      if (starts) changed.started = at;
      commit([&] {
        store.update(changed);
        if (starts && live.run.state == RunState::starting)
          change_state(live, RunState::running, "backend", "start", fmt::format("runs as {}", changed.backend_id));
      });
      if (starts) live.began = at, live.started_before = true;
      live.attempt = changed;
    }
    read_metrics(live, false);
    return;
  }
  // The backend's notes may be lost: a supervisor that has its attempt still is there, and holds its slots.
  if (sighting == nullptr && attempt_held(folder, attempt.number)) {
    live.silent_since = 0;
    return read_metrics(live, false);
  }
  if (const auto end = read_attempt_end(folder, attempt.number)) {
    live.silent_ends = 0;
    read_metrics(live, true);
    return end_attempt(live, *end);
  }
  if (sighting != nullptr && sighting->state == Sighting::State::lost) {
    live.silent_ends = 0;
    return lose_attempt(live, fmt::format("its node was lost ({})", sighting->words));
  }

  std::error_code error;
  const bool taken = std::filesystem::exists(folder / "attempts" / std::to_string(attempt.number) / "taken", error);
  const bool never_started = sighting == nullptr && !taken && attempt.backend_id.empty();
  if (never_started && live.stop_by.empty() && live.run.state == RunState::starting) {
    if (!std::filesystem::is_directory(folder, error)) lose_attempt(live, "it could not be started");
    return;  // act_on_backend() starts it
  }
  if (never_started) {
    Attempt none = attempt;
    none.ended = at;
    none.why = "was never started";
    return withdraw_attempt(live, none, RunState::suspended, "had not been started yet");
  }
  if (live.silent_since == 0) live.silent_since = at;
  if (at - live.silent_since < kSilentSeconds) return;
  ++live.silent_ends;
  lose_attempt(live, fmt::format("it ended without a word ({})",
                                 sighting != nullptr ? sighting->words : "the backend does not know it"));
}

void Daemon::Impl::decide_and_commit() {
  const bool anyone_waits =
      std::any_of(runs.begin(), runs.end(), [](const auto& entry) { return waits_in_line(entry.second); });
  if (!anyone_waits) return;
  const Snapshot seen = snapshot();
  const std::vector<PolicyDecision> decisions = decide(rules, seen);
  if (decisions.empty()) return;
  commit([&] {
    for (const PolicyDecision& decision : decisions) carry_out(decision, seen.now);
  });
}

void Daemon::Impl::carry_out(const PolicyDecision& decision, double at) {
  LiveRun& live = runs.at(decision.run);
  Run& run = live.run;
  switch (decision.kind) {
    case PolicyDecision::Kind::start: {
      HADAL_CHECK(waits_in_line(live) && !live.attempt, "{}", run_name(run.id));
      Attempt attempt;
      attempt.run = run.id, attempt.number = ++run.attempts, attempt.places = decision.places, attempt.decided = at;
      store.add(attempt);
      store.set_note("attempt", run.id, "rung", std::to_string(run.rung));
      change_state(live, RunState::starting, "policy", decision.rule, decision.reason);
      live.attempt = attempt;
      live.began = at;
      live.attempt_rung = run.rung;
      live.saved = live.silent_since = live.start_again = 0;
      live.tokens = live.first_tokens = -1;
      live.suspend_sent = live.stop_sent = 0;
      return;
    }
    case PolicyDecision::Kind::suspend:
      HADAL_CHECK(live.attempt.has_value() && run.state != RunState::suspending, "{}", run_name(run.id));
      store.set_note("attempt", run.id, "leaving_for", std::to_string(decision.for_run));
      change_state(live, RunState::suspending, "policy", decision.rule, decision.reason);
      live.leaving_for = decision.for_run;
      return;
    case PolicyDecision::Kind::claim:
      if (run.claim == decision.places) return;
      note_decision(run, "claim", std::to_string(run.claim.size()), std::to_string(decision.places.size()), "policy",
                    decision.rule, decision.reason);
      run.claim = decision.places;
      store.update(run);
      return;
  }
}

// What was committed, carried out; the backend is asked without the lock.
void Daemon::Impl::act_on_backend() {
  struct Signal {
    int64_t run;
    int attempt;
    std::string name, backend_id;
    bool stop;
  };
  std::vector<int64_t> starts;
  std::vector<Signal> signals;
  {
    const auto guard = enter();
    for (auto& [id, live] : runs) {
      if (!live.attempt) continue;
      const std::string& backend_id = live.attempt->backend_id;
      const bool stops = !live.stop_by.empty(), suspends = live.run.state == RunState::suspending;
      if (!stops && !suspends && live.run.state == RunState::starting && backend_id.empty() && live.silent_since == 0 &&
          now() >= live.start_again && !stale_runs.contains(id))
        starts.push_back(id);
      // One that the backend has still in its own queue has nothing to save.
      // Sent again until it ends: a backend may lose a signal to what is just beginning, and the supervisor knows one
      // that it had before.
      const auto due = [&](double sent) { return sent == 0 || now() >= sent + kSignalAgainSeconds; };
      if (!backend_id.empty() && ((stops && due(live.stop_sent)) || (!stops && suspends && due(live.suspend_sent))))
        signals.push_back(
            {id, live.attempt->number, attempt_name(id, live.attempt->number), backend_id, stops || live.seen_waiting});
    }
    for (const auto& [name, backend_id] : stale) signals.push_back({0, 0, name, backend_id, true});
    stale.clear();
  }
  for (const Signal& signal : signals) {
    try {
      if (signal.stop)
        backend->stop(signal.name, signal.backend_id);
      else
        backend->suspend(signal.name, signal.backend_id);
    } catch (const Error& mistake) {
      log_warning("{}; it is tried again", mistake.what());
      continue;
    }
    const auto guard = enter();
    const auto found = runs.find(signal.run);
    if (found == runs.end() || !found->second.attempt || found->second.attempt->number != signal.attempt) continue;
    (signal.stop && !found->second.stop_by.empty() ? found->second.stop_sent : found->second.suspend_sent) = now();
  }
  for (const int64_t id : starts) start_attempt(id);
}

void Daemon::Impl::start_attempt(int64_t id) {
  StartOrder order;
  {
    const auto guard = enter();
    const auto found = runs.find(id);
    if (found == runs.end() || !found->second.attempt) return;
    LiveRun& live = found->second;
    const Run& run = live.run;
    if (run.state != RunState::starting || !live.stop_by.empty()) return;
    try {
      order.account = account_of(run);
      begin_tail(live);
      write_order_of(live);
    } catch (const TakenOver&) {
      throw;
    } catch (const Error& mistake) {
      if (must_load) throw;
      put_off_start(live, mistake.what());
      return;
    }
    order.name = attempt_name(id, live.attempt->number);
    order.run = id, order.attempt = live.attempt->number;
    order.order_file = order_file(id, order.attempt), order.folder = run_folder(id);
    order.size = run.size, order.places = live.attempt->places;
    if (run.time_limit_s > 0) order.time_limit_s = std::max(1.0, run.time_limit_s - live.used_s);
  }
  std::string backend_id, failed;
  bool refused = false;  // for good
  try {
    backend_id = backend->start(order);
  } catch (const StartRefused& mistake) {
    failed = mistake.what(), refused = true;
  } catch (const Error& mistake) {
    failed = mistake.what();
  }
  const auto guard = enter();
  const auto found = runs.find(id);
  if (found == runs.end() || !found->second.attempt || found->second.attempt->number != order.attempt) return;
  if (refused) return refuse_attempt(found->second, failed);
  if (!failed.empty()) return put_off_start(found->second, failed);
  Attempt changed = *found->second.attempt;
  changed.backend_id = backend_id;
  commit([&] { store.update(changed); });
  found->second.attempt = changed;
  found->second.start_failures = 0;
}

// Nothing is concluded from a backend that cannot be asked: the attempt is started later, and looked for before.
void Daemon::Impl::put_off_start(LiveRun& live, const std::string& why) {
  live.start_again = now() + std::min(30, 1 << std::min(5, live.start_failures++));
  log_warning("{}: cannot be started now: {}", run_name(live.run.id), why);
  if (live.run.reason == why) return;
  Run changed = live.run;
  changed.reason = why;
  commit([&] { store.update(changed); });
  live.run = changed;
}

}  // namespace hadal::cluster
