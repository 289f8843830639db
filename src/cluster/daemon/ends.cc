// How attempts end, and what the run is then.
#include <algorithm>

#include "base/log.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

constexpr int kSilentEnds = 3;  // in a row, and a run is not tried again
constexpr int kResumable = 3;   // the exit code of a run that saved and can go on

int slots_of(const Attempt& attempt) {
  int slots = 0;
  for (const Place& place : attempt.places) slots += place.slots;
  return slots;
}

}  // namespace

void Daemon::Impl::close_attempt(LiveRun& live, Attempt attempt, RunState to, const std::string& by,
                                 const std::string& rule, const std::string& reason) {
  const int64_t id = live.run.id;
  commit([&] {
    store.update(attempt);
    store.drop_tokens_of_run(id);
    if (to != RunState::paused) store.drop_note("attempt", id, "rung");
    store.drop_note("attempt", id, "leaving_for");
    change_state(live, to, by, rule, reason);
  });
  add_usage(live.run.person, attempt.core_seconds, attempt.ended);
  live.used_s += seconds_of(attempt);
  if (attempt.started > 0) live.started_before = true;
  live.attempt.reset();
  live.tail.reset();
  live.leaving_for = 0;
  live.last_seen = 0;
  live.saved = live.silent_since = live.start_again = 0;
  live.suspend_sent = live.stop_sent = 0;
  live.start_failures = 0;
  std::error_code ignored;
  std::filesystem::remove(order_file(id, attempt.number), ignored);  // it holds the attempt's token
}

void Daemon::Impl::end_attempt(LiveRun& live, const AttemptEnd& end) {
  const Run& run = live.run;
  const double at = now();
  Attempt attempt = *live.attempt;
  // Its user may write what they like into their folder: at least as long as it was seen, at most since it was decided.
  const double seen_s = std::max(0.0, live.last_seen - live.began), most_s = std::max(seen_s, at - attempt.decided);
  const double seconds = std::clamp(end.seconds, seen_s, most_s);
  attempt.ended = std::clamp(end.ended, std::min(attempt.decided, at), at);
  attempt.started = std::max(attempt.decided, attempt.ended - seconds);  // it was seen to run only later
  attempt.ended = std::max(attempt.ended, attempt.started);
  attempt.core_seconds = seconds * slots_of(attempt);
  attempt.exit = end.code;
  attempt.why = end.why;
  attempt.tokens = tokens_of(run.id);
  const int64_t budget = budget_of(run);
  const auto close = [&](RunState to, const std::string& by, const std::string& rule, const std::string& reason) {
    close_attempt(live, attempt, to, by, rule, reason);
  };

  if (end.code == 0) return close(RunState::done, "backend", "exit", "exit code 0");
  if (!live.stop_by.empty()) return close(RunState::stopped, live.stop_by, live.stop_rule, live.stop_why);
  if (run.state == RunState::suspending) {
    const std::string how = end.code == kResumable
                                ? fmt::format("saved and ended after {:.0f} s", seconds)
                                : fmt::format("ended with {}: what its last checkpoint lacks is lost",
                                              end.why.empty() ? "no word" : end.why);
    return close(RunState::suspended, "backend", "exit", how);
  }
  if (end.stopped) {
    const bool limit = run.time_limit_s > 0 && live.used_s + seconds >= run.time_limit_s - 2;
    return close(RunState::stopped, "backend", limit ? "limit" : "exit",
                 limit ? fmt::format("got to its time limit of {:.0f} s", run.time_limit_s)
                       : fmt::format("stopped from outside the cluster: {}", end.why));
  }
  if (end.code == kResumable && attempt.tokens >= 0 && attempt.tokens >= budget) {
    const bool last = run.length_tokens > 0 && budget >= run.length_tokens;
    if (last)
      return close(RunState::done, "backend", "exit",
                   fmt::format("exit code 3 at {} tokens, its length", attempt.tokens));
    return close(RunState::paused, "backend", "ladder",
                 fmt::format("got to its rung of {} tokens, with {}", budget, attempt.tokens));
  }
  std::string reason = end.why.empty() ? "ended without a word" : end.why;
  if (end.code == kResumable)
    reason += fmt::format(": nobody had asked it to save, and its tokens ({}) had not got to its budget of {}",
                          attempt.tokens < 0 ? "none reported" : std::to_string(attempt.tokens), budget);
  close(RunState::failed, "backend", "exit", reason);
}

void Daemon::Impl::lose_attempt(LiveRun& live, const std::string& why) {
  const double at = now();
  Attempt attempt = *live.attempt;
  attempt.ended = at;
  if (attempt.started > 0)
    attempt.core_seconds = std::max(0.0, at - live.began) * slots_of(attempt);
  else
    attempt.started = at;
  attempt.why = why;
  attempt.tokens = tokens_of(live.run.id);
  if (!live.stop_by.empty())
    return close_attempt(live, attempt, RunState::stopped, live.stop_by, live.stop_rule, live.stop_why);
  std::error_code error;
  if (!std::filesystem::is_directory(run_folder(live.run.id), error))
    return close_attempt(live, attempt, live.run.state == RunState::suspending ? RunState::stopped : RunState::failed,
                         "daemon", "folder", fmt::format("{}; the run's folder was deleted", why));
  if (live.run.state == RunState::suspending)
    return close_attempt(live, attempt, RunState::suspended, "backend", "lost",
                         fmt::format("{}: what its last checkpoint lacks is lost", why));
  if (live.silent_ends >= kSilentEnds)  // it kills its own supervisor, or this machine does
    return close_attempt(live, attempt, RunState::failed, "backend", "lost",
                         fmt::format("{}, as {} before it: it is not tried again", why, live.silent_ends - 1));
  close_attempt(live, attempt, RunState::queued, "backend", "lost", fmt::format("{}: it is tried again", why));
}

void Daemon::Impl::refuse_attempt(LiveRun& live, const std::string& why) {
  Attempt attempt = *live.attempt;
  attempt.ended = now();
  attempt.why = why;
  withdraw_attempt(live, attempt, RunState::failed, why);
}

// It never began. What was asked for while it was to start comes before `otherwise`.
void Daemon::Impl::withdraw_attempt(LiveRun& live, const Attempt& attempt, RunState otherwise, const std::string& why) {
  if (!live.stop_by.empty())
    return close_attempt(live, attempt, RunState::stopped, live.stop_by, live.stop_rule, live.stop_why);
  if (live.run.state == RunState::suspending) otherwise = RunState::suspended;
  close_attempt(live, attempt, otherwise, "backend", "start", why);
}

void Daemon::Impl::drop_ended() {
  for (auto it = runs.begin(); it != runs.end();) it = is_over(it->second.run.state) ? runs.erase(it) : std::next(it);
}

}  // namespace hadal::cluster
