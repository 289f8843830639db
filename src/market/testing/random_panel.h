// Panels for the tests of factors.
#pragma once

#include <bit>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "market/panel.h"

namespace hadal::market::factors {

inline Panel empty_panel(size_t times, size_t instruments) {
  Panel panel;
  for (size_t i = 0; i < instruments; ++i) panel.symbols.push_back("S" + std::to_string(i));
  for (size_t t = 0; t < times; ++t) {
    panel.sessions.push_back(static_cast<Date>(t));
    panel.times.push_back(start_of(static_cast<Date>(t)) + 20 * 3600 * kSecond);
  }
  for (auto* column : {&panel.open, &panel.high, &panel.low, &panel.close, &panel.volume, &panel.vwap})
    column->assign(times * instruments, kMissing);
  panel.member.assign(times * instruments, 1);
  return panel;
}

struct Wildness {
  double gap = 0.1;     // share of rows without a bar
  double hole = 0.1;    // share of bars without a vwap, and without a volume
  double equal = 0.15;  // share of closes that are the last one
  bool late = true;     // instruments begin and end at different rows
};

// Random walks.
inline Panel random_panel(size_t times, size_t instruments, uint64_t seed, Wildness w = {}) {
  Panel panel = empty_panel(times, instruments);
  Rng rng(seed);
  for (size_t i = 0; i < instruments; ++i) {
    double close = std::exp(3 + 0.8 * rng.normal());
    const size_t first = w.late && i % 3 == 1 ? rng.below(times / 2) : 0;
    const size_t last = w.late && i % 5 == 2 ? times / 2 + rng.below(times / 2) : times;
    for (size_t t = first; t < last; ++t) {
      if (rng.uniform() < w.gap) continue;
      const size_t at = panel.at(t, i);
      const double before = close;
      if (rng.uniform() >= w.equal) close *= std::exp(0.02 * static_cast<double>(rng.normal()));
      const double open = before * std::exp(0.005 * static_cast<double>(rng.normal()));
      panel.open[at] = open;
      panel.close[at] = close;
      panel.high[at] = std::max(open, close) * (1 + 0.01 * rng.uniform());
      panel.low[at] = std::min(open, close) * (1 - 0.01 * rng.uniform());
      panel.volume[at] =
          rng.uniform() < w.hole ? kMissing : std::floor(1e6 * std::exp(0.5 * static_cast<double>(rng.normal())));
      panel.vwap[at] = rng.uniform() < w.hole ? kMissing : (open + close) / 2;
    }
  }
  return panel;
}

// Rows [begin, end).
inline Panel rows_of(const Panel& panel, size_t begin, size_t end) {
  Panel part = panel;
  const auto n = panel.num_instruments();
  part.times.assign(panel.times.begin() + static_cast<ptrdiff_t>(begin),
                    panel.times.begin() + static_cast<ptrdiff_t>(end));
  part.sessions.assign(panel.sessions.begin() + static_cast<ptrdiff_t>(begin),
                       panel.sessions.begin() + static_cast<ptrdiff_t>(end));
  const auto copy = [&](const auto& from, auto& to) {
    to.assign(from.begin() + static_cast<ptrdiff_t>(begin * n), from.begin() + static_cast<ptrdiff_t>(end * n));
  };
  copy(panel.open, part.open), copy(panel.high, part.high), copy(panel.low, part.low), copy(panel.close, part.close);
  copy(panel.volume, part.volume), copy(panel.vwap, part.vwap), copy(panel.member, part.member);
  return part;
}

// All missing values count as one.
inline uint64_t bits_of(double value) { return std::isnan(value) ? 1 : std::bit_cast<uint64_t>(value); }
inline bool same_bits(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (bits_of(a[i]) != bits_of(b[i])) return false;
  return true;
}

}  // namespace hadal::market::factors
