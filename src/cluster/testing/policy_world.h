// A small world for the policy: people submit runs, time passes in ticks of one second, runs save and end as they are
// told to, and every decision is carried out and written down. It checks nothing itself.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/policy.h"

namespace hadal::cluster::testing {

struct WorldRun {
  std::string name;
  PolicyRun run;
  double lasts_s = kUnknown;  // of running time in all
  double saves_in_s = 1;      // after it was asked to leave
  double ran_s = 0, asked = 0;
  bool over = false, held_by_person = false;
  std::vector<double> starts;
  std::optional<double> promised;
};

class World {
 public:
  World(PolicyRules rules_in, std::vector<PolicyNode> nodes_in)
      : rules(std::move(rules_in)), nodes(std::move(nodes_in)) {}

  // Who came is put in line; the decision falls when all of this moment are there.
  int submit(const std::string& name, int64_t person, Size size, int64_t idea = 0, int rung = 1) {
    WorldRun& r = runs.emplace_back();
    r.name = name;
    r.run.id = static_cast<int64_t>(runs.size());
    r.run.person = person;
    r.run.idea = idea != 0 ? idea : 1000 + r.run.id;
    r.run.size = size;
    r.run.rung = rung;
    r.run.arrived = r.run.waiting_since = now;
    core_seconds.try_emplace(person, 0);
    return static_cast<int>(runs.size()) - 1;
  }

  std::optional<double> promise(int at) {
    WorldRun& r = runs[static_cast<size_t>(at)];
    r.promised = starts_within(rules, snapshot(), r.run.id);
    if (r.promised) r.run.promised_by = now + *r.promised;
    return r.promised;
  }

  void end(int at) {
    WorldRun& r = runs[static_cast<size_t>(at)];
    r.over = true;
    r.run.held.clear();
  }

  void suspend_by_hand(int at) {
    WorldRun& r = runs[static_cast<size_t>(at)];
    r.held_by_person = true;
    r.run.claim.clear();  // who leaves the line gives up what was kept for it, and what was promised
    r.run.promised_by = kUnknown;
    if (r.run.phase == PolicyRun::Phase::active) ask_to_leave(r, 0);
  }

  Snapshot snapshot() const {
    Snapshot s;
    s.now = now;
    s.nodes = nodes;
    s.grants = grants;
    for (const WorldRun& r : runs)
      if (!r.over && !(r.held_by_person && r.run.phase == PolicyRun::Phase::waiting)) s.runs.push_back(r.run);
    for (const auto& [person, seconds] : core_seconds) s.people.push_back({person, seconds});
    return s;
  }

  // Decides and carries out.
  std::vector<PolicyDecision> decide_now() {
    std::vector<PolicyDecision> decisions = decide(rules, snapshot());
    for (const PolicyDecision& d : decisions) {
      WorldRun& r = runs[static_cast<size_t>(d.run - 1)];
      if (d.kind == PolicyDecision::Kind::start) {
        r.run.phase = PolicyRun::Phase::active;
        r.run.began = now;
        r.run.saved = -kUnknown;
        r.run.started_before = true;
        r.run.held = d.places;
        r.run.claim.clear();
        r.starts.push_back(now);
      } else if (d.kind == PolicyDecision::Kind::suspend) {
        ask_to_leave(r, d.for_run);
      } else {
        r.run.claim = d.places;
      }
    }
    decided = !decisions.empty();
    return decisions;
  }

  // The next moment at which anything of this world's own happens, or at which a decision may differ from the last.
  double next_moment() const {
    double next = decided ? now + rules.tick_s : kUnknown;
    const auto at = [&](double when) {
      if (when > now) next = std::min(next, when);
    };
    for (const PolicyGrant& grant : grants) at(grant.given), at(grant.until);
    for (const WorldRun& r : runs) {
      if (r.over) continue;
      at((r.run.phase == PolicyRun::Phase::active ? r.run.began : r.run.waiting_since) + rules.min_run_s);
      at(r.run.promised_by - rules.min_run_s - 2 * (rules.grace_s + 10));
      if (r.run.phase == PolicyRun::Phase::waiting) continue;
      at(now + std::max(1.0, r.lasts_s - r.ran_s));
      if (r.run.phase == PolicyRun::Phase::leaving) at(r.asked + r.saves_in_s);
    }
    return next;
  }

  // Time passes: who saved is gone, who is at the end ends.
  void pass(double seconds = 1) {
    for (WorldRun& r : runs) {
      if (r.over || r.run.phase == PolicyRun::Phase::waiting) continue;
      for (const Place& place : r.run.held) core_seconds[r.run.person] += place.slots * seconds;
      r.ran_s += seconds;
    }
    now += seconds;
    const double decay = std::exp2(-seconds / (rules.half_life_days * 86400));
    for (auto& [person, used] : core_seconds) used *= decay;
    for (size_t i = 0; i < runs.size(); ++i) {
      WorldRun& r = runs[i];
      if (r.over || r.run.phase == PolicyRun::Phase::waiting) continue;
      if (r.ran_s >= r.lasts_s) {
        end(static_cast<int>(i));
      } else if (r.run.phase == PolicyRun::Phase::leaving && now - r.asked >= r.saves_in_s) {
        r.run.phase = PolicyRun::Phase::waiting;
        r.run.held.clear();
        r.run.leaving_for = 0;
        r.run.waiting_since = now;
      }
    }
  }

  PolicyRules rules;
  std::vector<PolicyNode> nodes;
  std::vector<PolicyGrant> grants;
  std::vector<WorldRun> runs;
  std::map<int64_t, double> core_seconds;
  bool decided = false;  // something, the last time
  double now = 0;

 private:
  void ask_to_leave(WorldRun& r, int64_t for_run) {
    r.run.phase = PolicyRun::Phase::leaving;
    r.run.leaving_for = for_run;
    r.asked = now;
  }
};

}  // namespace hadal::cluster::testing
