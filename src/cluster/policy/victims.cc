#include "cluster/policy/victims.h"

#include <cmath>
#include <tuple>
#include <unordered_map>

namespace hadal::cluster {
namespace {

constexpr int kMostSteps = 4000;                // of one search on one node
constexpr int64_t kNoLimit = int64_t{1} << 40;  // slots

struct Candidate {
  int run = 0;
  Room frees;         // on this node
  int64_t slots = 0;  // in all
  size_t cls = 0;
  int person = 0;
  int64_t within_cap = 0;  // taken alone
  int64_t loss = 0;        // slots x milliseconds
  std::pair<double, int64_t> arrival;
};

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
  std::unordered_map<int, int64_t> taken_free;  // of the free runs of each person
};

class Search {
 public:
  Search(const PolicyState& state, const Purse& purse, std::vector<Candidate> candidates, const Room& lacking)
      : state_(state), purse_(purse), candidates_(std::move(candidates)), lacking_(lacking) {
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return std::tie(a.within_cap, a.loss, a.slots, b.arrival) < std::tie(b.within_cap, b.loss, b.slots, a.arrival);
    });
    rest_.resize(candidates_.size() + 1);
    for (size_t i = candidates_.size(); i-- > 0;) rest_[i] = rest_[i + 1] + candidates_[i].frees;
  }

  // Whether anything suffices, and is better than the best so far of other nodes; then best() and price().
  bool run(const Price* so_far) {
    if (!rest_[0].has(lacking_)) return false;
    found_ = so_far != nullptr;
    if (found_) price_ = *so_far;
    descend(0, {});
    return better_;
  }
  const std::vector<int>& best() const { return best_; }
  const Price& price() const { return price_; }

 private:
  int64_t person_spare(int person) const {
    const auto taken = purse_.taken_free.find(person);
    return std::max<int64_t>(0, state_.people[static_cast<size_t>(person)].free_use - state_.free_cap -
                                    (taken == purse_.taken_free.end() ? 0 : taken->second));
  }

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

  int64_t within_cap_of(const std::vector<int>& chosen) const {
    int64_t sum = 0;
    for (size_t i = 0; i < chosen.size(); ++i) {
      const Candidate& c = candidates_[static_cast<size_t>(chosen[i])];
      if (c.cls != static_cast<size_t>(RunClass::free)) continue;
      int64_t of_person = 0;
      bool counted = false;  // at an earlier run of this person
      for (size_t k = 0; k < chosen.size(); ++k) {
        const Candidate& other = candidates_[static_cast<size_t>(chosen[k])];
        if (other.cls != c.cls || other.person != c.person) continue;
        counted |= k < i;
        of_person += other.slots;
      }
      if (!counted) sum += std::max<int64_t>(0, of_person - person_spare(c.person));
    }
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
    if (++steps_ > kMostSteps && found_) return;
    if (steps_ > 8 * kMostSteps) return;
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
    // All that follow cost as much as this one: what is sorted by is the first two of a price.
    if (found_ &&
        (c.within_cap > price_.within_cap || (c.within_cap == price_.within_cap && loss_ + c.loss > price_.loss)))
      return;
    const Room adds = smaller(c.frees, (lacking_ - frees).at_least_nothing());
    if ((adds.slots > 0 || adds.memory > 0) && taken_[c.cls] + c.slots <= purse_.lent[c.cls]) {
      chosen_.push_back(static_cast<int>(at));
      taken_[c.cls] += c.slots;
      loss_ += c.loss;
      if (!hopeless()) descend(at + 1, frees + c.frees);
      loss_ -= c.loss;
      taken_[c.cls] -= c.slots;
      chosen_.pop_back();
    }
    descend(at + 1, frees);
  }

  // Nothing that begins with this choice can be better. (What is redundant in it makes a loss that strip() takes away;
  // the same set without it is met on another branch.)
  bool hopeless() const {
    if (!found_) return false;
    const int64_t within_cap = within_cap_of(chosen_);
    return std::tie(within_cap, loss_) > std::tie(price_.within_cap, price_.loss);
  }

  const PolicyState& state_;
  const Purse& purse_;
  std::vector<Candidate> candidates_;
  Room lacking_;
  std::vector<Room> rest_;
  std::vector<int> chosen_, best_;
  std::array<int64_t, kNumClasses> taken_{};
  int64_t loss_ = 0;
  int steps_ = 0;
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

std::optional<Victims> choose_victims(const PolicyState& state, int for_run, std::vector<Room> room) {
  const StateRun& mine = state.runs[static_cast<size_t>(for_run)];
  Purse purse;
  for (const RunClass cls : {RunClass::free, RunClass::granted, RunClass::promoted})
    purse.lent[static_cast<size_t>(cls)] = lent_by(state, cls, mine);
  if (purse.lent == std::array<int64_t, kNumClasses>{}) return std::nullopt;

  const size_t wanted = static_cast<size_t>(std::max(1, mine.run->size.nodes));
  Victims victims;
  std::vector<char> chosen(state.nodes.size());
  while (victims.places.size() < wanted) {
    std::vector<int> best;
    Price price;
    int best_node = -1;
    for (size_t n = 0; n < state.nodes.size(); ++n) {
      const Room need = state.need(mine.run->size, static_cast<int>(n));
      if (chosen[n] || !state.nodes[n].capacity.has(need)) continue;
      const Room lacking = (need - room[n]).at_least_nothing();
      std::vector<Candidate> candidates;
      if (lacking.slots > 0 || lacking.memory > 0) {
        for (const int at : state.nodes[n].holders) {
          const StateRun& run = state.runs[static_cast<size_t>(at)];
          if (!state.is_old(run) || !may_ever_go(state, run, mine)) continue;
          if (run.slots > purse.lent[static_cast<size_t>(run.cls)]) continue;
          if (std::find(victims.runs.begin(), victims.runs.end(), at) != victims.runs.end()) continue;
          Candidate& c = candidates.emplace_back();
          c.run = at;
          for (const Hold& place : run.held)
            if (place.node == static_cast<int>(n)) c.frees += Room{place.slots, run.run->size.memory_bytes};
          c.slots = run.slots;
          c.cls = static_cast<size_t>(run.cls);
          c.person = run.person;
          if (run.cls == RunClass::free)
            c.within_cap = std::max<int64_t>(
                0, run.slots - std::max<int64_t>(0, state.people[static_cast<size_t>(run.person)].free_use -
                                                        state.free_cap - purse.taken_free[run.person]));
          c.loss = static_cast<int64_t>(
              std::llround(static_cast<double>(run.slots) * std::max(0.0, state.now - run.saved) * 1000));
          c.arrival = {run.run->arrived, run.run->id};
        }
      }
      Search search(state, purse, std::move(candidates), lacking);
      if (!search.run(best_node >= 0 ? &price : nullptr)) continue;
      best_node = static_cast<int>(n);
      best = search.best();
      price = search.price();
    }
    if (best_node < 0) return std::nullopt;
    chosen[static_cast<size_t>(best_node)] = 1;
    victims.places.push_back({best_node, static_cast<int>(state.need(mine.run->size, best_node).slots)});
    for (const int at : best) {
      const StateRun& run = state.runs[static_cast<size_t>(at)];
      victims.runs.push_back(at);
      purse.lent[static_cast<size_t>(run.cls)] -= run.slots;
      if (run.cls == RunClass::free) purse.taken_free[run.person] += run.slots;
      for (const Hold& place : run.held)
        room[static_cast<size_t>(place.node)] += Room{place.slots, run.run->size.memory_bytes};
    }
  }
  std::sort(victims.runs.begin(), victims.runs.end(), [&](int a, int b) {
    const PolicyRun &x = *state.runs[static_cast<size_t>(a)].run, &y = *state.runs[static_cast<size_t>(b)].run;
    return std::pair(x.arrived, x.id) < std::pair(y.arrived, y.id);
  });
  std::sort(victims.places.begin(), victims.places.end(), [](const Hold& a, const Hold& b) { return a.node < b.node; });
  return victims;
}

}  // namespace hadal::cluster
