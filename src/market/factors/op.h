// What a node of an expression computes. This header is read by the kernels too and holds no library's code.
#pragma once

#include <cstdint>

namespace hadal::market::factors {

enum class Op : uint8_t {
  // leaves
  constant,
  field,
  // element by element
  fill,  // a constant at every bar
  abs,
  sign,
  log,
  logical_not,
  power,
  add,
  sub,
  mul,
  div,
  greater,
  less,
  logical_and,
  logical_or,
  gt,
  ge,
  lt,
  le,
  eq,
  ne,
  choose,    // If
  coalesce,  // the first, or the second where the first is missing
  // over a window of one series
  ref,
  sum,
  mean,
  stddev,
  var,
  stddev_all,  // of the population
  skew,
  kurt,
  max,
  min,
  idx_max,  // from 1 at the oldest bar there is, the first of equals
  idx_min,
  idx_max_last,  // the last of equals
  idx_min_last,
  quantile,
  mad,
  rank,
  count,
  slope,
  rsquare,
  resi,
  wma,
  // over a window of two
  corr,
  cov,
  // from the first bar on
  ema,          // all bars, weights that sum to 1
  seeded_mean,  // the mean of the first `window` values, then exponential
  smooth,       // moves to the first by the share that the second is, from the value before the first share on
  running_sum,
  // across instruments
  cs_rank,
  cs_zscore,
  cs_demean,
  mask,
};

enum class Kind : uint8_t { leaf, element, window, pair, recursive, across };

constexpr Kind kind_of(Op op) {
  if (op <= Op::field) return Kind::leaf;
  if (op <= Op::coalesce) return Kind::element;
  if (op <= Op::wma) return Kind::window;
  if (op <= Op::cov) return Kind::pair;
  return op <= Op::running_sum ? Kind::recursive : Kind::across;
}

enum class Field : uint8_t { open, high, low, close, volume, vwap };
inline constexpr int kNumFields = 6;

}  // namespace hadal::market::factors
