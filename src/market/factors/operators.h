// The operators that an expression may call: their arguments, and the nodes that they become. Indicators become graphs
// of simpler nodes; only what has a state of its own is a node.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "market/factors/graph.h"

namespace hadal::market::factors {

struct Arguments {
  std::array<int, 3> x = {-1, -1, -1};   // series, in their order
  std::array<int64_t, 3> n = {0, 0, 0};  // windows
  double number = 0;
  std::string symbol;
};

struct Operator {
  std::string_view name;
  // One letter an argument: x a series, n a window, r a shift (below 0 looks ahead), e a window or a weight below 1,
  // q a share from 0 to 1, k a number above 0, s an instrument, g a series that may be left out.
  std::string_view signature;
  std::string_view usage;  // "Mean(x,n)"
  int (*build)(Graph& graph, const Arguments& arguments);
};

std::span<const Operator> operators();
const Operator* find_operator(std::string_view name);
const std::vector<std::string>& operator_names();

}  // namespace hadal::market::factors
