// Who runs: a pure function from a snapshot to decisions with their reasons; no clock, no I/O. The rules are those of
// docs/cluster.md. All times are seconds on one clock that never goes back.
//
// Where the rules leave it open:
// - F counts the slots of all nodes that are up; what others use on them is missing from the promoted class's rest.
// - A grant has room for its idea's runs that are active, oldest attempt first, then for those that wait, by arrival.
// - A run that leaves uses nothing of its class's share any more, but its slots until it is gone. An entitled run that
//   would fit then suspends nobody: it claims those slots if it is a first start or granted, else leaves them open.
// - A claim is kept until its run starts, even where it is not entitled any more, but not on a node that went down.
// - A first start that was promised a time (promised_by) stays entitled, and goes before all others of its class when
//   only min_run_s + 2 x (grace_s + 10 s) are left; what comes free where it can start soonest is kept for it then.
//   Until it has started, its person's other free runs that came into the line later do not start.
// - First starts stand in the order in which they came into the line: that of submission, but one that a person
//   suspended before it ever started gave its promise up, and once resumed is behind those who were promised a time
//   meanwhile. An attempt that never began is no start.
// - A run starts on the fullest node that has room. Whole nodes are taken smallest first.
// - One decision is one walk through the passes: what it changes is seen by the next, a tick later.
// - The search for whom to suspend is exact where few could go on a node, and cut short after 4,000 steps.
// - A promise reckons with what others have lent now. Memory and places have no shares, and a large run of a class is
//   taken back whole or not at all: where others of its class end, that may be not at all. In made-up loads of several
//   nodes, with memory, 14 of 88,969 promises were broken so, all to runs that ask for memory or for more than one
//   slot; on one node without memory about one in 400,000.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "cluster/run.h"

namespace hadal::cluster {

struct PolicyRules {
  double free_share = .25;
  std::optional<int> free_cap;  // none: half of the free share, at least 1
  double min_run_s = 300, grace_s = 120, tick_s = 1;
  double half_life_days = 7;
  int64_t first_tokens = 2'000'000;
  int ratio = 3;
  double seed_spread = .005;
  double core_hour_price = 0, kwh_price = 0;  // money; 0: not counted
  double watts_per_core = 0;                  // 0: unknown
  std::string currency = "EUR";
};

PolicyRules read_policy(const Path& file);  // TOML; Error names an unknown key, the line, the nearest valid one

inline constexpr double kUnknown = std::numeric_limits<double>::infinity();

struct PolicyNode {
  std::string name;
  int slots = 0;
  int64_t memory_bytes = 0;  // 0: not known, never refused
  bool up = true;
  int foreign_slots = 0;  // used by others than the cluster's runs
};

struct PolicyRun {
  int64_t id = 0, idea = 0, person = 0;
  Size size;
  int rung = 1;
  double arrived = 0;
  bool started_before = false;    // no first start any more
  double promised_by = kUnknown;  // when it is to start at the latest, as starts_within() said when it was submitted
  enum class Phase {
    waiting,
    active,
    leaving
  } phase = Phase::waiting;  // leaving: asked to save, holds its slots still
  double waiting_since =
      0;             // when it came into the line: submitted, suspended or resumed (active: before this attempt)
  double began = 0;  // active, leaving: this attempt
  double saved = -std::numeric_limits<double>::infinity();  // the last checkpoint of this attempt
  double ends = kUnknown;    // when it ends or pauses (waiting: if it started now), where that is known
  std::vector<Place> held;   // active, leaving
  std::vector<Place> claim;  // waiting: slots kept for it; who leaves the line gives them up
  int64_t leaving_for = 0;   // leaving: the run for which it was suspended; 0: by a person, or not known
};

struct PolicyGrant {
  int64_t idea = 0;
  int slots = 0;
  double given = 0, until = 0;
};

struct PolicyPerson {
  int64_t id = 0;
  double core_seconds = 0;  // decayed to `now`
};

struct Snapshot {
  double now = 0;
  std::vector<PolicyNode> nodes;
  std::vector<PolicyRun> runs;  // all that wait, run or leave
  std::vector<PolicyGrant> grants;
  std::vector<PolicyPerson> people;
};

struct PolicyDecision {
  enum class Kind {
    start,    // `run` on `places`
    suspend,  // `run`, so that `for_run` can start
    claim,    // `places` are kept for `run` from now on, instead of what it claimed before (none: given up)
  } kind = Kind::start;
  int64_t run = 0, for_run = 0;
  std::vector<Place> places;
  std::string rule;    // "share", "grant", "promoted", "lent", "preempt", "reservation"
  std::string reason;  // one sentence with the figures
};

// In the order in which they are to be carried out. At most 50 ms for 200 nodes and 10,000 runs.
std::vector<PolicyDecision> decide(const PolicyRules& rules, const Snapshot& snapshot);

// The promise to the waiting run `run`: seconds from now within which it starts, whatever arrives later; none where
// nothing is promised.
std::optional<double> starts_within(const PolicyRules& rules, const Snapshot& snapshot, int64_t run);

// Those that wait, in the order in which they are served.
std::vector<int64_t> line(const PolicyRules& rules, const Snapshot& snapshot);

// Where `run` stands in that line, from 1; 0 where it does not wait.
int position(const PolicyRules& rules, const Snapshot& snapshot, int64_t run);

// Why such a size can never run on these nodes ("8 slots on one node; the largest has 4"); "" where it can.
std::string never_fits(const std::vector<PolicyNode>& nodes, const Size& size);

int free_slots_kept(const PolicyRules& rules, int slots);  // F

}  // namespace hadal::cluster
