// What an engine runs: the nodes that the outputs need, in order, in stages; and where each node's values lie.
//
// A stage is what each instrument's bars give by themselves; between two stages stands what is computed across
// instruments. A node whose past is read, or that a later stage reads, is kept for each instrument; the others lie in
// slots that are used again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "market/factors/graph.h"

namespace hadal::market::factors {

struct Placement {
  bool used = false;
  int stage = 0;
  int64_t history = 0;   // rows before the present ones that are read
  bool kept = false;     // else `slot`
  int64_t kept_row = 0;  // rows of history of all kept nodes before it, see Program::kept_history
  int kept_index = -1;   // among the kept ones
  int slot = -1;
  int state = -1;            // of a recursive node: its first state, in rows
  int constant = -1;         // of a constant: its row
  int board = -1;            // of what is read or written across instruments: its board
  std::vector<int> outputs;  // factors that it is the value of
};

// Nodes that one pass over the data computes: one, or all quantiles of one window.
struct Step {
  std::vector<int> nodes;
};

struct Program {
  Graph graph;
  std::vector<std::string> names;
  std::vector<int> outputs;  // nodes

  std::vector<Placement> places;          // of each node
  std::vector<std::vector<Step>> stages;  // nodes of each, in order; those across instruments are loaded there
  std::vector<std::vector<int>> across;   // nodes computed across instruments before each stage
  std::vector<double> constants;
  int num_slots = 0, num_states = 0, num_boards = 0, num_kept = 0;
  int64_t kept_history = 0, most_history = 0;  // rows: of all kept nodes, of the one with most
  int64_t look_ahead = 0;
};

// Fills everything below `outputs`.
void place(Program& program);

// States that a recursive node keeps, in rows.
constexpr int kStatesOfRecursion = 2;

}  // namespace hadal::market::factors
