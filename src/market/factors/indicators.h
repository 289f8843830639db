// Technical indicators as graphs of simpler nodes. Definitions: J. W. Wilder, "New Concepts in Technical Trading
// Systems" (1978), and those that LEAN follows; SMA seeds every exponential mean, and a value is missing until its
// windows are full.
#pragma once

#include <cstdint>

#include "market/factors/graph.h"

namespace hadal::market::factors {

int simple_mean(Graph& g, int x, int64_t n);       // SMA
int exponential_mean(Graph& g, int x, int64_t n);  // EMAS, weight 2/(n+1)
int wilder_mean(Graph& g, int x, int64_t n);       // RMA, weight 1/n
int weighted_mean(Graph& g, int x, int64_t n);     // WMA, weights 1..n

int hull_mean(Graph& g, int x, int64_t n);
int double_exponential_mean(Graph& g, int x, int64_t n);
int triple_exponential_mean(Graph& g, int x, int64_t n);
int triangular_mean(Graph& g, int x, int64_t n);
int tillson_mean(Graph& g, int x, int64_t n);  // T3, factor .7: three generalised double means, each of the last
int kaufman_mean(Graph& g, int x, int64_t n);  // the first value is at bar n, counted from 0
int trix(Graph& g, int x, int64_t n);
int macd(Graph& g, int x, int64_t fast, int64_t slow);
int ppo(Graph& g, int x, int64_t fast, int64_t slow);
int apo(Graph& g, int x, int64_t fast, int64_t slow);
int rsi(Graph& g, int x, int64_t n);  // missing while nothing moved
int cmo(Graph& g, int x, int64_t n);
int bollinger(Graph& g, int x, int64_t n, double width);  // below 0: the lower band
int midpoint(Graph& g, int x, int64_t n);

int true_range(Graph& g);
int average_true_range(Graph& g, int64_t n);
int normalised_true_range(Graph& g, int64_t n);
int commodity_channel(Graph& g, int64_t n);
int williams(Graph& g, int64_t n);
int money_flow(Graph& g, int64_t n);  // the first value is at bar n, counted from 0
int ultimate(Graph& g, int64_t n, int64_t m, int64_t k);
int aroon(Graph& g, int64_t n);
int balance_of_power(Graph& g);   // 0 where high = low
int on_balance_volume(Graph& g);  // begins with the first bar's volume
int chaikin_flow(Graph& g, int64_t n);
int chaikin_oscillator(Graph& g, int64_t fast, int64_t slow);
int volume_weighted_mean(Graph& g, int64_t n);

}  // namespace hadal::market::factors
