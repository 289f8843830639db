// Ideas on one node, whose values are known beforehand: policy and ladder as in a cluster, without programs. A unit of
// budget is a third of the first rung. Decisions fall at the ends of units: there a run stands in line again, at no
// cost, and often gets its slot back.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cluster/policy/ladder.h"
#include "cluster/simulator.h"
#include "cluster/simulator/table_file.h"

namespace hadal::cluster {

namespace {

constexpr const char* kBaselineName = "idea-0";
constexpr const char* kOnlyNode = "node";
constexpr int kUnitsOfFirstRung = 3;

struct SimulatedIdea {
  std::string name;
  int64_t person = 0;
  double arrives = 0, unit_seconds = 0;
  std::vector<double> values;  // after 1, 2, ... units
  LadderRun ladder;
  bool arrived = false, started_before = false;
  bool ran_before = false;  // until now: to go on is no decision
  int units = 0;            // done
  double unit_began = 0;
  double waiting_since = 0, promised_by = kUnknown;
  std::vector<Place> claim;

  double unit_ends() const { return unit_began + unit_seconds; }
  bool holds() const { return ladder.state == RunState::running; }
  bool waits() const { return arrived && (ladder.state == RunState::queued || ladder.state == RunState::suspended); }
};

class Ideas {
 public:
  explicit Ideas(const IdeasOptions& options) : options_(options) {
    rules_.free_share = options.free_share;
    unit_tokens_ = rules_.first_tokens / kUnitsOfFirstRung;
    rules_.first_tokens = unit_tokens_ * kUnitsOfFirstRung;
    read();
  }

  OrderedJson run() {
    for (double now = next_time(); now < kUnknown; now = next_time()) {
      end_units(now);
      arrive(now);
      climb_ladder(now);
      serve(now);
      now_ = now;
    }
    return result();
  }

 private:
  void read() {
    const TableFile table(options_.ideas, {"idea", "person", "arrives_s", "seconds_per_unit", "1"});
    std::vector<size_t> columns;  // of the values after 1, 2, ... units
    const size_t first = table.column("1");
    for (size_t column = first; column < table.num_columns(); ++column) {
      if (table.column_name(column) != std::to_string(columns.size() + 1))
        fail("{}: line 1: expected the columns 1, 2, ... to the last unit at the end, found {} after {}",
             options_.ideas.string(), brief(table.column_name(column)), columns.size());
      columns.push_back(column);
    }
    std::map<std::string, int64_t> people;
    std::map<std::string, size_t> names;
    for (size_t row = 0; row < table.num_rows(); ++row) {
      SimulatedIdea idea;
      idea.name = table.text(row, table.column("idea"));
      if (!names.emplace(idea.name, row).second)
        table.fail_at(row, table.column("idea"), "a name that no other idea has");
      idea.person = people.emplace(table.text(row, table.column("person")), people.size() + 1).first->second;
      idea.arrives = table.number(row, table.column("arrives_s"));
      if (idea.arrives < 0) table.fail_at(row, table.column("arrives_s"), "seconds of 0 or more");
      idea.unit_seconds = table.number_above(row, table.column("seconds_per_unit"), 0);
      for (const size_t column : columns) idea.values.push_back(table.number(row, column, true));
      idea.ladder.id = idea.ladder.idea = static_cast<int64_t>(row) + 1;
      idea.ladder.baseline = idea.name == kBaselineName;
      idea.ladder.held_out = "validation";
      idea.ladder.length_tokens = static_cast<int64_t>(columns.size()) * unit_tokens_;
      ideas_.push_back(std::move(idea));
    }
    for (size_t person = 1; person <= people.size(); ++person) people_.push_back({static_cast<int64_t>(person), 0});
  }

  // The next arrival or end of a unit.
  double next_time() const {
    double next = kUnknown;
    for (const SimulatedIdea& idea : ideas_) {
      if (!idea.arrived) next = std::min(next, idea.arrives);
      if (idea.holds()) next = std::min(next, idea.unit_ends());
    }
    return next;
  }

  void end_units(double now) {
    for (PolicyPerson& person : people_)
      person.core_seconds *= std::exp2(-(now - now_) / (rules_.half_life_days * 86'400));
    for (SimulatedIdea& idea : ideas_) {
      if (!idea.holds()) continue;
      people_[static_cast<size_t>(idea.person) - 1].core_seconds += now - std::max(now_, idea.unit_began);
      if (idea.unit_ends() > now) continue;
      ++idea.units;
      LadderRun& ladder = idea.ladder;
      ladder.curve.push_back({idea.units * unit_tokens_, idea.values[static_cast<size_t>(idea.units) - 1]});
      if (idea.units == static_cast<int>(idea.values.size()))
        ladder.state = RunState::done;
      else if (idea.units * unit_tokens_ >= rung_tokens(rules_, ladder.rung, ladder.length_tokens))
        ladder.state = RunState::paused;
      else {
        stand_in_line(idea, now);
        idea.ran_before = true;
      }
    }
  }

  void stand_in_line(SimulatedIdea& idea, double now) {
    idea.ladder.state = RunState::suspended;
    idea.waiting_since = now;
  }

  void arrive(double now) {
    for (SimulatedIdea& idea : ideas_) {
      if (idea.arrived || idea.arrives > now) continue;
      idea.arrived = true;
      idea.waiting_since = now;
      if (const auto within = starts_within(rules_, snapshot(now), idea.ladder.id)) idea.promised_by = now + *within;
    }
  }

  void climb_ladder(double now) {
    std::vector<LadderRun> runs;
    for (const SimulatedIdea& idea : ideas_)
      if (idea.arrived) runs.push_back(idea.ladder);
    for (const LadderDecision& decision : climb(rules_, runs)) {
      SimulatedIdea& idea = ideas_[static_cast<size_t>(decision.run) - 1];
      switch (decision.kind) {
        case LadderDecision::Kind::score:
          idea.ladder.scores.push_back(decision.score);
          break;
        case LadderDecision::Kind::hold:
          note(now, idea, "hold", "ladder", decision.reason);
          break;
        case LadderDecision::Kind::promote:
          idea.ladder.rung = decision.rung;
          note(now, idea, "promote", "ladder", decision.reason);
          stand_in_line(idea, now);
      }
    }
  }

  void serve(double now) {
    for (const PolicyDecision& decision : decide(rules_, snapshot(now))) {
      SimulatedIdea& idea = ideas_[static_cast<size_t>(decision.run) - 1];
      if (decision.kind == PolicyDecision::Kind::claim) idea.claim = decision.places;
      if (decision.kind != PolicyDecision::Kind::start) continue;  // nobody is suspended amid a unit
      if (!idea.started_before) longest_wait_ = std::max(longest_wait_, now - idea.arrives);
      idea.started_before = true;
      idea.ladder.state = RunState::running;
      idea.unit_began = now;
      idea.claim.clear();
      if (!idea.ran_before) note(now, idea, "start", decision.rule, decision.reason);
      idea.ran_before = false;
    }
    for (SimulatedIdea& idea : ideas_)
      if (std::exchange(idea.ran_before, false))
        note(now, idea, "suspend", "order",
             fmt::format("after {}: others stand ahead of it in the line", counted(idea.units, "unit")));
  }

  Snapshot snapshot(double now) const {
    Snapshot snapshot;
    snapshot.now = now;
    snapshot.nodes.emplace_back();
    snapshot.nodes.back().name = kOnlyNode;
    snapshot.nodes.back().slots = options_.slots;
    snapshot.people = people_;
    for (const SimulatedIdea& idea : ideas_) {
      if (!idea.holds() && !idea.waits()) continue;
      const LadderRun& ladder = idea.ladder;
      const int64_t budget = rung_tokens(rules_, ladder.rung, ladder.length_tokens);
      const double units_left = std::ceil(static_cast<double>(budget) / static_cast<double>(unit_tokens_)) - idea.units;
      PolicyRun run;
      run.id = ladder.id;
      run.idea = ladder.idea;
      run.person = idea.person;
      run.rung = ladder.rung;
      run.arrived = idea.arrives;
      run.started_before = idea.started_before;
      run.promised_by = idea.promised_by;
      run.waiting_since = idea.waiting_since;
      run.claim = idea.claim;
      if (idea.holds()) {
        run.phase = PolicyRun::Phase::active;
        run.began = idea.unit_began;
        run.ends = idea.unit_began + units_left * idea.unit_seconds;
        run.held = {{kOnlyNode, 1}};
      } else {
        run.ends = now + units_left * idea.unit_seconds;
      }
      snapshot.runs.push_back(std::move(run));
    }
    return snapshot;
  }

  void note(double now, const SimulatedIdea& idea, const char* kind, const std::string& rule,
            const std::string& reason) {
    decisions_.push_back({{"time_s", now}, {"idea", idea.name}, {"kind", kind}, {"rule", rule}, {"reason", reason}});
  }

  OrderedJson result() const {
    int64_t units = 0;
    const SimulatedIdea* winner = nullptr;
    for (const SimulatedIdea& idea : ideas_) {
      units += idea.units;
      if (idea.ladder.state != RunState::done || std::isnan(idea.values.back())) continue;
      if (!winner || idea.values.back() < winner->values.back()) winner = &idea;
    }
    return {{"cost_units", units},
            {"winner", winner ? OrderedJson(winner->name) : OrderedJson(nullptr)},
            {"first_start_wait_max_s", longest_wait_},
            {"decisions", decisions_}};
  }

  IdeasOptions options_;
  PolicyRules rules_;
  int64_t unit_tokens_ = 0;
  std::vector<SimulatedIdea> ideas_;
  std::vector<PolicyPerson> people_;
  double now_ = 0, longest_wait_ = 0;
  OrderedJson decisions_ = OrderedJson::array();
};

}  // namespace

OrderedJson simulate_ideas(const IdeasOptions& options) {
  if (options.slots < 1) fail("a simulation: expected 1 slot or more, found {}", options.slots);
  if (!(options.free_share >= 0 && options.free_share <= 1))
    fail("a simulation: expected a free share from 0 to 1, found {}", options.free_share);
  return Ideas(options).run();
}

}  // namespace hadal::cluster
