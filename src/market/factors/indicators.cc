#include "market/factors/indicators.h"

#include <algorithm>
#include <cmath>

namespace hadal::market::factors {
namespace {

int add(Graph& g, int a, int b) { return g.element(Op::add, a, b); }
int sub(Graph& g, int a, int b) { return g.element(Op::sub, a, b); }
int mul(Graph& g, int a, int b) { return g.element(Op::mul, a, b); }
int div(Graph& g, int a, int b) { return g.element(Op::div, a, b); }
int times(Graph& g, double factor, int a) { return mul(g, g.constant(factor), a); }
int greater(Graph& g, int a, int b) { return g.element(Op::greater, a, b); }
int less(Graph& g, int a, int b) { return g.element(Op::less, a, b); }
int full(Graph& g, Op op, int x, int64_t n) { return g.window(op, x, n, n); }

int open(Graph& g) { return g.field(Field::open); }
int high(Graph& g) { return g.field(Field::high); }
int low(Graph& g) { return g.field(Field::low); }
int close(Graph& g) { return g.field(Field::close); }
int volume(Graph& g) { return g.field(Field::volume); }

int change(Graph& g, int x) { return sub(g, x, g.ref(x, 1)); }
int percent(Graph& g, int a, int b) { return times(g, 100, div(g, a, b)); }
int typical_price(Graph& g) { return div(g, add(g, add(g, high(g), low(g)), close(g)), g.constant(3)); }

// a / b, 0 where b is.
int zero_safe(Graph& g, int a, int b) {
  return g.element(Op::choose, g.element(Op::eq, b, g.constant(0)), g.constant(0), div(g, a, b));
}

// Where the close stands between low (-1) and high (1), times the volume.
int flow_volume(Graph& g) {
  const int above = sub(g, close(g), low(g)), below = sub(g, high(g), close(g));
  return mul(g, zero_safe(g, sub(g, above, below), sub(g, high(g), low(g))), volume(g));
}

struct Moves {
  int up, down;  // Wilder's means of rises and falls
};
Moves moves(Graph& g, int x, int64_t n) {
  const int d = change(g, x), zero = g.constant(0);
  return {wilder_mean(g, greater(g, d, zero), n), wilder_mean(g, greater(g, sub(g, zero, d), zero), n)};
}

int generalised_mean(Graph& g, int x, int64_t n) {
  constexpr double kFactor = 0.7;
  const int once = exponential_mean(g, x, n), twice = exponential_mean(g, once, n);
  return sub(g, times(g, 1 + kFactor, once), times(g, kFactor, twice));
}

}  // namespace

int simple_mean(Graph& g, int x, int64_t n) { return full(g, Op::mean, x, n); }
int exponential_mean(Graph& g, int x, int64_t n) {
  return g.recursive(Op::seeded_mean, x, -1, n, 2.0 / static_cast<double>(n + 1));
}
int wilder_mean(Graph& g, int x, int64_t n) {
  return g.recursive(Op::seeded_mean, x, -1, n, 1.0 / static_cast<double>(n));
}
int weighted_mean(Graph& g, int x, int64_t n) { return full(g, Op::wma, x, n); }

int hull_mean(Graph& g, int x, int64_t n) {
  const int fast = weighted_mean(g, x, std::max<int64_t>(1, n / 2));
  const auto root = static_cast<int64_t>(std::sqrt(static_cast<double>(n)));
  return weighted_mean(g, sub(g, times(g, 2, fast), weighted_mean(g, x, n)), root);
}

int double_exponential_mean(Graph& g, int x, int64_t n) {
  const int once = exponential_mean(g, x, n);
  return sub(g, times(g, 2, once), exponential_mean(g, once, n));
}

int triple_exponential_mean(Graph& g, int x, int64_t n) {
  const int once = exponential_mean(g, x, n), twice = exponential_mean(g, once, n);
  return add(g, times(g, 3, sub(g, once, twice)), exponential_mean(g, twice, n));
}

int triangular_mean(Graph& g, int x, int64_t n) { return simple_mean(g, simple_mean(g, x, (n + 1) / 2), n / 2 + 1); }

int tillson_mean(Graph& g, int x, int64_t n) {
  return generalised_mean(g, generalised_mean(g, generalised_mean(g, x, n), n), n);
}

// P. J. Kaufman, "Smarter Trading" (1995): the weight grows with how straight the way of the last n bars was.
int kaufman_mean(Graph& g, int x, int64_t n) {
  constexpr double kFast = 2.0 / 3, kSlow = 2.0 / 31;
  const int way = full(g, Op::sum, g.element(Op::abs, change(g, x)), n);
  const int straight = g.element(Op::abs, sub(g, x, g.ref(x, n)));
  const int ratio = g.element(Op::choose, g.element(Op::eq, way, g.constant(0)), g.constant(1), div(g, straight, way));
  const int weight = add(g, times(g, kFast - kSlow, ratio), g.constant(kSlow));
  return g.recursive(Op::smooth, x, mul(g, weight, weight), 0, 0);
}

int trix(Graph& g, int x, int64_t n) {
  const int third = exponential_mean(g, exponential_mean(g, exponential_mean(g, x, n), n), n);
  return percent(g, change(g, third), g.ref(third, 1));
}

int macd(Graph& g, int x, int64_t fast, int64_t slow) {
  return sub(g, exponential_mean(g, x, fast), exponential_mean(g, x, slow));
}
int apo(Graph& g, int x, int64_t fast, int64_t slow) {
  return sub(g, simple_mean(g, x, fast), simple_mean(g, x, slow));
}
int ppo(Graph& g, int x, int64_t fast, int64_t slow) {
  return percent(g, apo(g, x, fast, slow), simple_mean(g, x, slow));
}

int rsi(Graph& g, int x, int64_t n) {
  const auto [up, down] = moves(g, x, n);
  return percent(g, up, add(g, up, down));
}
int cmo(Graph& g, int x, int64_t n) {
  const auto [up, down] = moves(g, x, n);
  return percent(g, sub(g, up, down), add(g, up, down));
}

int bollinger(Graph& g, int x, int64_t n, double width) {
  return add(g, simple_mean(g, x, n), times(g, width, full(g, Op::stddev_all, x, n)));
}
int midpoint(Graph& g, int x, int64_t n) {
  return times(g, 0.5, add(g, full(g, Op::max, x, n), full(g, Op::min, x, n)));
}

int true_range(Graph& g) {
  const int before = g.ref(close(g), 1);
  return sub(g, greater(g, high(g), before), less(g, low(g), before));
}
int average_true_range(Graph& g, int64_t n) {
  return wilder_mean(g, g.element(Op::coalesce, true_range(g), sub(g, high(g), low(g))), n);
}
int normalised_true_range(Graph& g, int64_t n) { return percent(g, wilder_mean(g, true_range(g), n), close(g)); }

int commodity_channel(Graph& g, int64_t n) {
  const int price = typical_price(g);
  return div(g, sub(g, price, simple_mean(g, price, n)), times(g, 0.015, full(g, Op::mad, price, n)));
}

int williams(Graph& g, int64_t n) {
  const int top = full(g, Op::max, high(g), n), bottom = full(g, Op::min, low(g), n);
  return times(g, -1, percent(g, sub(g, top, close(g)), sub(g, top, bottom)));
}

int money_flow(Graph& g, int64_t n) {
  const int price = typical_price(g), before = g.ref(price, 1), flow = mul(g, price, volume(g));
  // Missing at the first bar, so that a full window holds n flows.
  const int direction = g.element(Op::sign, sub(g, price, before)), zero = g.constant(0);
  const int signed_flow = mul(g, direction, flow);
  const int in = full(g, Op::sum, greater(g, signed_flow, zero), n);
  const int out = full(g, Op::sum, greater(g, sub(g, zero, signed_flow), zero), n);
  return percent(g, in, add(g, in, out));
}

int ultimate(Graph& g, int64_t n, int64_t m, int64_t k) {
  const int pressure = sub(g, close(g), less(g, low(g), g.ref(close(g), 1))), range = true_range(g);
  const auto share = [&](int64_t bars) {
    return div(g, full(g, Op::sum, pressure, bars), full(g, Op::sum, range, bars));
  };
  const int sum = add(g, add(g, times(g, 4, share(n)), times(g, 2, share(m))), share(k));
  return times(g, 100, div(g, sum, g.constant(7)));
}

int aroon(Graph& g, int64_t n) {
  const int top = full(g, Op::idx_max_last, high(g), n + 1), bottom = full(g, Op::idx_min_last, low(g), n + 1);
  return percent(g, sub(g, top, bottom), g.constant(static_cast<double>(n)));
}

int balance_of_power(Graph& g) { return zero_safe(g, sub(g, close(g), open(g)), sub(g, high(g), low(g))); }

int on_balance_volume(Graph& g) {
  const int direction = g.element(Op::coalesce, g.element(Op::sign, change(g, close(g))), g.constant(1));
  return g.recursive(Op::running_sum, mul(g, direction, volume(g)), -1, 0, 0);
}

int chaikin_flow(Graph& g, int64_t n) {
  return div(g, full(g, Op::sum, flow_volume(g), n), full(g, Op::sum, volume(g), n));
}
int chaikin_oscillator(Graph& g, int64_t fast, int64_t slow) {
  const int line = g.recursive(Op::running_sum, flow_volume(g), -1, 0, 0);
  return sub(g, exponential_mean(g, line, fast), exponential_mean(g, line, slow));
}
int volume_weighted_mean(Graph& g, int64_t n) {
  return div(g, full(g, Op::sum, mul(g, close(g), volume(g)), n), full(g, Op::sum, volume(g), n));
}

}  // namespace hadal::market::factors
