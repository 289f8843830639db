#include "market/factors/graph.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "market/factors.h"

namespace hadal::market::factors {
namespace {

constexpr std::string_view kFields[] = {"$open", "$high", "$low", "$close", "$volume", "$vwap"};

std::string_view name_of(Op op) {
  switch (op) {
    case Op::abs:
      return "Abs";
    case Op::sign:
      return "Sign";
    case Op::log:
      return "Log";
    case Op::logical_not:
      return "Not";
    case Op::power:
      return "Power";
    case Op::greater:
      return "Greater";
    case Op::less:
      return "Less";
    case Op::choose:
      return "If";
    case Op::coalesce:
      return "Coalesce";
    case Op::ref:
      return "Ref";
    case Op::sum:
      return "Sum";
    case Op::mean:
      return "Mean";
    case Op::stddev:
      return "Std";
    case Op::var:
      return "Var";
    case Op::stddev_all:
      return "StdAll";
    case Op::skew:
      return "Skew";
    case Op::kurt:
      return "Kurt";
    case Op::max:
      return "Max";
    case Op::min:
      return "Min";
    case Op::idx_max:
      return "IdxMax";
    case Op::idx_min:
      return "IdxMin";
    case Op::idx_max_last:
      return "LastIdxMax";
    case Op::idx_min_last:
      return "LastIdxMin";
    case Op::quantile:
      return "Quantile";
    case Op::mad:
      return "Mad";
    case Op::rank:
      return "Rank";
    case Op::count:
      return "Count";
    case Op::slope:
      return "Slope";
    case Op::rsquare:
      return "Rsquare";
    case Op::resi:
      return "Resi";
    case Op::wma:
      return "WMA";
    case Op::corr:
      return "Corr";
    case Op::cov:
      return "Cov";
    case Op::ema:
      return "EMA";
    case Op::smooth:
      return "Smooth";
    case Op::running_sum:
      return "RunningSum";
    case Op::cs_rank:
      return "CSRank";
    case Op::cs_zscore:
      return "CSZScore";
    case Op::cs_demean:
      return "CSDemean";
    case Op::mask:
      return "Mask";
    default:
      return "";
  }
}

std::string_view infix_of(Op op) {
  switch (op) {
    case Op::add:
      return "+";
    case Op::sub:
      return "-";
    case Op::mul:
      return "*";
    case Op::div:
      return "/";
    case Op::logical_and:
      return "&";
    case Op::logical_or:
      return "|";
    case Op::gt:
      return ">";
    case Op::ge:
      return ">=";
    case Op::lt:
      return "<";
    case Op::le:
      return "<=";
    case Op::eq:
      return "==";
    case Op::ne:
      return "!=";
    default:
      return "";
  }
}

// The shortest digits, but for large sub-expressions, which are cut: nested texts could double with each level.
constexpr size_t kLongestText = 400;

std::string text_of(const Node& node, const std::vector<Node>& nodes) {
  const auto arg = [&](int i) -> const std::string& {
    return nodes[static_cast<size_t>(node.args[static_cast<size_t>(i)])].text;
  };
  if (node.op == Op::constant) return fmt::format("{}", node.number);
  if (node.op == Op::field) return std::string(kFields[node.window]);
  if (node.op == Op::fill) return arg(0);
  if (const auto infix = infix_of(node.op); !infix.empty()) return fmt::format("({}{}{})", arg(0), infix, arg(1));
  std::string name(name_of(node.op));
  if (node.op == Op::seeded_mean) name = node.number == 2.0 / static_cast<double>(node.window + 1) ? "EMAS" : "RMA";
  if (node.op == Op::mean && node.least > 1) name = "SMA";
  std::string text = name + "(";
  for (int i = 0; i < node.num_args(); ++i) text += (i > 0 ? "," : "") + arg(i);
  if (node.op == Op::ema)
    text += node.window > 0 ? fmt::format(",{}", node.window) : fmt::format(",{}", node.number);
  else if (node.window != 0)
    text += fmt::format(",{}", node.window);
  if (node.op == Op::quantile) text += fmt::format(",{}", node.number);
  if (node.least > 1 && node.op != Op::mean && node.op != Op::wma) text += " full";
  if (node.op == Op::mask) text += "," + node.symbol;
  return text + ")";
}

int64_t plus(int64_t a, int64_t b) { return a == kWholePast || b == kWholePast ? kWholePast : a + b; }

// Bars before the newest that the node itself reads of its arguments.
int64_t own_look_back(const Node& node) {
  switch (kind_of(node.op)) {
    case Kind::window:
    case Kind::pair:
      return node.op == Op::ref ? node.window : node.window - 1;
    case Kind::recursive:
      return kWholePast;
    default:
      return 0;
  }
}

double folded(Op op, double a, double b) {
  double value = kMissing;
  if (op == Op::add) value = a + b;
  if (op == Op::sub) value = a - b;
  if (op == Op::mul) value = a * b;
  if (op == Op::div) value = b == 0 ? kMissing : a / b;
  return std::isfinite(value) ? value : kMissing;
}

}  // namespace

int Graph::add(Node node) {
  const Key key{node.op, node.args, node.window, node.least, std::bit_cast<uint64_t>(node.number), node.symbol};
  const auto [place, is_new] = known_.emplace(key, static_cast<int>(nodes_.size()));
  if (!is_new) return place->second;
  if (nodes_.size() >= kMostNodes)
    fail("the factors need more than {} different sub-expressions; take fewer", kMostNodes);
  for (int i = 0; i < node.num_args(); ++i) {
    const Node& arg = (*this)[node.args[static_cast<size_t>(i)]];
    node.look_back = std::max(node.look_back, std::max<int64_t>(0, plus(arg.look_back, own_look_back(node))));
    const int64_t ahead = node.op == Op::ref ? arg.look_ahead - node.window : arg.look_ahead;
    node.look_ahead = std::max(node.look_ahead, ahead);
  }
  node.text = text_of(node, nodes_);
  if (node.text.size() > kLongestText)
    node.text = node.text.substr(0, kLongestText) + fmt::format("...#{}", nodes_.size());
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

int Graph::constant(double value) { return add({.op = Op::constant, .number = value == 0 ? 0.0 : value}); }
int Graph::field(Field field) { return add({.op = Op::field, .window = static_cast<int64_t>(field)}); }

int Graph::element(Op op, int a, int b, int c) {
  if (op >= Op::add && op <= Op::div && (*this)[a].op == Op::constant && (*this)[b].op == Op::constant)
    return constant(folded(op, (*this)[a].number, (*this)[b].number));
  return add({.op = op, .args = {a, b, c}});
}

int Graph::series(int x) { return (*this)[x].op == Op::constant ? element(Op::fill, x) : x; }

int Graph::window(Op op, int x, int64_t window, int64_t least, double number) {
  HADAL_CHECK(window >= 1 && window <= kLongestWindow && least >= 1 && least <= window, "a window of {}", window);
  return add({.op = op, .args = {series(x), -1, -1}, .window = window, .least = least, .number = number});
}

int Graph::pair(Op op, int x, int y, int64_t window) {
  HADAL_CHECK(window >= 1 && window <= kLongestWindow, "a window of {}", window);
  return add({.op = op, .args = {series(x), series(y), -1}, .window = window});
}

int Graph::recursive(Op op, int x, int y, int64_t window, double number) {
  return add({.op = op, .args = {series(x), y < 0 ? -1 : series(y), -1}, .window = window, .number = number});
}

int Graph::across(Op op, int x, int y, std::string symbol) {
  return add({.op = op, .args = {series(x), y < 0 ? -1 : series(y), -1}, .symbol = std::move(symbol)});
}

int Graph::ref(int x, int64_t back) {
  if (back == 0 || (*this)[x].op == Op::constant) return x;
  return add({.op = Op::ref, .args = {x, -1, -1}, .window = back});
}

}  // namespace hadal::market::factors
