// The typed graph of expressions: nodes over their arguments, equal ones made once, each with its reach into past and
// future.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "market/factors/op.h"

namespace hadal::market::factors {

struct Node {
  Op op = Op::constant;
  std::array<int, 3> args = {-1, -1, -1};
  int64_t window = 0;  // of windows and seeds: bars; of ref: how far back, below 0 ahead
  int64_t least = 1;   // values that a window must hold, else its value is missing
  double number = 0;   // of a constant its value, of quantile the share, of exponential means the newest value's weight
  std::string symbol = {};  // of mask

  // Derived: bars before and after the newest one that a value reads.
  int64_t look_back = 0, look_ahead = 0;
  std::string text = {};

  int num_args() const { return (args[0] >= 0) + (args[1] >= 0) + (args[2] >= 0); }
};

inline constexpr int64_t kLongestWindow = 100'000;
inline constexpr size_t kMostNodes = 50'000;

class Graph {
 public:
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& operator[](int node) const { return nodes_[static_cast<size_t>(node)]; }

  int constant(double value);
  int field(Field field);
  // Arithmetic of constants is a constant.
  int element(Op op, int a, int b = -1, int c = -1);
  // A constant argument is taken as a series that has it at every bar. `least` = window: missing until it is full.
  int window(Op op, int x, int64_t window, int64_t least = 1, double number = 0);
  int pair(Op op, int x, int y, int64_t window);
  int recursive(Op op, int x, int y, int64_t window, double number);
  int across(Op op, int x, int y = -1, std::string symbol = {});
  int ref(int x, int64_t back);
  int series(int x);  // of a constant: one that has it at every bar; else x

 private:
  using Key = std::tuple<Op, std::array<int, 3>, int64_t, int64_t, uint64_t, std::string>;
  int add(Node node);
  std::vector<Node> nodes_;
  std::map<Key, int> known_;
};

}  // namespace hadal::market::factors
