#include "cluster/policy/state.h"

#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace hadal::cluster {
namespace {

constexpr int64_t kMemoryUnknown = int64_t{1} << 60;  // such a node refuses nobody

}  // namespace

PolicyState::PolicyState(const PolicyRules& rules_in, const Snapshot& snapshot)
    : rules(&rules_in), now(snapshot.now), grants(snapshot.grants) {
  std::unordered_map<std::string_view, int> node_index;
  for (const PolicyNode& node : snapshot.nodes) {
    node_index.emplace(node.name, static_cast<int>(nodes.size()));
    StateNode& state = nodes.emplace_back();
    if (!node.up) continue;
    slots += node.slots;
    state.capacity = {std::max(0, node.slots - node.foreign_slots),
                      node.memory_bytes > 0 ? node.memory_bytes : kMemoryUnknown};
  }
  free_slots = free_slots_kept(rules_in, static_cast<int>(slots));
  free_cap = rules->free_cap ? *rules->free_cap : std::max<int64_t>(1, free_slots / 2);

  std::unordered_map<int64_t, int> person_index;
  const auto person_of = [&](int64_t id) {
    const auto [at, added] = person_index.emplace(id, static_cast<int>(people.size()));
    if (added) people.emplace_back();
    return at->second;
  };
  for (const PolicyPerson& person : snapshot.people)
    people[static_cast<size_t>(person_of(person.id))].core_seconds = person.core_seconds;

  // A place on a node that is not known any more holds nothing.
  const auto holds_of = [&](const std::vector<Place>& places) {
    std::vector<Hold> holds;
    for (const Place& place : places) {
      const auto at = node_index.find(place.node);
      if (at != node_index.end()) holds.push_back({at->second, place.slots});
    }
    return holds;
  };
  runs.reserve(snapshot.runs.size());
  by_id.reserve(snapshot.runs.size());
  for (const PolicyRun& run : snapshot.runs) {
    by_id.emplace_back(run.id, static_cast<int>(runs.size()));
    StateRun& state = runs.emplace_back();
    state.run = &run;
    state.phase = run.phase;
    state.person = person_of(run.person);
    state.started_before = run.started_before;
    state.began = run.began;
    state.saved = std::max(run.saved, run.began);
    state.waiting_since = run.waiting_since;
    state.ends = run.ends;
    state.leaves = now + rules->grace_s + 10;
    if (state.waits()) {
      state.slots = slots_of(run.size);
      state.claim = holds_of(run.claim);
      state.claim_broken = state.claim.size() < run.claim.size();
      int64_t claimed = 0;
      for (const Hold& place : state.claim) {
        const Room asked = need(run.size, place.node);
        state.claim_broken |= place.slots < asked.slots || !nodes[static_cast<size_t>(place.node)].capacity.has(asked);
        claimed += place.slots;
      }
      if (state.claim_broken) state.claim.clear();
      if (!state.claim.empty()) state.slots = claimed;
    } else {
      state.held = holds_of(run.held);
      for (const Place& place : run.held) state.slots += place.slots;
    }
  }
  std::sort(by_id.begin(), by_id.end());
  for (size_t i = 0; i < runs.size(); ++i)
    if (runs[i].run->leaving_for != 0) runs[i].leaving_for = index_of(runs[i].run->leaving_for);
  count();
  break_claims();
}

// More is claimed than there is: a node shrank, or others use more of it. Who began to wait last gives its claim up.
void PolicyState::break_claims() {
  std::vector<int> over;
  for (StateNode& node : nodes)
    if (const Room room = node.capacity - node.active - node.claimed; room.slots < 0 || room.memory < 0)
      over.insert(over.end(), node.claimers.begin(), node.claimers.end());
  if (over.empty()) return;
  std::sort(over.begin(), over.end(), [&](int a, int b) {
    return std::pair(-runs[static_cast<size_t>(a)].waiting_since, a) <
           std::pair(-runs[static_cast<size_t>(b)].waiting_since, b);
  });
  for (const int at : over) {
    StateRun& run = runs[static_cast<size_t>(at)];
    bool fits = true;
    for (const Hold& place : run.claim) fits &= free_later(place.node).has({0, 0});
    if (fits) continue;
    const std::vector<Hold> places = std::exchange(run.claim, {});
    run.claim_broken = true;
    claim(places, at, -1);
  }
  count();
}

int64_t PolicyState::slots_of(const Size& size) const {
  if (size.nodes == 0) return size.slots;
  if (size.slots > 0) return int64_t{size.slots} * size.nodes;
  std::vector<int64_t> whole;  // the smallest nodes that are up
  for (const StateNode& node : nodes)
    if (node.capacity.slots > 0) whole.push_back(node.capacity.slots);
  std::sort(whole.begin(), whole.end());
  int64_t sum = 0;
  for (size_t i = 0; i < whole.size() && i < static_cast<size_t>(size.nodes); ++i) sum += whole[i];
  return std::max<int64_t>(sum, size.nodes);
}

int PolicyState::index_of(int64_t id) const {
  const auto at = std::lower_bound(by_id.begin(), by_id.end(), std::pair<int64_t, int>{id, -1});
  return at != by_id.end() && at->first == id ? at->second : -1;
}

Room PolicyState::need(const Size& size, int node) const {
  if (size.nodes > 0 && size.slots == 0)
    return {std::max<int64_t>(1, nodes[static_cast<size_t>(node)].capacity.slots), size.memory_bytes};
  return {size.slots, size.memory_bytes};
}

Room PolicyState::free_now(int node) const {
  const StateNode& n = nodes[static_cast<size_t>(node)];
  return smaller(n.capacity - n.active - n.leaving - n.kept, n.capacity - n.active - n.claimed);
}

Room PolicyState::free_later(int node) const {
  const StateNode& n = nodes[static_cast<size_t>(node)];
  return n.capacity - n.active - n.claimed;
}

void PolicyState::hold(const std::vector<Hold>& places, int run, int sign) {
  const int64_t memory = runs[static_cast<size_t>(run)].run->size.memory_bytes;
  for (const Hold& place : places) {
    StateNode& node = nodes[static_cast<size_t>(place.node)];
    node.active += Room{sign * place.slots, sign * memory};
    if (sign > 0)
      node.holders.push_back(run);
    else
      std::erase(node.holders, run);
  }
}

void PolicyState::leave(const std::vector<Hold>& places, int run) {
  for (const Hold& place : places) {
    StateNode& node = nodes[static_cast<size_t>(place.node)];
    node.leaving += runs[static_cast<size_t>(run)].takes(place);
    node.leavers.push_back(run);
  }
}

void PolicyState::claim(const std::vector<Hold>& places, int run, int sign) {
  const int64_t memory = runs[static_cast<size_t>(run)].run->size.memory_bytes;
  for (const Hold& place : places) {
    StateNode& node = nodes[static_cast<size_t>(place.node)];
    node.claimed += Room{sign * place.slots, sign * memory};
    if (sign > 0)
      node.claimers.push_back(run);
    else
      std::erase(node.claimers, run);
  }
  for (const Hold& place : places) recount_kept(place.node);
}

// Of a claim, what those still hold who leave for it is not kept of what is free now. What is held by those who leave
// for nobody in the line may serve any claim.
void PolicyState::recount_kept(int at) {
  StateNode& node = nodes[static_cast<size_t>(at)];
  node.kept = {};
  if (node.claimers.empty()) return;
  const auto held_by = [&](int leaver) {
    const StateRun& run = runs[static_cast<size_t>(leaver)];
    Room room;
    for (const Hold& place : run.held)
      if (place.node == at) room += run.takes(place);
    return room;
  };
  Room for_nobody;
  for (const int leaver : node.leavers) {
    const int winner = runs[static_cast<size_t>(leaver)].leaving_for;
    if (winner < 0 || !runs[static_cast<size_t>(winner)].waits()) for_nobody += held_by(leaver);
  }
  for (const int claimer : node.claimers) {
    const StateRun& run = runs[static_cast<size_t>(claimer)];
    Room lacks;
    for (const Hold& place : run.claim)
      if (place.node == at) lacks += run.takes(place);
    for (const int leaver : node.leavers)
      if (runs[static_cast<size_t>(leaver)].leaving_for == claimer) lacks -= held_by(leaver);
    node.kept += lacks.at_least_nothing();
  }
  node.kept = (node.kept - for_nobody).at_least_nothing();
}

void PolicyState::use(int run, int sign) {
  const StateRun& r = runs[static_cast<size_t>(run)];
  in_use[static_cast<size_t>(r.cls)] += sign * r.slots;
  if (r.cls == RunClass::free) people[static_cast<size_t>(r.person)].free_use += sign * r.slots;
}

// A grant has room for the runs of its idea that are active, oldest attempt first, then for those that wait, in the
// order of their arrival.
void PolicyState::classify() {
  struct Given {
    int64_t room = 0;
    double given = kUnknown;
    std::vector<int> runs;
  };
  std::map<int64_t, Given> ideas;
  for (const PolicyGrant& grant : grants) {
    if (now < grant.given || now >= grant.until) continue;
    Given& idea = ideas[grant.idea];
    idea.room += grant.slots;
    idea.given = std::min(idea.given, grant.given);
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    StateRun& run = runs[i];
    run.cls = run.run->rung >= 2 ? RunClass::promoted : RunClass::free;
    if (ideas.empty() || run.phase == PolicyRun::Phase::leaving) continue;
    const auto idea = ideas.find(run.run->idea);
    if (idea != ideas.end()) idea->second.runs.push_back(static_cast<int>(i));
  }
  for (auto& [id, idea] : ideas) {
    const auto rank = [&](int at) {
      const StateRun& run = runs[static_cast<size_t>(at)];
      return std::tuple(run.is_active()     ? 0
                        : run.claim.empty() ? 2
                                            : 1,
                        run.is_active() ? run.began : run.run->arrived, run.run->id);
    };
    std::sort(idea.runs.begin(), idea.runs.end(), [&](int a, int b) { return rank(a) < rank(b); });
    for (const int at : idea.runs) {
      StateRun& run = runs[static_cast<size_t>(at)];
      if (run.slots > idea.room) continue;
      idea.room -= run.slots;
      run.cls = RunClass::granted;
      run.grant_given = idea.given;
    }
  }
}

void PolicyState::count() {
  classify();
  in_use = wanted = share = {};
  waiting_free = 0;
  for (StatePerson& person : people) person.free_use = person.free_waiting = 0;
  for (StateNode& node : nodes) {
    node.active = node.leaving = node.claimed = node.kept = {};
    node.holders.clear();
    node.leavers.clear();
    node.claimers.clear();
  }
  std::vector<int> claimers;
  for (size_t i = 0; i < runs.size(); ++i) {
    const StateRun& run = runs[i];
    const int at = static_cast<int>(i);
    wanted[static_cast<size_t>(run.cls)] += run.slots;
    if (run.is_active()) {
      hold(run.held, at, 1);
      use(at, 1);
    } else if (run.waits()) {
      if (run.cls == RunClass::free) ++waiting_free, ++people[static_cast<size_t>(run.person)].free_waiting;
      if (!run.claim.empty()) claimers.push_back(at);
    } else {
      leave(run.held, at);
    }
  }
  for (const int at : claimers) {
    claim(runs[static_cast<size_t>(at)].claim, at, 1);
    use(at, 1);
  }
  constexpr auto kFree = static_cast<size_t>(RunClass::free), kGranted = static_cast<size_t>(RunClass::granted),
                 kPromoted = static_cast<size_t>(RunClass::promoted);
  int64_t usable = 0;
  for (const StateNode& node : nodes) usable += node.capacity.slots;
  share[kFree] = std::min(free_slots, wanted[kFree]);
  share[kGranted] = std::min(wanted[kGranted], std::max<int64_t>(0, slots - free_slots));
  share[kPromoted] = std::max<int64_t>(0, usable - share[kFree] - share[kGranted]);
}

bool PolicyState::before(int a, int b) const {
  const StateRun &x = runs[static_cast<size_t>(a)], &y = runs[static_cast<size_t>(b)];
  if (is_due(x) != is_due(y)) return is_due(x);
  if (is_due(x) && x.run->promised_by != y.run->promised_by) return x.run->promised_by < y.run->promised_by;
  if (x.cls == RunClass::granted && x.grant_given != y.grant_given) return x.grant_given < y.grant_given;
  if (x.cls == RunClass::promoted && x.run->rung != y.run->rung) return x.run->rung > y.run->rung;
  if (x.cls == RunClass::free) {
    if (x.started_before != y.started_before) return y.started_before;
    if (!x.started_before && x.waiting_since != y.waiting_since) return x.waiting_since < y.waiting_since;
  }
  const double used = people[static_cast<size_t>(x.person)].core_seconds,
               others = people[static_cast<size_t>(y.person)].core_seconds;
  if (x.person != y.person && used != others) return used < others;
  if (x.run->arrived != y.run->arrived) return x.run->arrived < y.run->arrived;
  return x.run->id < y.run->id;
}

bool PolicyState::is_promised(const StateRun& run) const {
  return !run.started_before && run.run->promised_by > run.run->arrived && run.run->promised_by < kUnknown;
}

double PolicyState::due_at(const StateRun& run) const {
  if (!is_promised(run)) return kUnknown;
  return run.run->promised_by - rules->min_run_s - 2 * (rules->grace_s + 10);
}

}  // namespace hadal::cluster
