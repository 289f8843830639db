// Where states change: each change is allowed by the table, on record with its reason, and in the store first.
#include "cluster/daemon/impl.h"

namespace hadal::cluster {

void Daemon::Impl::note_decision(const Run& run, const std::string& kind, const std::string& from,
                                 const std::string& to, const std::string& by, const std::string& rule,
                                 const std::string& reason) {
  store.add(Decision{now(), run.id, run.idea, kind, from, to, by, rule, reason});
}

void Daemon::Impl::change_state(LiveRun& live, RunState to, const std::string& by, const std::string& rule,
                                const std::string& reason) {
  Run& run = live.run;
  HADAL_CHECK(may_follow(run.state, to), "{}: {} after {}", run_name(run.id), name_of(to), name_of(run.state));
  note_decision(run, "state", std::string(name_of(run.state)), std::string(name_of(to)), by, rule, reason);
  run.state = to;
  run.reason = reason;
  if (to != RunState::suspending && to != RunState::suspended) run.by_person = false;
  if (!waits_in_line(live)) run.claim.clear();
  if (is_over(to)) {
    store.drop_note("ask", run.id, "stop");
    store.drop_tokens_of_run(run.id);
  }
  store.update(run);
  if (to == RunState::queued || to == RunState::suspended) live.waiting_since = now();
  ladder_due = true;
}

void Daemon::Impl::commit(const std::function<void()>& body) {
  try {
    store.write(body);
  } catch (...) {
    must_load = true;  // what is in memory may be ahead
    throw;
  }
}

std::unique_lock<std::mutex> Daemon::Impl::enter() {
  std::unique_lock guard(mutex);
  if (must_load) load();
  return guard;
}

std::string Daemon::Impl::attempt_name(int64_t run, int attempt) const {
  return fmt::format("hadal-{}-{}-{}", cluster_id, run_name(run), attempt);
}

Path Daemon::Impl::order_file(int64_t run, int attempt) const {
  return options.folder / "orders" / fmt::format("{}-{}.json", run_name(run), attempt);
}

std::string Daemon::Impl::person_name(int64_t person) const {
  const auto found = people.find(person);
  return found == people.end() ? "" : found->second.name;
}

std::string Daemon::Impl::idea_name(int64_t idea) const {
  const auto found = ideas.find(idea);
  return found == ideas.end() ? "" : found->second.name;
}

}  // namespace hadal::cluster
