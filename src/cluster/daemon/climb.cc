// The ladder: runs that got to their rung are scored, and those that may go on stand in line again.
#include <algorithm>

#include "base/log.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

// A program that reports tokens and a --metric stands on the ladder too; how long it will be, it alone knows.
constexpr int64_t kUnknownLength = int64_t{1} << 50;

int64_t ladder_length(const Run& run) { return run.length_tokens > 0 ? run.length_tokens : kUnknownLength; }

bool on_ladder(const Run& run) { return !run.tracked && (run.length_tokens > 0 || !run.metric.empty()); }

}  // namespace

int64_t Daemon::Impl::budget_of(const Run& run) const {
  const auto found = runs.find(run.id);
  const int rung = found != runs.end() && found->second.attempt ? found->second.attempt_rung : run.rung;
  return rung_tokens(rules, std::max(1, rung), ladder_length(run));
}

void Daemon::Impl::climb_ladder() {
  ladder_due = false;
  const bool anyone = std::any_of(runs.begin(), runs.end(),
                                  [](const auto& entry) { return entry.second.run.state == RunState::paused; });
  if (!anyone) return;
  std::vector<LadderRun> all;
  for (const Run& run : store.runs()) {
    if (!on_ladder(run)) continue;
    LadderRun seen;
    seen.id = run.id, seen.idea = run.idea, seen.state = run.state;
    const auto idea = ideas.find(run.idea);
    seen.baseline = idea != ideas.end() && idea->second.baseline;
    seen.held_out = run.held_out, seen.metric = run.metric, seen.larger_is_better = run.larger_is_better;
    seen.length_tokens = ladder_length(run), seen.rung = run.rung;
    if (run.state == RunState::paused) {
      const auto reached = store.note("attempt", run.id, "rung");
      if (reached) seen.rung = std::min(run.rung, std::stoi(*reached));
      seen.curve = curve_of(run);
    }
    seen.scores = store.scores(run.id);
    all.push_back(std::move(seen));
  }
  std::map<int64_t, int> reached;
  for (const LadderRun& run : all) reached[run.id] = run.rung;
  const std::vector<LadderDecision> decisions = climb(rules, all);
  commit([&] {
    for (const LadderDecision& decision : decisions) {
      const auto found = runs.find(decision.run);
      if (found == runs.end() || found->second.run.state != RunState::paused) continue;
      LiveRun& live = found->second;
      Run& run = live.run;
      switch (decision.kind) {
        case LadderDecision::Kind::score:
          store.add_score(run.id, decision.rung, decision.score);
          note_decision(run, "score", std::to_string(decision.rung), fmt::format("{:.6g}", decision.score), "policy",
                        "ladder", decision.reason);
          break;
        case LadderDecision::Kind::hold:
          if (run.reason == decision.reason) break;
          run.reason = decision.reason;
          note_decision(run, "hold", std::to_string(run.rung), std::to_string(run.rung), "policy", "ladder",
                        decision.reason);
          store.update(run);
          break;
        case LadderDecision::Kind::promote:
          if (decision.rung <= run.rung) break;
          note_decision(run, "rung", std::to_string(run.rung), std::to_string(decision.rung), "policy", "ladder",
                        decision.reason);
          run.rung = decision.rung;
          change_state(live, RunState::suspended, "policy", "ladder", decision.reason);
          break;
      }
    }
    for (auto& [id, live] : runs)  // a lead had let it go on before it got there
      if (live.run.state == RunState::paused && live.run.rung > reached[id])
        change_state(
            live, RunState::suspended, "policy", "ladder",
            fmt::format("goes on: it was promoted to rung {} before it got to rung {}", live.run.rung, reached[id]));
  });
  ladder_due = false;
}

}  // namespace hadal::cluster
