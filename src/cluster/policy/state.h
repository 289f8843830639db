// The snapshot of policy.h with numbers instead of names, and what follows from it: classes, shares, room on nodes. The
// rounds (round.h) change it as they decide, so that a policy can be run forward.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "cluster/policy.h"

namespace hadal::cluster {

enum class RunClass { free, granted, promoted };
inline constexpr size_t kNumClasses = 3;

// Slots and bytes of one node. Both may be negative where more is kept than there is.
struct Room {
  int64_t slots = 0, memory = 0;
  Room& operator+=(const Room& other) { return slots += other.slots, memory += other.memory, *this; }
  Room& operator-=(const Room& other) { return slots -= other.slots, memory -= other.memory, *this; }
  friend Room operator+(Room a, const Room& b) { return a += b; }
  friend Room operator-(Room a, const Room& b) { return a -= b; }
  bool has(const Room& need) const { return slots >= need.slots && memory >= need.memory; }
  Room at_least_nothing() const { return {std::max<int64_t>(slots, 0), std::max<int64_t>(memory, 0)}; }
};
inline Room smaller(const Room& a, const Room& b) { return {std::min(a.slots, b.slots), std::min(a.memory, b.memory)}; }

struct Hold {
  int node = 0, slots = 0;
};

struct StateNode {
  Room capacity;                      // nothing where it is down; without what others use
  Room active, leaving, claimed;      // of the runs that hold it, and that claim it
  Room kept;                          // of what is free now, kept for claims
  std::vector<int> holders, leavers;  // runs that are active, that leave
  std::vector<int> claimers;          // waiting ones with a claim
};

struct StateRun {
  const PolicyRun* run = nullptr;
  PolicyRun::Phase phase = PolicyRun::Phase::waiting;
  RunClass cls = RunClass::free;
  int person = 0;
  int64_t slots = 0;  // held, or asked for
  bool started_before = false;
  double began = 0, saved = 0, waiting_since = 0, ends = kUnknown;
  double leaves = 0;  // leaving: when it is gone at the latest
  int leaving_for = -1;
  double grant_given = 0;
  std::vector<Hold> held, claim;
  bool claim_broken = false;  // it had one, on nodes that are gone or have too little; it has none now
  bool waits() const { return phase == PolicyRun::Phase::waiting; }
  Room takes(const Hold& place) const { return {place.slots, run->size.memory_bytes}; }
  bool is_active() const { return phase == PolicyRun::Phase::active; }
};

struct StatePerson {
  double core_seconds = 0;
  int64_t free_use = 0;      // slots of its free runs: active and claimed
  int64_t free_waiting = 0;  // how many free runs wait
};

struct PolicyState {
  PolicyState(const PolicyRules& rules, const Snapshot& snapshot);

  // Everything below from the phases of the runs and `now`.
  void count();

  void recount_kept(int node);
  void hold(const std::vector<Hold>& places, int run, int sign);  // of an active run
  void leave(const std::vector<Hold>& places, int run);
  void claim(const std::vector<Hold>& places, int run, int sign);  // of a waiting one
  void use(int run, int sign);                                     // of its class and its person

  // What a run asks of each node; with Size::slots of 0, all of that node.
  Room need(const Size& size, int node) const;
  // What is free now and kept for no claim; what is left when those who leave are gone and claims are served.
  Room free_now(int node) const;
  Room free_later(int node) const;
  bool is_old(const StateRun& run) const { return now - run.began >= rules->min_run_s; }
  int index_of(int64_t id) const;  // -1: none
  // The order of policy.md inside a class.
  bool before(int a, int b) const;
  bool is_promised(const StateRun& run) const;  // a first start that was promised a time
  // From when on it goes before all others of its class. Just before, another may claim a slot that it gets when
  // somebody has saved; that attempt is young for min_run_s, and has to save in turn.
  double due_at(const StateRun& run) const;
  bool is_due(const StateRun& run) const { return now >= due_at(run) - 1e-6; }

  const PolicyRules* rules;
  double now;
  std::vector<PolicyGrant> grants;
  std::vector<StateNode> nodes;
  std::vector<StateRun> runs;
  std::vector<StatePerson> people;
  std::vector<std::pair<int64_t, int>> by_id;  // sorted
  int64_t slots = 0, free_slots = 0, free_cap = 0;
  int64_t waiting_free = 0;
  std::array<int64_t, kNumClasses> in_use{}, wanted{}, share{};

 private:
  void classify();
  void break_claims();
  int64_t slots_of(const Size& size) const;
};

}  // namespace hadal::cluster
