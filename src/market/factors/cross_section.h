// What is computed across instruments at one time. Sums run in the instruments' order.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal::market::factors {

// Each reads n values, of which missing ones and those of instruments outside the universe (`member` 0; null: all are
// in) have no part and give missing ones.
void rank_across(const double* x, const char* member, size_t n, double* out);    // shares in (0, 1], ties averaged
void zscore_across(const double* x, const char* member, size_t n, double* out);  // n-1; missing without spread
// Less the mean of those with the same value of `group`; null: of all.
void demean_across(const double* x, const double* group, const char* member, size_t n, double* out);

}  // namespace hadal::market::factors
