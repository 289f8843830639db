// One decision: the four passes of policy.md over a state, which it changes accordingly.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/policy/state.h"
#include "cluster/policy/victims.h"

namespace hadal::cluster {

struct Move {
  PolicyDecision::Kind kind = PolicyDecision::Kind::start;
  int run = 0, for_run = -1;
  std::vector<Hold> places;
  const char* rule = "";
  std::string reason;  // "" where nobody reads it
};

enum class Lending {
  on,
  off,  // as promises are reckoned: nothing is lent, and the cap always binds
};

class Round {
 public:
  explicit Round(PolicyState& state, Lending lending = Lending::on, bool with_reasons = true);
  std::vector<Move> play();
  // Those that wait, in the order of the passes.
  std::vector<int> line();

 private:
  struct Reservation {
    int run = 0;
    std::vector<int> nodes;
    double at = kUnknown;  // not known: what comes free is kept
  };

  std::vector<int> waiting(RunClass cls) const;
  bool entitled(int run) const;
  bool overtakes_its_own(int run) const;
  void serve(RunClass cls);
  void lend(RunClass cls);
  bool start_if_it_fits(int run, bool is_entitled);
  bool start_on_claim(int run);
  bool wait_for_leavers(int run);
  void keep(int run, std::vector<Hold> places, std::string why);
  bool preempt(int run);
  void reserve(int run, bool is_entitled);
  double free_at(int run, int node, bool by_age) const;
  void drop_broken_claims();
  void start(int run, std::vector<Hold> places, const char* rule, std::string how);

  // For a run without a claim: what is free on a node now, and when those who leave are gone.
  const Room& open(int node) const { return open_[static_cast<size_t>(node)]; }
  const Room& later(int node) const { return later_[static_cast<size_t>(node)]; }
  void refresh(const std::vector<Hold>& places);  // both, where anything changed
  bool leaves_reserved_room(int run, int node, const Room& need) const;
  std::optional<std::vector<Hold>> fit(int run, bool now) const;

  PolicyState& state_;
  Lending lending_;
  bool with_reasons_;
  VictimIndex victims_;
  std::vector<Move> moves_;
  std::vector<Room> open_, later_;
  std::vector<Room> held_back_;  // of each node: what entitled runs wait for that others leave
  std::vector<Reservation> reservations_;
  std::vector<int> reserved_of_;              // of each node: index of its reservation, or -1
  std::vector<std::optional<Size>> in_vain_;  // of each person and kind of run: for whom nobody was found to suspend
  std::vector<char> settled_;                 // runs that will start without more ado: they wait for leavers
  std::vector<int64_t> ahead_;                // of each person: slots of entitled first starts that were passed over
  std::vector<std::vector<int>> promised_;    // of each person: free first starts that wait for what they were promised
  bool reservation_given_ = false;
};

const char* rule_of(RunClass cls);

}  // namespace hadal::cluster
