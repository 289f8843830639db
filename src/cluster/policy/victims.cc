#include "cluster/policy/victims.h"

#include <cmath>
#include <tuple>
#include <utility>

namespace hadal::cluster {
namespace {

constexpr int kMostSteps = 4000, kFewSteps = 64;  // of one search on one node: at first; when a decision had many steps

struct Price {
  int64_t within_cap = 0, loss = 0, slots = 0;
  std::vector<std::pair<double, int64_t>> latest;  // arrivals, latest first
  bool beats(const Price& other) const {
    const auto mine = std::tie(within_cap, loss, slots), theirs = std::tie(other.within_cap, other.loss, other.slots);
    return mine != theirs ? mine < theirs : latest > other.latest;
  }
};

// What may still be taken: slots of each class above its share, and of each person above the cap.
struct Purse {
  std::array<int64_t, kNumClasses> lent{};
  std::vector<std::pair<int, int64_t>> taken_free;  // of the free runs of a person
  void take(int person, int64_t slots) { taken_free.emplace_back(person, slots); }
  int64_t spare(const PolicyState& state, int person) const {
    int64_t slots = state.people[static_cast<size_t>(person)].free_use - state.free_cap;
    for (const auto& [who, taken] : taken_free)
      if (who == person) slots -= taken;
    return std::max<int64_t>(0, slots);
  }
};

class Search {
 public:
  Search(const PolicyState& state, const Purse& purse, std::vector<Candidate> candidates, const Room& lacking,
         int most_steps)
      : state_(state), purse_(purse), candidates_(std::move(candidates)), lacking_(lacking), most_steps_(most_steps) {
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return std::tuple(a.within_cap(), a.loss, a.slots, b.arrival) <
             std::tuple(b.within_cap(), b.loss, b.slots, a.arrival);
    });
    rest_.resize(candidates_.size() + 1);
    slot_loss_.resize(candidates_.size() + 1, kUnknown);
    for (size_t i = candidates_.size(); i-- > 0;) {
      rest_[i] = rest_[i + 1] + candidates_[i].frees;
      slot_loss_[i] = std::min(slot_loss_[i + 1], candidates_[i].loss_per_slot());
    }
  }

  // Whether anything suffices, and is better than the best so far of other nodes; then best() and price().
  bool run(const Price* so_far) {
    if (!rest_[0].has(lacking_)) return false;
    found_ = so_far != nullptr;
    if (found_) price_ = *so_far;
    descend(0, {});
    return better_;
  }
  int steps() const { return steps_; }
  const std::vector<int>& best() const { return best_; }
  const Price& price() const { return price_; }

 private:
  Price price_of(const std::vector<int>& chosen) const {
    Price price;
    for (const int at : chosen) {
      const Candidate& c = candidates_[static_cast<size_t>(at)];
      price.loss += c.loss;
      price.slots += c.slots;
      price.latest.push_back(c.arrival);
    }
    price.within_cap = within_cap_of(chosen);
    std::sort(price.latest.rbegin(), price.latest.rend());
    return price;
  }

  // What the run at `at` adds to the slots from within people's caps, taken after the first `count` of those chosen.
  int64_t adds_within_cap(const std::vector<int>& chosen, size_t count, int at) const {
    const Candidate& c = candidates_[static_cast<size_t>(at)];
    if (c.cls != static_cast<size_t>(RunClass::free)) return 0;
    int64_t taken = 0;
    for (size_t i = 0; i < count; ++i) {
      const Candidate& other = candidates_[static_cast<size_t>(chosen[i])];
      if (other.cls == c.cls && other.person == c.person) taken += other.slots;
    }
    return std::max<int64_t>(0, taken + c.slots - c.spare) - std::max<int64_t>(0, taken - c.spare);
  }

  int64_t within_cap_of(const std::vector<int>& chosen) const {
    int64_t sum = 0;
    for (size_t i = 0; i < chosen.size(); ++i) sum += adds_within_cap(chosen, i, chosen[i]);
    return sum;
  }

  bool within_lent(const std::vector<int>& chosen) const {
    std::array<int64_t, kNumClasses> taken{};
    for (const int at : chosen)
      taken[candidates_[static_cast<size_t>(at)].cls] += candidates_[static_cast<size_t>(at)].slots;
    for (size_t c = 0; c < kNumClasses; ++c)
      if (taken[c] > purse_.lent[c]) return false;
    return true;
  }

  // The dearest first, drops what the others suffice without.
  void strip(std::vector<int>& chosen, Room frees) const {
    for (size_t i = chosen.size(); i-- > 0;) {
      const Room without = frees - candidates_[static_cast<size_t>(chosen[i])].frees;
      if (!without.has(lacking_)) continue;
      frees = without;
      chosen.erase(chosen.begin() + static_cast<ptrdiff_t>(i));
    }
  }

  void descend(size_t at, const Room& frees) {
    if (++steps_ > most_steps_) return;
    if (frees.has(lacking_)) {
      std::vector<int> chosen = chosen_;
      strip(chosen, frees);
      if (!within_lent(chosen)) return;
      Price price = price_of(chosen);
      if (found_ && !price.beats(price_)) return;
      found_ = better_ = true;
      price_ = std::move(price);
      best_.clear();
      for (const int i : chosen) best_.push_back(candidates_[static_cast<size_t>(i)].run);
      return;
    }
    if (at == candidates_.size() || !(frees + rest_[at]).has(lacking_)) return;
    const Candidate& c = candidates_[at];
    if (found_) {
      // All that follow cost as much as this one: what is sorted by is the first two of a price. And slots that lack
      // still cost at least what the cheapest of them does.
      if (c.within_cap() > price_.within_cap) return;
      const int64_t lack = std::max<int64_t>(0, lacking_.slots - frees.slots);
      const int64_t more =
          lack > 0 ? static_cast<int64_t>(static_cast<double>(lack) * slot_loss_[at] * (1 - 1e-12)) : 0;
      if (std::max(c.within_cap(), within_cap_) == price_.within_cap &&
          loss_ + std::max(more, c.within_cap() == price_.within_cap ? c.loss : 0) > price_.loss)
        return;
    }
    const Room adds = smaller(c.frees, (lacking_ - frees).at_least_nothing());
    if ((adds.slots > 0 || adds.memory > 0) && taken_[c.cls] + c.slots <= purse_.lent[c.cls]) {
      chosen_.push_back(static_cast<int>(at));
      taken_[c.cls] += c.slots;
      loss_ += c.loss;
      const int64_t within_cap = within_cap_;
      within_cap_ += adds_within_cap(chosen_, chosen_.size() - 1, static_cast<int>(at));
      if (!hopeless()) descend(at + 1, frees + c.frees);
      within_cap_ = within_cap;
      loss_ -= c.loss;
      taken_[c.cls] -= c.slots;
      chosen_.pop_back();
    }
    descend(at + 1, frees);
  }

  // Nothing that begins with this choice can be better. (What is redundant in it makes a loss that strip() takes away;
  // the same set without it is met on another branch.)
  bool hopeless() const { return found_ && std::tie(within_cap_, loss_) > std::tie(price_.within_cap, price_.loss); }

  const PolicyState& state_;
  const Purse& purse_;
  std::vector<Candidate> candidates_;
  Room lacking_;
  std::vector<Room> rest_;  // of those from here on: what they free in all, and the least loss for a slot
  std::vector<double> slot_loss_;
  std::vector<int> chosen_, best_;
  std::array<int64_t, kNumClasses> taken_{};
  int64_t within_cap_ = 0, loss_ = 0;  // of those chosen
  int most_steps_, steps_ = 0;
  bool found_ = false, better_ = false;
  Price price_;
};

// What a class uses above its share; a first start may take other people's free runs as well.
int64_t lent_by(const PolicyState& state, RunClass cls, const StateRun& winner) {
  if (cls == RunClass::free && winner.cls == RunClass::free && !winner.started_before) return kNoLimit;
  const auto c = static_cast<size_t>(cls);
  return std::max<int64_t>(0, state.in_use[c] - state.share[c]);
}

}  // namespace

bool may_ever_go(const PolicyState& state, const StateRun& run, const StateRun& winner) {
  return run.is_active() && !(run.person == winner.person && run.cls == winner.cls) &&
         run.slots <= lent_by(state, run.cls, winner);
}

VictimIndex::VictimIndex(const PolicyState& state) : state_(state), of_node_(state.nodes.size()) {
  for (size_t i = 0; i < state.runs.size(); ++i) {
    const StateRun& run = state.runs[i];
    if (!run.is_active() || !state.is_old(run)) continue;
    any_ = true;
    Candidate c;
    c.run = static_cast<int>(i);
    c.person = run.person;
    c.cls = static_cast<size_t>(run.cls);
    c.slots = run.slots;
    c.loss = static_cast<int64_t>(
        std::llround(static_cast<double>(run.slots) * std::max(0.0, state.now - run.saved) * 1000));
    c.arrival = {run.run->arrived, run.run->id};
    for (const Hold& place : run.held) {
      c.frees = run.takes(place);
      of_node_[static_cast<size_t>(place.node)].push_back(c);
    }
  }
  for (size_t n = 0; n < of_node_.size(); ++n) {
    int64_t least = std::numeric_limits<int64_t>::max();
    for (const Candidate& c : of_node_[n]) least = std::min(least, c.loss);
    by_least_loss_.emplace_back(least, n);
  }
  std::sort(by_least_loss_.begin(), by_least_loss_.end());
}

void VictimIndex::remove(int run) {
  for (const Hold& place : state_.runs[static_cast<size_t>(run)].held)
    std::erase_if(of_node_[static_cast<size_t>(place.node)], [&](const Candidate& c) { return c.run == run; });
}

std::optional<Victims> VictimIndex::choose(int for_run, std::vector<Room> room) {
  const StateRun& mine = state_.runs[static_cast<size_t>(for_run)];
  Purse purse;
  for (const RunClass cls : {RunClass::free, RunClass::granted, RunClass::promoted})
    purse.lent[static_cast<size_t>(cls)] = lent_by(state_, cls, mine);
  if (!any_ || purse.lent == std::array<int64_t, kNumClasses>{}) return std::nullopt;

  const size_t wanted = static_cast<size_t>(std::max(1, mine.run->size.nodes));
  Victims victims;
  std::vector<char> chosen(state_.nodes.size());
  std::vector<Candidate> candidates;
  while (victims.places.size() < wanted) {
    std::vector<int> best;
    Price price;
    int best_node = -1;
    for (const auto& [least_loss, n] : by_least_loss_) {
      if (wanted == 1 && best_node >= 0 && price.within_cap == 0 && least_loss > price.loss) break;
      const Room need = state_.need(mine.run->size, static_cast<int>(n));
      if (chosen[n] || !state_.nodes[n].capacity.has(need)) continue;
      const Room lacking = (need - room[n]).at_least_nothing();
      candidates.clear();
      Room frees;
      auto cheapest = std::pair(kNoLimit, kNoLimit);  // no set of this node costs less
      double slot_loss = kUnknown;
      const auto may_go = [&](const Candidate& c) {
        return c.slots <= purse.lent[c.cls] && (c.person != mine.person || c.cls != static_cast<size_t>(mine.cls)) &&
               std::find(victims.runs.begin(), victims.runs.end(), c.run) == victims.runs.end();
      };
      const auto spare = [&](const Candidate& c) {
        return c.cls == static_cast<size_t>(RunClass::free) ? purse.spare(state_, c.person) : kNoLimit;
      };
      if (lacking.slots > 0 || lacking.memory > 0) {
        for (const Candidate& c : of_node_[n]) {
          if (!may_go(c)) continue;
          frees += c.frees;
          cheapest = std::min(cheapest, std::pair(std::max<int64_t>(0, c.slots - spare(c)), c.loss));
          slot_loss = std::min(slot_loss, c.loss_per_slot());
        }
        if (!frees.has(lacking)) continue;
        if (lacking.slots > 0)
          cheapest.second = std::max(
              cheapest.second, static_cast<int64_t>(static_cast<double>(lacking.slots) * slot_loss * (1 - 1e-12)));
        if (best_node >= 0 && cheapest > std::pair(price.within_cap, price.loss)) continue;
        for (const Candidate& c : of_node_[n]) {
          if (!may_go(c)) continue;
          candidates.push_back(c);
          candidates.back().spare = spare(c);
        }
      }
      Search search(state_, purse, candidates, lacking, steps_left_ > 0 ? kMostSteps : kFewSteps);
      const bool better = search.run(best_node >= 0 ? &price : nullptr);
      steps_left_ -= search.steps();
      if (!better) continue;
      best_node = static_cast<int>(n);
      best = search.best();
      price = search.price();
    }
    if (best_node < 0) return std::nullopt;
    chosen[static_cast<size_t>(best_node)] = 1;
    victims.places.push_back({best_node, static_cast<int>(state_.need(mine.run->size, best_node).slots)});
    for (const int at : best) {
      const StateRun& run = state_.runs[static_cast<size_t>(at)];
      victims.runs.push_back(at);
      purse.lent[static_cast<size_t>(run.cls)] -= run.slots;
      if (run.cls == RunClass::free) purse.take(run.person, run.slots);
      for (const Hold& place : run.held) room[static_cast<size_t>(place.node)] += run.takes(place);
    }
  }
  std::sort(victims.runs.begin(), victims.runs.end(), [&](int a, int b) {
    const PolicyRun &x = *state_.runs[static_cast<size_t>(a)].run, &y = *state_.runs[static_cast<size_t>(b)].run;
    return std::pair(x.arrived, x.id) < std::pair(y.arrived, y.id);
  });
  std::sort(victims.places.begin(), victims.places.end(), [](const Hold& a, const Hold& b) { return a.node < b.node; });
  return victims;
}

}  // namespace hadal::cluster
