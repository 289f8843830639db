#include "cluster/policy/forward.h"

#include <cmath>

#include "cluster/policy/round.h"

namespace hadal::cluster {
namespace {

constexpr double kMostWork = 4e6;     // decisions x runs
constexpr size_t kExactMoments = 64;  // with more of them ahead decisions fall on a coarser grid, never earlier
constexpr double kCoarse = 32;        // of it in the longest that one run can keep another waiting

// When the next decision falls: the last one did something, those who leave are gone, an attempt gets old, somebody has
// waited long enough, a grant ends. Ticks are counted from the start; a moment between two is found by the next tick,
// wherever that falls.
double next_moment(const PolicyState& state, double begin, bool moved) {
  const double tick = state.rules->tick_s;
  std::vector<double> moments;
  const auto on_tick = [&](double moment) {
    if (moment <= state.now) return;
    const double ticks = tick > 0 ? (moment - begin) / tick : 0;
    if (std::abs(ticks - std::round(ticks)) > 1e-6) moment += tick;
    moments.push_back(moment);
  };
  for (const StateRun& run : state.runs) {
    if (run.phase == PolicyRun::Phase::leaving) {
      if (run.leaves > state.now) moments.push_back(run.leaves);
    } else {
      if (run.waits() && state.is_promised(run)) on_tick(state.due_at(run));
      on_tick((run.is_active() ? run.began : run.waiting_since) + state.rules->min_run_s);
    }
  }
  for (const PolicyGrant& grant : state.grants) on_tick(grant.until);
  if (moved) moments.push_back(state.now + tick);
  if (moments.empty()) return kUnknown;
  const auto [least, most] = std::minmax_element(moments.begin(), moments.end());
  if (moments.size() <= kExactMoments) return *least;
  const double grid = std::max(tick, (state.rules->min_run_s + state.rules->grace_s + 10) / kCoarse);
  return std::min(*most, begin + std::ceil((*least - begin) / grid) * grid);
}

}  // namespace

std::optional<double> starts_after(PolicyState state, int run) {
  const double begin = state.now;
  for (double work = 0; work <= kMostWork; work += static_cast<double>(state.runs.size())) {
    const bool moved = !Round(state, Lending::off, false).play().empty();
    if (!state.runs[static_cast<size_t>(run)].waits()) return state.now - begin;
    state.now = next_moment(state, begin, moved);
    if (state.now == kUnknown) return std::nullopt;
    for (StateRun& other : state.runs) {
      if (other.phase != PolicyRun::Phase::leaving || other.leaves > state.now) continue;
      if (other.leaving_for < 0 && other.run->leaving_for == 0) {
        other.phase = PolicyRun::Phase::leaving;  // by a person: out of the line
        other.held.clear();
        other.slots = 0;
        other.leaves = kUnknown;
        continue;
      }
      other.phase = PolicyRun::Phase::waiting;
      other.held.clear();
      other.waiting_since = state.now;
    }
    state.count();
  }
  return std::nullopt;
}

}  // namespace hadal::cluster
