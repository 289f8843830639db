// The loops over bars, compiled once for each level of the processor (level_*.cc from kernels-inl.h). They work on
// tiles: rows of kLanes instruments, a row a bar of each. A pointer to a series points to its first present row; the
// rows before it are its past. No level contracts products and sums, so that all give the same bits.
#pragma once

#include <cstdint>

#include "market/factors/op.h"

namespace hadal::market::factors {

inline constexpr int kLanes = 32;

// A series, or with stride 0 one row for all.
struct Operand {
  const double* rows = nullptr;
  int64_t stride = kLanes;
};

struct WindowCall {
  Op op;
  double* out;
  const double *x, *y;  // y: of pairs
  int64_t window, least, rows;
  const double* age;     // [row][lane]: bars of the instrument up to here, this one too
  const double* counts;  // [lane]: of the rows, those that the instrument has
  double* scratch;       // 2 * rows rows
};

struct RecursiveCall {
  Op op;
  double* out;
  const double *x, *y;
  int64_t window, rows;
  double weight;
  const double* counts;  // [lane]
  double* state;         // kStatesOfRecursion rows; NaN and 0 at the beginning
};

// All quantiles of one window, with linear interpolation between neighbours in order.
struct QuantileCall {
  const double* x;
  int64_t window, rows;
  const double* shares;
  double* const* outs;  // of each share
  int64_t num_shares;
  double* sorted;  // window + 1 rows
};

struct Kernels {
  void (*element)(Op op, double* out, Operand a, Operand b, Operand c, int64_t rows);
  void (*window)(const WindowCall& call);
  void (*recursive)(const RecursiveCall& call);
  void (*quantiles)(const QuantileCall& call);
};

const Kernels& kernels_generic();
const Kernels& kernels_avx2();  // abort where they were not compiled
const Kernels& kernels_avx512();

// The best level of this CPU, or the one named by HADAL_CPU, which is read at every call (amx counts as avx512). Error
// for a level that the CPU does not have.
const Kernels& chosen_kernels();

}  // namespace hadal::market::factors
