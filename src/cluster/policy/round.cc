#include "cluster/policy/round.h"

#include <fmt/format.h>

#include <tuple>
#include <utility>

#include "base/text.h"

namespace hadal::cluster {
namespace {

using Phase = PolicyRun::Phase;

constexpr size_t as_index(RunClass cls) { return static_cast<size_t>(cls); }

}  // namespace

const char* rule_of(RunClass cls) {
  return cls == RunClass::free ? "share" : cls == RunClass::granted ? "grant" : "promoted";
}

Round::Round(PolicyState& state, Lending lending, bool with_reasons)
    : state_(state),
      lending_(lending),
      with_reasons_(with_reasons),
      victims_(state),
      open_(state.nodes.size()),
      later_(state.nodes.size()),
      held_back_(state.nodes.size()),
      reserved_of_(state.nodes.size(), -1),
      in_vain_(state.people.size() * kNumClasses * 2),
      settled_(state.runs.size()),
      ahead_(state.people.size()),
      promised_(state.people.size()) {
  std::vector<Hold> all;
  for (size_t n = 0; n < state.nodes.size(); ++n) all.push_back({static_cast<int>(n), 0});
  refresh(all);
  for (size_t i = 0; i < state.runs.size(); ++i) {
    const StateRun& run = state.runs[i];
    if (run.waits() && run.cls == RunClass::free && state.is_promised(run))
      promised_[static_cast<size_t>(run.person)].push_back(static_cast<int>(i));
  }
}

std::vector<Move> Round::play() {
  drop_broken_claims();
  for (size_t i = 0; i < state_.runs.size(); ++i)
    if (state_.runs[i].waits() && !state_.runs[i].claim.empty()) start_on_claim(static_cast<int>(i));
  for (const RunClass cls : {RunClass::free, RunClass::granted, RunClass::promoted}) serve(cls);
  if (lending_ == Lending::on)
    for (const RunClass cls : {RunClass::promoted, RunClass::granted, RunClass::free}) lend(cls);
  return std::move(moves_);
}

std::vector<int> Round::waiting(RunClass cls) const {
  std::vector<int> runs;
  for (size_t i = 0; i < state_.runs.size(); ++i)
    if (state_.runs[i].waits() && state_.runs[i].cls == cls) runs.push_back(static_cast<int>(i));
  std::sort(runs.begin(), runs.end(), [&](int a, int b) { return state_.before(a, b); });
  return runs;
}

bool Round::entitled(int at) const {
  const StateRun& run = state_.runs[static_cast<size_t>(at)];
  // It was, when others were suspended for it, or when it was promised its start.
  if (!run.claim.empty() || state_.is_promised(run)) return true;
  const bool in_share = state_.in_use[as_index(run.cls)] + run.slots <= state_.share[as_index(run.cls)];
  if (run.cls != RunClass::free) return in_share;
  const StatePerson& person = state_.people[static_cast<size_t>(run.person)];
  const bool binds = lending_ == Lending::off || state_.waiting_free > person.free_waiting;
  if (in_share && !binds) return true;
  if (!in_share && run.started_before) return false;
  return ahead_[static_cast<size_t>(run.person)] + person.free_use + run.slots <= state_.free_cap;
}

void Round::serve(RunClass cls) {
  for (const int at : waiting(cls)) {
    if (!entitled(at) || overtakes_its_own(at) || start_if_it_fits(at, true)) continue;
    const StateRun& run = state_.runs[static_cast<size_t>(at)];
    if (!run.claim.empty() || wait_for_leavers(at) || preempt(at)) continue;
    if (cls == RunClass::free && !run.started_before) ahead_[static_cast<size_t>(run.person)] += run.slots;
    reserve(at, true);
  }
}

// It came into the line after another first start of its person, would take what that was promised, and could not be
// suspended for it.
bool Round::overtakes_its_own(int at) const {
  const StateRun& run = state_.runs[static_cast<size_t>(at)];
  if (run.cls != RunClass::free || !run.claim.empty() || state_.is_promised(run)) return false;
  for (const int other : promised_[static_cast<size_t>(run.person)]) {
    const StateRun& first = state_.runs[static_cast<size_t>(other)];
    if (first.waits() && first.claim.empty() && first.waiting_since < run.waiting_since) return true;
  }
  return false;
}

void Round::lend(RunClass cls) {
  for (const int at : waiting(cls))
    if (state_.runs[static_cast<size_t>(at)].claim.empty() && !settled_[static_cast<size_t>(at)] &&
        !overtakes_its_own(at) && !start_if_it_fits(at, false))
      reserve(at, false);
}

void Round::refresh(const std::vector<Hold>& places) {
  for (const Hold& place : places) {
    const auto n = static_cast<size_t>(place.node);
    later_[n] = state_.free_later(place.node) - held_back_[n];
    open_[n] = smaller(state_.free_now(place.node), later_[n]);
  }
}

// A reservation keeps its room from all that come after it in the line.
bool Round::leaves_reserved_room(int at, int node, const Room& need) const {
  const int which = reserved_of_[static_cast<size_t>(node)];
  if (which < 0) return true;
  const Reservation& reservation = reservations_[static_cast<size_t>(which)];
  if (reservation.run == at) return true;
  const Room asked = state_.need(state_.runs[static_cast<size_t>(reservation.run)].run->size, node);
  if (reservation.at == kUnknown) return (open(node) - asked).at_least_nothing().has(need);
  if (state_.runs[static_cast<size_t>(at)].ends <= reservation.at) return true;
  Room then = later(node);
  for (const int holder : state_.nodes[static_cast<size_t>(node)].holders) {
    const StateRun& run = state_.runs[static_cast<size_t>(holder)];
    if (run.ends > reservation.at) continue;
    for (const Hold& place : run.held)
      if (place.node == node) then += run.takes(place);
  }
  return then.has(asked + need);
}

// Where it would stand: the fullest node that has room, so that large runs find some too.
std::optional<std::vector<Hold>> Round::fit(int at, bool now) const {
  const StateRun& run = state_.runs[static_cast<size_t>(at)];
  const size_t wanted = static_cast<size_t>(std::max(1, run.run->size.nodes));
  const int64_t least = std::max(1, run.run->size.slots);
  const std::vector<Room>& rooms = now ? open_ : later_;
  std::vector<std::pair<int64_t, int>> nodes;
  for (size_t n = 0; n < rooms.size(); ++n) {
    const Room& room = rooms[n];
    if (room.slots < least) continue;
    const int node = static_cast<int>(n);
    const Room need = state_.need(run.run->size, node);
    if (!room.has(need) || !leaves_reserved_room(at, node, need)) continue;
    if (wanted > 1)
      nodes.emplace_back(room.slots, node);
    else if (nodes.empty() || room.slots < nodes[0].first)
      nodes.assign(1, {room.slots, node});
  }
  if (nodes.size() < wanted) return std::nullopt;
  std::sort(nodes.begin(), nodes.end());
  std::vector<Hold> places;
  for (size_t i = 0; i < wanted; ++i)
    places.push_back({nodes[i].second, static_cast<int>(state_.need(run.run->size, nodes[i].second).slots)});
  std::sort(places.begin(), places.end(), [](const Hold& a, const Hold& b) { return a.node < b.node; });
  return places;
}

void Round::start(int at, std::vector<Hold> places, const char* rule, std::string how) {
  StateRun& run = state_.runs[static_cast<size_t>(at)];
  if (!run.claim.empty()) {
    state_.use(at, -1);
    const std::vector<Hold> claim = std::exchange(run.claim, {});
    state_.claim(claim, at, -1);
    refresh(claim);
  }
  if (run.cls == RunClass::free) --state_.waiting_free, --state_.people[static_cast<size_t>(run.person)].free_waiting;
  run.phase = Phase::active;
  run.began = run.saved = state_.now;
  run.started_before = true;
  run.slots = 0;
  for (const Hold& place : places) run.slots += place.slots;
  run.held = places;
  state_.hold(run.held, at, 1);
  state_.use(at, 1);
  refresh(run.held);
  Move& move = moves_.emplace_back();
  move.run = at;
  move.rule = rule;
  move.places = std::move(places);
  move.reason = std::move(how);
}

bool Round::start_on_claim(int at) {
  StateRun& run = state_.runs[static_cast<size_t>(at)];
  const Room memory{0, run.run->size.memory_bytes};
  const std::vector<Hold> claim = run.claim;
  state_.claim(claim, at, -1);
  bool free = true;
  for (const Hold& place : claim) {
    const StateNode& node = state_.nodes[static_cast<size_t>(place.node)];
    free &= (node.capacity - node.active - node.leaving - node.kept).has(Room{place.slots, 0} + memory);
  }
  state_.claim(claim, at, 1);
  if (!free) return false;
  std::string how;
  if (with_reasons_)
    how = fmt::format("{} starts on the {} kept for it, {:.0f} s after it began to wait", run_name(run.run->id),
                      counted(run.slots, "slot"), state_.now - run.waiting_since);
  start(at, claim, rule_of(run.cls), std::move(how));
  return true;
}

bool Round::start_if_it_fits(int at, bool is_entitled) {
  StateRun& run = state_.runs[static_cast<size_t>(at)];
  const std::vector<Hold> claim = std::exchange(run.claim, {});
  if (!claim.empty()) state_.claim(claim, at, -1), refresh(claim);
  auto places = fit(at, true);
  if (!claim.empty()) {
    run.claim = claim;
    state_.claim(claim, at, 1);
    refresh(claim);
  }
  if (!places) return false;
  const char* rule = is_entitled ? rule_of(run.cls) : "lent";
  std::string how;
  if (with_reasons_) {
    const size_t cls = as_index(run.cls);
    const char* whose = run.cls == RunClass::free ? "free" : run.cls == RunClass::granted ? "granted" : "promoted";
    const int64_t with = state_.in_use[cls] + (claim.empty() ? run.slots : 0), share = state_.share[cls];
    std::string why;
    if (!is_entitled)
      why = fmt::format("lent, nobody entitled fits; {} runs now use {}, their share is {}", whose, with, share);
    else if (with <= share)
      why = fmt::format("{} runs now use {} of their share of {}", whose, with, share);
    else
      why = fmt::format("a first start within the cap of {} a person; {} runs now use {}, their share is {}",
                        state_.free_cap, whose, with, share);
    how = fmt::format("{} starts with {}: {}", run_name(run.run->id), counted(run.slots, "slot"), why);
    for (const Hold& place : *places) {
      const int which = reserved_of_[static_cast<size_t>(place.node)];
      if (which < 0 || reservations_[static_cast<size_t>(which)].at == kUnknown) continue;
      const Reservation& reservation = reservations_[static_cast<size_t>(which)];
      how +=
          fmt::format("; {} finds its room in {:.0f} s all the same",
                      run_name(state_.runs[static_cast<size_t>(reservation.run)].run->id), reservation.at - state_.now);
      if (!is_entitled) rule = "reservation";
      break;
    }
  }
  start(at, std::move(*places), rule, std::move(how));
  return true;
}

void Round::keep(int at, std::vector<Hold> places, std::string why) {
  StateRun& run = state_.runs[static_cast<size_t>(at)];
  run.slots = 0;
  for (const Hold& place : places) run.slots += place.slots;
  run.claim = places;
  state_.claim(run.claim, at, 1);
  state_.use(at, 1);
  refresh(run.claim);
  Move& move = moves_.emplace_back();
  move.kind = PolicyDecision::Kind::claim;
  move.run = at;
  move.rule = "preempt";
  move.places = std::move(places);
  move.reason = std::move(why);
}

// Runs leave that nobody claims: their slots suffice, and nobody need be suspended. A run that was promised its start
// claims them; another leaves them to who comes before it in the meantime.
bool Round::wait_for_leavers(int at) {
  auto places = fit(at, false);
  if (!places) return false;
  const StateRun& run = state_.runs[static_cast<size_t>(at)];
  if (run.cls == RunClass::granted || (run.cls == RunClass::free && !run.started_before)) {
    std::string why;
    if (with_reasons_)
      why = fmt::format("{} gets {}: those who hold them leave already", run_name(run.run->id),
                        counted(run.slots, "slot"));
    keep(at, std::move(*places), std::move(why));
    return true;
  }
  for (const Hold& place : *places) held_back_[static_cast<size_t>(place.node)] += run.takes(place);
  refresh(*places);
  state_.use(at, 1);
  settled_[static_cast<size_t>(at)] = 1;
  return true;
}

bool Round::preempt(int at) {
  StateRun& run = state_.runs[static_cast<size_t>(at)];
  const Size& size = run.run->size;
  std::optional<Size>& in_vain =
      in_vain_[(static_cast<size_t>(run.person) * kNumClasses + as_index(run.cls)) * 2 + (run.started_before ? 1 : 0)];
  if (in_vain && size.nodes >= in_vain->nodes && size.memory_bytes >= in_vain->memory_bytes &&
      (in_vain->slots == size.slots ||
       (in_vain->nodes == size.nodes && in_vain->slots > 0 && size.slots > in_vain->slots)))
    return false;
  std::vector<Room> room = later_;
  for (size_t n = 0; !reservations_.empty() && n < room.size(); ++n) {
    if (const int which = reserved_of_[n]; which >= 0) {
      const int other = reservations_[static_cast<size_t>(which)].run;
      room[n] -= state_.need(state_.runs[static_cast<size_t>(other)].run->size, static_cast<int>(n));
    }
  }
  auto victims = victims_.choose(at, std::move(room));
  if (!victims) {
    in_vain = size;
    return false;
  }

  int64_t slots = 0, freed = 0;
  for (const Hold& place : victims->places) slots += place.slots;
  std::vector<Move> suspensions;
  for (const int victim : victims->runs) {
    StateRun& other = state_.runs[static_cast<size_t>(victim)];
    Move& move = suspensions.emplace_back();
    move.kind = PolicyDecision::Kind::suspend;
    move.run = victim;
    move.for_run = at;
    move.rule = "preempt";
    freed += other.slots;
    if (with_reasons_) {
      const bool lent = state_.in_use[as_index(other.cls)] - other.slots >= state_.share[as_index(other.cls)];
      move.reason =
          fmt::format("{} gives {} to {}: {}, {:.0f} s since {}", run_name(other.run->id), counted(other.slots, "slot"),
                      run_name(run.run->id), lent ? "lent" : "for another person's first start",
                      state_.now - other.saved, other.saved > other.began ? "its checkpoint" : "it began");
    }
    victims_.remove(victim);
    state_.use(victim, -1);
    state_.hold(other.held, victim, -1);
    other.phase = Phase::leaving;
    other.leaving_for = at;
    other.leaves = state_.now + state_.rules->grace_s + 10;
    state_.leave(other.held, victim);
    refresh(other.held);
  }
  std::string why;
  if (with_reasons_)
    why = fmt::format("{} gets {}: {} of {} {} suspended for it", run_name(run.run->id), counted(slots, "slot"),
                      counted(static_cast<int64_t>(victims->runs.size()), "run"), counted(freed, "slot"),
                      victims->runs.size() == 1 ? "is" : "are");
  keep(at, std::move(victims->places), std::move(why));
  for (Move& move : suspensions) moves_.push_back(std::move(move));
  return true;
}

void Round::drop_broken_claims() {
  for (size_t i = 0; i < state_.runs.size(); ++i) {
    StateRun& run = state_.runs[i];
    if (!std::exchange(run.claim_broken, false)) continue;
    Move& move = moves_.emplace_back();
    move.kind = PolicyDecision::Kind::claim;
    move.run = static_cast<int>(i);
    move.rule = "preempt";
    if (with_reasons_)
      move.reason =
          fmt::format("{} gives up the slots kept for it: a node is gone, or has too little", run_name(run.run->id));
  }
}

// As EASY backfill: the first that has waited long enough, and it alone; but who is due keeps what comes free as well.
void Round::reserve(int at, bool is_entitled) {
  const StateRun& run = state_.runs[static_cast<size_t>(at)];
  const bool due = is_entitled && state_.is_due(run);
  const bool first = !reservation_given_ && state_.now - run.waiting_since >= state_.rules->min_run_s;
  if (!due && !first) return;
  reservation_given_ |= first;
  struct Option {
    double when = kUnknown;
    Room lacks;
    int node = 0;
  };
  std::vector<Option> by_ends, by_age;
  for (size_t n = 0; n < state_.nodes.size(); ++n) {
    const int node = static_cast<int>(n);
    const Room need = state_.need(run.run->size, node);
    if (state_.nodes[n].capacity.slots <= 0 || !state_.nodes[n].capacity.has(need) || reserved_of_[n] >= 0) continue;
    const Room lacks = (need - later(node)).at_least_nothing();
    by_ends.push_back({free_at(at, node, false), lacks, node});
    by_age.push_back({free_at(at, node, true), lacks, node});
  }
  const size_t wanted = static_cast<size_t>(std::max(1, run.run->size.nodes));
  if (by_ends.size() < wanted) return;
  const auto sort = [](std::vector<Option>& options) {
    std::stable_sort(options.begin(), options.end(), [](const Option& a, const Option& b) {
      return std::tuple(a.when, a.lacks.slots, a.lacks.memory) < std::tuple(b.when, b.lacks.slots, b.lacks.memory);
    });
  };
  sort(by_ends);
  Reservation reservation;
  reservation.run = at;
  if (!due) reservation.at = by_ends[wanted - 1].when;
  if (reservation.at == kUnknown) {
    if (!is_entitled) return;
    sort(by_age);
    by_ends = by_age;
  }
  for (size_t i = 0; i < wanted; ++i) {
    reservation.nodes.push_back(by_ends[i].node);
    reserved_of_[static_cast<size_t>(by_ends[i].node)] = static_cast<int>(reservations_.size());
  }
  reservations_.push_back(std::move(reservation));
}

// When this node has room for the run: as those who hold it end, where that is known, or as they get old enough to be
// suspended for it.
double Round::free_at(int at, int node, bool by_age) const {
  const StateRun& run = state_.runs[static_cast<size_t>(at)];
  const Room need = state_.need(run.run->size, node);
  Room room = later(node);
  double when = open(node).has(need) ? state_.now : state_.now + state_.rules->grace_s + 10;  // those who leave
  std::vector<std::pair<double, int>> going;
  for (const int holder : state_.nodes[static_cast<size_t>(node)].holders) {
    const StateRun& other = state_.runs[static_cast<size_t>(holder)];
    if (!by_age && other.ends < kUnknown) going.emplace_back(other.ends, holder);
    if (by_age && may_ever_go(state_, other, run)) going.emplace_back(other.began + state_.rules->min_run_s, holder);
  }
  std::sort(going.begin(), going.end());
  for (size_t i = 0; !room.has(need) && i < going.size(); ++i) {
    const StateRun& other = state_.runs[static_cast<size_t>(going[i].second)];
    for (const Hold& place : other.held)
      if (place.node == node) room += other.takes(place);
    when = std::max(when, going[i].first);
  }
  return room.has(need) ? when : kUnknown;
}

// Everybody entitled is taken to start where it stands, whether it fits or not.
std::vector<int> Round::line() {
  std::vector<int> order, others[kNumClasses];
  for (const RunClass cls : {RunClass::free, RunClass::granted, RunClass::promoted})
    for (const int at : waiting(cls)) {
      if (!entitled(at)) {
        others[as_index(cls)].push_back(at);
        continue;
      }
      order.push_back(at);
      if (state_.runs[static_cast<size_t>(at)].claim.empty()) state_.use(at, 1);
    }
  for (const RunClass cls : {RunClass::promoted, RunClass::granted, RunClass::free})
    order.insert(order.end(), others[as_index(cls)].begin(), others[as_index(cls)].end());
  return order;
}

}  // namespace hadal::cluster
