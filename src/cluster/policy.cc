#include "cluster/policy.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "cluster/policy/forward.h"
#include "cluster/policy/round.h"

namespace hadal::cluster {

int free_slots_kept(const PolicyRules& rules, int slots) {
  return std::max(1, static_cast<int>(std::ceil(rules.free_share * slots - 1e-9)));
}

std::vector<PolicyDecision> decide(const PolicyRules& rules, const Snapshot& snapshot) {
  PolicyState state(rules, snapshot);
  std::vector<PolicyDecision> decisions;
  for (Move& move : Round(state).play()) {
    PolicyDecision& decision = decisions.emplace_back();
    decision.kind = move.kind;
    decision.run = state.runs[static_cast<size_t>(move.run)].run->id;
    if (move.for_run >= 0) decision.for_run = state.runs[static_cast<size_t>(move.for_run)].run->id;
    for (const Hold& place : move.places)
      decision.places.push_back({snapshot.nodes[static_cast<size_t>(place.node)].name, place.slots});
    decision.rule = move.rule;
    decision.reason = std::move(move.reason);
  }
  return decisions;
}

std::optional<double> starts_within(const PolicyRules& rules, const Snapshot& snapshot, int64_t run) {
  const PolicyState state(rules, snapshot);
  const int at = state.index_of(run);
  if (at < 0 || !state.runs[static_cast<size_t>(at)].waits()) return std::nullopt;
  PolicyState now = state;
  Round(now, Lending::on, false).play();
  if (!now.runs[static_cast<size_t>(at)].waits()) return 0;

  const StateRun& mine = state.runs[static_cast<size_t>(at)];
  if (mine.cls == RunClass::promoted) return std::nullopt;
  if (mine.cls == RunClass::free) {
    int64_t of_person = 0;
    for (const StateRun& other : state.runs)
      if (other.person == mine.person && other.cls == RunClass::free && (other.waits() || other.is_active()))
        of_person += other.slots;
    if (of_person > state.free_cap) return std::nullopt;
  }
  const auto after = starts_after(state, at);
  if (!after) return std::nullopt;
  return *after + rules.min_run_s;
}

std::vector<int64_t> line(const PolicyRules& rules, const Snapshot& snapshot) {
  PolicyState state(rules, snapshot);
  std::vector<int64_t> ids;
  for (const int at : Round(state, Lending::on, false).line())
    ids.push_back(state.runs[static_cast<size_t>(at)].run->id);
  return ids;
}

int position(const PolicyRules& rules, const Snapshot& snapshot, int64_t run) {
  const std::vector<int64_t> ids = line(rules, snapshot);
  const auto found = std::find(ids.begin(), ids.end(), run);
  return found == ids.end() ? 0 : static_cast<int>(found - ids.begin()) + 1;
}

std::string never_fits(const std::vector<PolicyNode>& nodes, const Size& size) {
  const size_t wanted = static_cast<size_t>(std::max(1, size.nodes));
  const auto in_gib = [](int64_t bytes) { return fmt::format("{:.4g} GiB", static_cast<double>(bytes) / (1 << 30)); };
  int most_slots = 0;
  int64_t most_memory = 0;
  size_t with_slots = 0, with_memory = 0, with_both = 0;
  for (const PolicyNode& node : nodes) {
    const bool slots = node.slots >= std::max(1, size.slots);
    const bool memory = node.memory_bytes <= 0 || node.memory_bytes >= size.memory_bytes;
    most_slots = std::max(most_slots, node.slots);
    most_memory = std::max(most_memory, node.memory_bytes);
    with_slots += slots;
    with_memory += memory;
    with_both += slots && memory;
  }
  if (with_both >= wanted) return "";
  if (nodes.size() < wanted)
    return fmt::format("{}; the cluster has {}", counted(static_cast<int64_t>(wanted), "node"), nodes.size());
  const std::string slots = counted(size.slots, "slot"), memory = in_gib(size.memory_bytes);
  if (size.nodes == 0) {
    if (with_slots == 0) return fmt::format("{} on one node; the largest has {}", slots, most_slots);
    if (with_memory == 0)
      return fmt::format("{} of memory on one node; the largest has {}", memory, in_gib(most_memory));
    return fmt::format("{} and {} of memory on one node; no node has both", slots, memory);
  }
  std::string of =
      size.slots > 0 ? fmt::format("{} of {}", counted(size.nodes, "node"), slots) : counted(size.nodes, "node");
  if (size.memory_bytes > 0) of += fmt::format(" and {} of memory each", memory);
  return fmt::format("{}; {} as much", of, with_both == 1 ? "1 node has" : fmt::format("{} nodes have", with_both));
}

}  // namespace hadal::cluster
