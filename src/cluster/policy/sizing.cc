#include "cluster/policy/sizing.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace hadal::cluster {

namespace {

// A run's speeds, weighted: what it is worth to give it slots.
struct Bid {
  const ElasticRun* run = nullptr;
  double weight = 0, kept = 1;  // kept: the share of its speed that a restart leaves
  int held = 0;
  double worth_held = 0;      // with what it holds, as it is
  std::vector<double> worth;  // by slots, on as few nodes as they need
  int slots = 0;              // given

  double worth_on(int slots_wanted, int nodes) const {
    return slots_wanted == 0 ? 0 : weight * kept * run->speed(slots_wanted, nodes);
  }
};

// A stretch of the upper hull of a bid's worth.
struct Step {
  double gain = 0;  // of each slot
  size_t bid = 0;
  int from = 0, to = 0;
};

int nodes_of(const std::vector<int>& places) {
  int nodes = places.empty() ? 0 : 1;
  for (size_t i = 1; i < places.size(); ++i) nodes += places[i] != places[i - 1];
  return nodes;
}

// By slots: the fewest nodes that have so many.
std::vector<int> fewest_nodes(std::vector<int> slots) {
  std::sort(slots.begin(), slots.end(), std::greater<>());
  std::vector<int> nodes{0};
  for (size_t i = 0; i < slots.size(); ++i)
    nodes.insert(nodes.end(), static_cast<size_t>(slots[i]), static_cast<int>(i) + 1);
  return nodes;
}

Bid bid_of(const ElasticRun& run, const std::vector<int>& fewest, const SizingRules& rules) {
  Bid bid;
  bid.run = &run;
  bid.held = static_cast<int>(run.held.size());
  bid.worth.assign(std::min(fewest.size(), static_cast<size_t>(run.max_slots) + 1), 0);
  int least = 0;
  for (int n = run.min_slots; n < static_cast<int>(bid.worth.size()); ++n) {
    bid.worth[static_cast<size_t>(n)] = run.speed(n, fewest[static_cast<size_t>(n)]);
    if (least == 0 && bid.worth[static_cast<size_t>(n)] > 0) least = n;
  }
  if (least == 0) return bid;
  const double unit = bid.worth[static_cast<size_t>(least)];
  const double seconds = run.remaining == kUnknown ? rules.unknown_s + run.done / unit : run.remaining / unit;
  bid.weight = std::pow(std::max(seconds, 1.0) + run.restart_s, -rules.shortness) / unit;
  bid.worth_held = bid.held == 0 ? 0 : bid.weight * run.speed(bid.held, nodes_of(run.held));
  // What is over sooner has less time to gain by a change.
  double within = rules.pays_within_s;
  if (run.remaining != kUnknown && bid.worth_held > 0)
    within = std::min(within, run.remaining * bid.weight / bid.worth_held);
  bid.kept = 1 - std::min(.9, run.restart_s / within);
  for (double& worth : bid.worth) worth *= bid.weight * bid.kept;
  if (bid.held > 0 && bid.held < static_cast<int>(bid.worth.size())) {
    double& held = bid.worth[static_cast<size_t>(bid.held)];
    held = std::max(held, bid.worth_held);
  }
  return bid;
}

void add_steps(const Bid& bid, size_t index, std::vector<Step>& steps) {
  std::vector<int> hull{0};
  const auto slope = [&](int from, int to) {
    return (bid.worth[static_cast<size_t>(to)] - bid.worth[static_cast<size_t>(from)]) / (to - from);
  };
  for (int n = 1; n < static_cast<int>(bid.worth.size()); ++n) {
    if (bid.worth[static_cast<size_t>(n)] <= bid.worth[static_cast<size_t>(hull.back())]) continue;
    while (hull.size() > 1 && slope(hull.back(), n) >= slope(hull[hull.size() - 2], hull.back())) hull.pop_back();
    hull.push_back(n);
  }
  for (size_t k = 1; k < hull.size(); ++k) steps.push_back({slope(hull[k - 1], hull[k]), index, hull[k - 1], hull[k]});
}

// Gives slots, the steepest step first; returns the price of a slot: what the first one that is not given would gain.
double give(std::vector<Bid>& bids, int left) {
  std::vector<Step> steps;
  for (size_t i = 0; i < bids.size(); ++i) add_steps(bids[i], i, steps);
  std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.gain > b.gain; });
  for (const Step& step : steps) {
    if (left == 0) return step.gain;
    Bid& bid = bids[step.bid];
    if (bid.slots != step.from) continue;  // a step of it did not fit
    int to = std::min(step.to, bid.slots + left);
    const auto worth = [&bid](int n) { return bid.worth[static_cast<size_t>(n)]; };
    while (to > bid.slots && worth(to) <= worth(to - 1)) --to;
    if (worth(to) <= worth(bid.slots)) continue;
    left -= to - bid.slots;
    bid.slots = to;
  }
  return 0;  // some are left
}

// So many places on as few nodes as it goes: the smallest room that suffices, else all of the largest.
std::vector<int> pack(std::vector<int> free, int slots) {
  std::vector<int> places;
  while (slots > 0) {
    size_t best = 0;
    for (size_t node = 1; node < free.size(); ++node) {
      const bool fits = free[node] >= slots, best_fits = free[best] >= slots;
      if (fits != best_fits ? fits : fits ? free[node] < free[best] : free[node] > free[best]) best = node;
    }
    const int taken = std::min(slots, free[best]);
    if (taken == 0) return {};
    places.insert(places.end(), static_cast<size_t>(taken), static_cast<int>(best));
    free[best] -= taken;
    slots -= taken;
  }
  std::sort(places.begin(), places.end());
  return places;
}

bool take(std::vector<int>& free, const std::vector<int>& places) {
  std::vector<int> left = free;
  for (const int node : places)
    if (--left[static_cast<size_t>(node)] < 0) return false;
  free = std::move(left);
  return true;
}

// Where a bid goes in what is free: of the places for up to `bid.slots` slots, the ones worth most after their price.
std::vector<int> place(const Bid& bid, double price, const std::vector<int>& free) {
  std::vector<int> best;
  double most = -kUnknown;  // what it gets is better than what lies idle
  for (int n = bid.slots; n >= std::max(1, bid.run->min_slots); --n) {
    const double bound = bid.worth[static_cast<size_t>(n)] - price * n;
    if (bound <= most) continue;  // not even on the fewest nodes
    std::vector<int> places = pack(free, n);
    const double worth = places.empty() ? 0 : bid.worth_on(n, nodes_of(places)) - price * n;
    if (worth <= most) continue;
    most = worth;
    best = std::move(places);
  }
  return best;
}

}  // namespace

std::vector<Sizing> size(const std::vector<int>& slots, const std::vector<ElasticRun>& runs, const SizingRules& rules) {
  const std::vector<int> fewest = fewest_nodes(slots);
  std::vector<Bid> bids;
  for (const ElasticRun& run : runs) bids.push_back(bid_of(run, fewest, rules));
  const double price = give(bids, static_cast<int>(fewest.size()) - 1);

  std::vector<Sizing> sizings;
  for (const ElasticRun& run : runs) sizings.push_back({run.id, {}});
  std::vector<int> free = slots;
  std::vector<size_t> order;
  for (size_t i = 0; i < bids.size(); ++i) {
    const Bid& bid = bids[i];
    const bool stays =
        bid.slots > 0 && bid.slots == bid.held && bid.worth[static_cast<size_t>(bid.held)] <= bid.worth_held;
    if (stays && take(free, bid.run->held))
      sizings[i].places = bid.run->held;
    else if (bid.slots > 0)
      order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&bids](size_t a, size_t b) { return bids[a].slots > bids[b].slots; });
  for (const size_t i : order) {
    sizings[i].places = place(bids[i], price, free);
    take(free, sizings[i].places);
  }
  return sizings;
}

}  // namespace hadal::cluster
