// A run: one recipe or command of an idea, its attempts, and the states it passes through. The states and what may
// follow what are one table, in run.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal::cluster {

enum class RunState {
  queued,      // waits for its first start, or to be tried again after a lost node
  starting,    // attempt n is decided and on record; the backend may not have it yet
  running,     //
  suspending,  // was asked to save and end
  suspended,   // by the policy: waits in line; by a person: waits for `resume`
  paused,      // got to its rung and holds nothing; the ladder says whether it goes on
  done,
  failed,
  stopped,  // by a person, or by its --time
};

std::string_view name_of(RunState state);
std::optional<RunState> state_named(std::string_view name);
bool may_follow(RunState from, RunState to);  // the table
bool is_over(RunState state);                 // done, failed, stopped
bool is_live(RunState state);                 // starting, running, suspending: holds its slots

// What a run asks for: slots of one node, or whole nodes.
struct Size {
  int slots = 1;             // cores; with `nodes`, of each node (0: all that a node has)
  int nodes = 0;             // 0: slots of one node
  int64_t memory_bytes = 0;  // on each node; 0: not asked for
  bool operator==(const Size&) const = default;
};

// Slots that something holds on a node.
struct Place {
  std::string node;
  int slots = 0;
  bool operator==(const Place&) const = default;
};

struct Run {
  int64_t id = 0, idea = 0, person = 0;  // person: who submitted it
  RunState state = RunState::queued;
  std::string reason;                // of its state, with the figures
  bool tracked = false;              // came by MLflow's API: not scheduled
  bool by_person = false;            // suspended by a person
  std::vector<std::string> command;  // as the supervisor executes it
  std::string recipe;                // its file's name; "" for a command
  Size size;
  int64_t seed = -1;        // -1: none given
  double time_limit_s = 0;  // of all attempts together; 0: none
  std::string metric;       // the key that the ladder compares; "": the mean of validation/*/bits_per_byte
  bool larger_is_better = false;
  std::string held_out;       // hash of the validation data, or "" where none is known
  int64_t length_tokens = 0;  // of the whole run; 0: reports no tokens, stands on no ladder
  int rung = 1;               // from 1
  double submitted = 0;       // seconds since 1970
  int attempts = 0;           // the number of the last one
  std::vector<Place> claim;   // slots kept for it (policy.h)
};

struct Attempt {
  int64_t run = 0;
  int number = 0;          // from 1
  std::string backend_id;  // "" before the backend has it
  std::vector<Place> places;
  double decided = 0, started = 0, ended = 0;  // seconds since 1970; 0: not yet; ended without a start: never began
  std::optional<int> exit;                     // code; 128 + signal
  std::string why;                             // how it ended, in words
  int64_t tokens = -1;                         // at its last checkpoint or metric; -1: unknown
  double core_seconds = 0;
  double joules = -1;  // -1: unknown, never zero
};

inline double seconds_of(const Attempt& ended) {  // 0 where it never began
  return ended.started > 0 ? std::max(0.0, ended.ended - ended.started) : 0;
}

// Every change of a state or a rung, by whom and why.
struct Decision {
  double time = 0;            // seconds since 1970
  int64_t run = 0, idea = 0;  // idea alone: of the idea
  std::string kind;           // "state", "rung", "score", "hold", "claim", "resume", "grant", "idea"
  std::string from, to;
  std::string by;      // a person's name, or "policy", "daemon", "backend"
  std::string rule;    // "share", "lent", "preempt", "reservation", "ladder", "limit", "exit", ...
  std::string reason;  // with its figures
};

// "r12" and back. None where the text is no run's id.
std::string run_name(int64_t id);
std::optional<int64_t> run_named(std::string_view text);

}  // namespace hadal::cluster
