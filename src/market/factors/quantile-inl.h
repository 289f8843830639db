// Quantiles of windows (kernels-inl.h).
namespace hadal::market::factors {
namespace HADAL_LEVEL {
namespace {

// The windows of W lanes in order, row by row; a new value takes the place of the oldest in one pass. What is missing
// stands as infinity at the end.

inline V larger(V a, V b) { return a > b ? a : b; }
inline V smaller(V a, V b) { return a < b ? a : b; }
inline V key_of(V x) { return is_there(x) ? x + 0.0 : all(__builtin_inf()); }

inline void insert(double* sorted, int64_t count, V value) {
  V before = all(-__builtin_inf());
  for (int64_t k = 0; k <= count; ++k) {
    const V here = k < count ? load(sorted + k * W) : all(__builtin_inf());
    store(sorted + k * W, larger(before, smaller(here, value)));
    before = here;
  }
}

// `old` is among the values; one more row, of infinity, stands behind them.
inline void replace(double* sorted, int64_t count, V old, V value) {
  V before = all(-__builtin_inf()), here = load(sorted);
  for (int64_t k = 0; k < count; ++k) {
    const V next = load(sorted + (k + 1) * W), left = here < old ? here : next;
    store(sorted + k * W, larger(before, smaller(left, value)));
    before = left;
    here = next;
  }
}

inline V at_share(const double* sorted, V counts, double share) {
  V below, above, part;
  for (int i = 0; i < W; ++i) {
    const double count = counts[i], place = count > 0 ? share * (count - 1) : 0;
    const auto k = static_cast<int64_t>(place);
    const int64_t next = static_cast<double>(k + 1) < count ? k + 1 : k;
    below[i] = sorted[k * W + i];
    above[i] = sorted[next * W + i];
    part[i] = place - static_cast<double>(k);
  }
  return counts > 0 ? finite(below + (above - below) * part) : missing();
}

void quantiles(const QuantileCall& c) {
  const int64_t n = c.window;
  for (int l = 0; l < kLanes; l += W) {
    const double* x = c.x + l;
    V counts = all(0);
    for (int64_t k = 0; k < n; ++k) {
      const V value = load(x + (k - n + 1) * kLanes);
      insert(c.sorted, k, key_of(value));
      counts += one_where(is_there(value));
    }
    store(c.sorted + n * W, all(__builtin_inf()));
    for (int64_t t = 0; t < c.rows; ++t) {
      if (t > 0) {
        const V old = load(x + (t - n) * kLanes), value = load(x + t * kLanes);
        replace(c.sorted, n, key_of(old), key_of(value));
        counts += one_where(is_there(value)) - one_where(is_there(old));
      }
      for (int64_t q = 0; q < c.num_shares; ++q)
        store(c.outs[q] + t * kLanes + l, at_share(c.sorted, counts, c.shares[q]));
    }
  }
}

}  // namespace
}  // namespace HADAL_LEVEL
}  // namespace hadal::market::factors
