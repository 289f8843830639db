#include "market/factors/program.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "market/factors.h"
#include "market/factors/parser.h"

namespace hadal::market {
namespace factors {
namespace {

class Placer {
 public:
  explicit Placer(Program& program) : p_(program), nodes_(program.graph.nodes()) {}

  void run() {
    p_.places.assign(nodes_.size(), {});
    find_used();
    find_stages();
    find_histories();
    make_steps();
    find_slots();
    number_the_rest();
  }

 private:
  Placement& at(int node) { return p_.places[static_cast<size_t>(node)]; }
  const Node& node(int n) const { return nodes_[static_cast<size_t>(n)]; }
  int size() const { return static_cast<int>(nodes_.size()); }
  template <typename F>
  void for_args(int n, F&& f) const {
    for (const int arg : node(n).args)
      if (arg >= 0) f(arg);
  }

  void find_used() {
    for (size_t i = 0; i < p_.outputs.size(); ++i) {
      at(p_.outputs[i]).used = true;
      at(p_.outputs[i]).outputs.push_back(static_cast<int>(i));
    }
    for (int n = size() - 1; n >= 0; --n)
      if (at(n).used) for_args(n, [&](int arg) { at(arg).used = true; });
  }

  void find_stages() {
    int last = 0;
    for (int n = 0; n < size(); ++n) {
      for_args(n, [&](int arg) { at(n).stage = std::max(at(n).stage, at(arg).stage); });
      if (kind_of(node(n).op) == Kind::across) ++at(n).stage;
      if (at(n).used) last = std::max(last, at(n).stage);
      if (at(n).used) p_.look_ahead = std::max(p_.look_ahead, node(n).look_ahead);
    }
    p_.stages.assign(static_cast<size_t>(last) + 1, {});
    p_.across.assign(static_cast<size_t>(last) + 1, {});
  }

  // Rows of its arguments that a node reads beyond the present ones.
  static int64_t reach(const Node& node) {
    const Kind kind = kind_of(node.op);
    if (kind != Kind::window && kind != Kind::pair) return 0;
    return node.op == Op::ref ? std::max<int64_t>(0, node.window) : node.window - 1;
  }

  void find_histories() {
    for (int n = 0; n < size(); ++n) {
      if (!at(n).used) continue;
      const bool is_across = kind_of(node(n).op) == Kind::across;
      for_args(n, [&](int arg) {
        if (node(arg).op == Op::constant) return;
        at(arg).history = std::max(at(arg).history, reach(node(n)));
        if (is_across)
          at(arg).board = 0;
        else if (at(arg).stage < at(n).stage)
          at(arg).kept = true;
      });
      if (is_across) at(n).board = 0;
    }
    for (Placement& place : p_.places) place.kept = place.kept || place.history > 0;
  }

  // All quantiles of one window go with the first of them.
  void make_steps() {
    std::vector<bool> done(nodes_.size());
    for (int n = 0; n < size(); ++n) {
      if (!at(n).used || done[static_cast<size_t>(n)] || node(n).op == Op::constant) continue;
      if (kind_of(node(n).op) == Kind::across) p_.across[static_cast<size_t>(at(n).stage)].push_back(n);
      Step step{{n}};
      for (int m = n + 1; node(n).op == Op::quantile && m < size(); ++m)
        if (at(m).used && node(m).op == Op::quantile && node(m).args == node(n).args &&
            node(m).window == node(n).window) {
          step.nodes.push_back(m);
          done[static_cast<size_t>(m)] = true;
        }
      p_.stages[static_cast<size_t>(at(n).stage)].push_back(std::move(step));
    }
  }

  void find_slots() {
    for (const auto& steps : p_.stages) {
      std::vector<size_t> last_use(nodes_.size(), 0);
      for (size_t s = 0; s < steps.size(); ++s)
        for (const int n : steps[s].nodes) {
          last_use[static_cast<size_t>(n)] = std::max(last_use[static_cast<size_t>(n)], s);
          if (kind_of(node(n).op) != Kind::across)
            for_args(n, [&](int arg) { last_use[static_cast<size_t>(arg)] = s; });
        }
      std::vector<int> free_slots;
      std::vector<std::pair<size_t, int>> held;  // until which step, slot
      int taken = 0;
      for (size_t s = 0; s < steps.size(); ++s) {
        for (const int n : steps[s].nodes) {
          if (at(n).kept) continue;
          if (free_slots.empty()) free_slots.push_back(taken++);
          at(n).slot = free_slots.back();
          free_slots.pop_back();
          held.emplace_back(last_use[static_cast<size_t>(n)], at(n).slot);
        }
        std::erase_if(held, [&](const auto& hold) {
          if (hold.first > s) return false;
          free_slots.push_back(hold.second);
          return true;
        });
      }
      p_.num_slots = std::max(p_.num_slots, taken);
    }
  }

  void number_the_rest() {
    for (int n = 0; n < size(); ++n) {
      Placement& place = at(n);
      if (!place.used) continue;
      if (node(n).op == Op::constant) {
        place.constant = static_cast<int>(p_.constants.size());
        p_.constants.push_back(node(n).number);
        continue;
      }
      if (place.kept) {
        place.kept_row = p_.kept_history;
        place.kept_index = p_.num_kept++;
        p_.kept_history += place.history;
        p_.most_history = std::max(p_.most_history, place.history);
      }
      if (kind_of(node(n).op) == Kind::recursive)
        place.state = std::exchange(p_.num_states, p_.num_states + kStatesOfRecursion);
      if (place.board >= 0) place.board = p_.num_boards++;
    }
  }

  Program& p_;
  const std::vector<Node>& nodes_;
};

}  // namespace

void place(Program& program) { Placer(program).run(); }

}  // namespace factors

FactorProgram::FactorProgram(const std::vector<NamedExpression>& factors, const std::string& who,
                             LookAhead look_ahead) {
  auto program = std::make_shared<factors::Program>();
  std::set<std::string_view> seen;
  for (const auto& [name, expression] : factors) {
    const std::string place = who.empty() ? name : who + " " + name;
    if (!seen.insert(name).second) fail("{}: two factors have this name; rename one", place);
    const int node = factors::parse_expression(program->graph, expression, place, look_ahead);
    program->names.push_back(name);
    program->outputs.push_back(program->graph.series(node));
  }
  factors::place(*program);
  program_ = std::move(program);
}

const std::vector<std::string>& FactorProgram::names() const { return program_->names; }

int64_t FactorProgram::look_back(size_t factor) const { return program_->graph[program_->outputs[factor]].look_back; }
int64_t FactorProgram::look_ahead(size_t factor) const { return program_->graph[program_->outputs[factor]].look_ahead; }
int64_t FactorProgram::look_ahead() const { return program_->look_ahead; }
bool FactorProgram::reads_others() const { return program_->num_boards > 0; }
const std::string& FactorProgram::text(size_t factor) const { return program_->graph[program_->outputs[factor]].text; }

FactorProgram FactorProgram::all_nodes() const {
  auto program = std::make_shared<factors::Program>();
  program->graph = program_->graph;
  for (size_t n = 0; n < program_->places.size(); ++n) {
    if (!program_->places[n].used || program_->places[n].constant >= 0) continue;
    program->outputs.push_back(static_cast<int>(n));
    program->names.push_back(program->graph.nodes()[n].text);
  }
  factors::place(*program);
  return FactorProgram(std::move(program));
}

}  // namespace hadal::market
