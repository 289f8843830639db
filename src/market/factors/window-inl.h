// Over windows (kernels-inl.h).
namespace hadal::market::factors {
namespace HADAL_LEVEL {
namespace {

// Sums are of differences from the window's newest value, from the oldest bar to the newest. Equal values so have a
// spread of exactly 0; and as the newest value is one of the window, a variance loses at most log2(n) bits to it. What
// is missing adds 0: the bits do not depend on whether a window is known to be full.

struct SumOf {
  V s;
  template <bool full>
  void add(V x, V, V) {
    s += full ? x : is_there(x) ? x : all(0);
  }
};
struct First {  // of the differences
  V s;
  template <bool full>
  void add(V x, V r, V) {
    const V d = x - r;
    s += full ? d : is_there(x) ? d : all(0);
  }
};
struct Second {
  V s, ss;
  template <bool full>
  void add(V x, V r, V) {
    V d = x - r;
    if (!full) d = is_there(x) ? d : all(0);
    s += d;
    ss += d * d;
  }
};
// u = -lag: 0 at the newest bar.
struct Line {
  V s, ss, su, u, uu;
  template <bool full>
  void add(V x, V r, V lag) {
    V d = x - r;
    if (!full) {
      const I there = is_there(x);
      d = there ? d : all(0);
      u -= there ? lag : all(0);
      uu += there ? lag * lag : all(0);
    }
    s += d;
    ss += d * d;
    su -= d * lag;
  }
};
struct TwoSums {
  V s, lagged;
  template <bool full>
  void add(V x, V r, V lag) {
    V d = x - r;
    if (!full) d = is_there(x) ? d : all(0);
    s += d;
    lagged += d * lag;
  }
};
struct Largest {
  V best;
  template <bool full>
  void add(V x, V, V) {
    best = x > best ? x : best;
  }
};
struct Smallest {
  V best;
  template <bool full>
  void add(V x, V, V) {
    best = x < best ? x : best;
  }
};
template <bool largest, bool last>
struct Where {
  V best, lag_of_best;
  template <bool full>
  void add(V x, V, V lag) {
    const I better = largest ? (last ? x >= best : x > best) : (last ? x <= best : x < best);
    best = better ? x : best;
    lag_of_best = better ? lag : lag_of_best;
  }
};
struct Below {  // r: the newest value
  V below, equal;
  template <bool full>
  void add(V x, V r, V) {
    below += one_where(x < r);
    equal += one_where(x == r);
  }
};
struct Nothing {
  template <bool full>
  void add(V, V, V) {}
};

inline void begin(SumOf& s) { s.s = all(0); }
inline void begin(First& s) { s.s = all(0); }
inline void begin(Second& s) { s.s = s.ss = all(0); }
inline void begin(Line& s) { s.s = s.ss = s.su = s.u = s.uu = all(0); }
inline void begin(TwoSums& s) { s.s = s.lagged = all(0); }
inline void begin(Largest& s) { s.best = all(-__builtin_inf()); }
inline void begin(Smallest& s) { s.best = all(__builtin_inf()); }
template <bool largest, bool last>
inline void begin(Where<largest, last>& s) {
  s.best = all(largest ? -__builtin_inf() : __builtin_inf());
  s.lag_of_best = missing();
}
inline void begin(Below& s) { s.below = s.equal = all(0); }
inline void begin(Nothing&) {}

// For every row and group of lanes: S over the window, then finish(S, how many values, reference, newest value, age).
template <bool full, class S, int U, class F>
inline void walk(const WindowCall& c, const double* ref, F finish) {
  const int64_t n = c.window;
  for (int group = 0; group < kLanes; group += U * W)
    for (int64_t t = 0; t < c.rows; ++t) {
      S sums[U];
      V r[U], count[U];
#pragma GCC unroll 8
      for (int u = 0; u < U; ++u) {
        begin(sums[u]);
        r[u] = load(ref + t * kLanes + group + u * W);
        count[u] = all(full ? static_cast<double>(n) : 0);
      }
      const double* x = c.x + (t - n + 1) * kLanes + group;
      V lag = all(static_cast<double>(n - 1));
      for (int64_t k = n; k > 0; --k, x += kLanes, lag -= 1) {
#pragma GCC unroll 8
        for (int u = 0; u < U; ++u) {
          const V value = load(x + u * W);
          sums[u].template add<full>(value, r[u], lag);
          if (!full) count[u] += one_where(is_there(value));
        }
      }
#pragma GCC unroll 8
      for (int u = 0; u < U; ++u) {
        const int64_t at = t * kLanes + group + u * W;
        const V value = finish(sums[u], count[u], r[u], load(c.x + at), load(c.age + at));
        const I enough = count[u] >= static_cast<double>(c.op == Op::count ? 0 : c.least);
        store(c.out + at, enough ? finite(value) : missing());
      }
    }
}

bool all_there(const double* x, int64_t from, int64_t rows) {
  I absent = {};
  for (const double *p = x + from * kLanes, *end = x + rows * kLanes; p < end; p += W) absent |= load(p) != load(p);
  int64_t any = 0;
  for (int i = 0; i < W; ++i) any |= absent[i];
  return any == 0;
}

// Of each row the newest value in its window (of pairs: where both are there). What stands before the window is only
// taken where it holds none, and then has no use.
void find_newest(const WindowCall& c, double* newest_x, double* newest_y) {
  for (int l = 0; l < kLanes; l += W) {
    V x = missing(), y = missing();
    for (int64_t t = 1 - c.window; t < c.rows; ++t) {
      const V at_x = load(c.x + t * kLanes + l), at_y = newest_y ? load(c.y + t * kLanes + l) : at_x;
      const I there = is_there(at_x) & is_there(at_y);
      x = there ? at_x : x;
      y = there ? at_y : y;
      if (t < 0) continue;
      store(newest_x + t * kLanes + l, x);
      if (newest_y) store(newest_y + t * kLanes + l, y);
    }
  }
}

template <class S, int U, class F>
inline void over_window(const WindowCall& c, F finish) {
  if (all_there(c.x, 1 - c.window, c.rows)) return walk<true, S, U>(c, c.x, finish);
  find_newest(c, c.scratch, nullptr);
  walk<false, S, U>(c, c.scratch, finish);
}
// The reference is the newest bar's value, there or not.
template <class S, int U, class F>
inline void against_newest(const WindowCall& c, F finish) {
  all_there(c.x, 1 - c.window, c.rows) ? walk<true, S, U>(c, c.x, finish) : walk<false, S, U>(c, c.x, finish);
}

// Sum of squares around the mean, from sums of differences and of their squares.
inline V spread(V s, V ss, V n) {
  const V v = ss - s * s / n;
  return v < 0 ? all(0) : v;
}

struct Fitted {
  V slope, resi, rsquare;
};
// The window's line by least squares; `full` windows have sums of u in closed form, exact as they are whole.
inline Fitted fit(const Line& s, V n, double window, bool full) {
  const V u = full ? all(-window * (window - 1) / 2) : s.u;
  const V uu = full ? all(window * (window - 1) * (2 * window - 1) / 6) : s.uu;
  const V across = n * s.su - u * s.s, width = n * uu - u * u, height = n * s.ss - s.s * s.s;
  const V slope = across / width;
  const I flat = (height <= 0) | (width <= 0);
  const V share = across / width * (across / height);
  return {slope, slope * u / n - s.s / n, flat ? missing() : share > 1 ? all(1) : share};
}

template <class F>
inline void regress(const WindowCall& c, F pick) {
  const double window = static_cast<double>(c.window);
  if (all_there(c.x, 1 - c.window, c.rows))
    return walk<true, Line, HADAL_NARROW>(
        c, c.x, [&](const Line& s, V n, V, V x, V) { return pick(fit(s, n, window, true), x); });
  find_newest(c, c.scratch, nullptr);
  walk<false, Line, HADAL_NARROW>(c, c.scratch,
                                  [&](const Line& s, V n, V, V x, V) { return pick(fit(s, n, window, false), x); });
}

template <bool largest, bool last>
inline void find_place(const WindowCall& c) {
  const V window = all(static_cast<double>(c.window));
  against_newest<Where<largest, last>, HADAL_NARROW>(c, [=](const Where<largest, last>& s, V, V, V, V age) {
    return (age < window ? age : window) - s.lag_of_best;  // counts the bars there are
  });
}

// Powers of the deviations from the mean, in a second pass.
template <bool full, class F>
inline void walk_twice(const WindowCall& c, const double* ref, F finish) {
  const int64_t n = c.window;
  for (int64_t t = 0; t < c.rows; ++t)
    for (int l = 0; l < kLanes; l += W) {
      const double* first = c.x + (t - n + 1) * kLanes + l;
      const V r = load(ref + t * kLanes + l);
      V s = all(0), count = all(full ? static_cast<double>(n) : 0);
      for (int64_t k = 0; k < n; ++k) {
        const V x = load(first + k * kLanes), d = x - r;
        s += full ? d : is_there(x) ? d : all(0);
        if (!full) count += one_where(is_there(x));
      }
      const V mean = s / count;
      V m1 = all(0), m2 = all(0), m3 = all(0), m4 = all(0);
      for (int64_t k = 0; k < n; ++k) {
        const V x = load(first + k * kLanes);
        V d = x - r - mean;
        if (!full) d = is_there(x) ? d : all(0);
        const V dd = d * d;
        m1 += d < 0 ? -d : d;
        m2 += dd;
        m3 += dd * d;
        m4 += dd * dd;
      }
      const V value = finish(count, m1 / count, m2 / count, m3 / count, m4 / count);
      store(c.out + t * kLanes + l, count >= static_cast<double>(c.least) ? finite(value) : missing());
    }
}
template <class F>
inline void moments(const WindowCall& c, F finish) {
  if (all_there(c.x, 1 - c.window, c.rows)) return walk_twice<true>(c, c.x, finish);
  find_newest(c, c.scratch, nullptr);
  walk_twice<false>(c, c.scratch, finish);
}

struct Both {
  V a, b, aa, bb, ab;
};

template <bool full, int U, class F>
inline void walk_pairs(const WindowCall& c, const double* ref_x, const double* ref_y, F finish) {
  const int64_t n = c.window;
  for (int group = 0; group < kLanes; group += U * W)
    for (int64_t t = 0; t < c.rows; ++t) {
      Both s[U];
      V rx[U], ry[U], count[U];
#pragma GCC unroll 8
      for (int u = 0; u < U; ++u) {
        s[u].a = s[u].b = s[u].aa = s[u].bb = s[u].ab = all(0);
        rx[u] = load(ref_x + t * kLanes + group + u * W);
        ry[u] = load(ref_y + t * kLanes + group + u * W);
        count[u] = all(full ? static_cast<double>(n) : 0);
      }
      const int64_t first = (t - n + 1) * kLanes + group;
      const double *x = c.x + first, *y = c.y + first;
      for (int64_t k = n; k > 0; --k, x += kLanes, y += kLanes) {
#pragma GCC unroll 8
        for (int u = 0; u < U; ++u) {
          const V at_x = load(x + u * W), at_y = load(y + u * W);
          V a = at_x - rx[u], b = at_y - ry[u];
          if (!full) {
            const I there = is_there(at_x) & is_there(at_y);
            a = there ? a : all(0);
            b = there ? b : all(0);
            count[u] += one_where(there);
          }
          s[u].a += a;
          s[u].b += b;
          s[u].aa += a * a;
          s[u].bb += b * b;
          s[u].ab += a * b;
        }
      }
#pragma GCC unroll 8
      for (int u = 0; u < U; ++u)
        store(c.out + t * kLanes + group + u * W,
              count[u] >= static_cast<double>(c.least) ? finite(finish(s[u], count[u])) : missing());
    }
}

template <class F>
inline void over_pairs(const WindowCall& c, F finish) {
  if (all_there(c.x, 1 - c.window, c.rows) && all_there(c.y, 1 - c.window, c.rows))
    return walk_pairs<true, HADAL_NARROW>(c, c.x, c.y, finish);
  double* newest_y = c.scratch + c.rows * kLanes;
  find_newest(c, c.scratch, newest_y);
  walk_pairs<false, HADAL_NARROW>(c, c.scratch, newest_y, finish);
}

inline V correlation(const Both& s, V n) {
  const V across = n * s.ab - s.a * s.b, height = n * s.aa - s.a * s.a, width = n * s.bb - s.b * s.b;
  const V r = across / (root(height) * root(width));
  const V bounded = r > 1 ? all(1) : r < -1 ? all(-1) : r;
  return (height > 0) & (width > 0) ? bounded : missing();
}

// Bars further back, or ahead as far as the instrument has some.
void shift(const WindowCall& c) {
  for (int64_t t = 0; t < c.rows; ++t)
    for (int l = 0; l < kLanes; l += W) {
      const int64_t from = t - c.window;
      V value = from < c.rows ? load(c.x + from * kLanes + l) : missing();
      if (c.window < 0) value = static_cast<double>(from) < load(c.counts + l) ? value : missing();
      store(c.out + t * kLanes + l, value);
    }
}

void window(const WindowCall& c) {
  constexpr int U = HADAL_WIDE;
  const double window = static_cast<double>(c.window);
  switch (c.op) {
    case Op::ref:
      return shift(c);
    case Op::sum:
      return over_window<SumOf, U>(c, [](const SumOf& s, V, V, V, V) { return s.s; });
    case Op::mean:
      return over_window<First, U>(c, [](const First& s, V n, V r, V, V) { return r + s.s / n; });
    case Op::stddev:
      return over_window<Second, U>(c,
                                    [](const Second& s, V n, V, V, V) { return root(spread(s.s, s.ss, n) / (n - 1)); });
    case Op::var:
      return over_window<Second, U>(c, [](const Second& s, V n, V, V, V) { return spread(s.s, s.ss, n) / (n - 1); });
    case Op::stddev_all:
      return over_window<Second, U>(c, [](const Second& s, V n, V, V, V) { return root(spread(s.s, s.ss, n) / n); });
    case Op::skew:
      return moments(c, [](V n, V, V m2, V m3, V) {
        const V g = root(n * (n - 1)) / (n - 2) * (m3 / (m2 * root(m2)));
        return (n > 2) & (m2 > 0) ? g : missing();
      });
    case Op::kurt:
      return moments(c, [](V n, V, V m2, V, V m4) {
        const V g = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (m4 / (m2 * m2)) - 3 * (n - 1));
        return (n > 3) & (m2 > 0) ? g : missing();
      });
    case Op::mad:
      return moments(c, [](V, V m1, V, V, V) { return m1; });
    case Op::max:
      return against_newest<Largest, U>(c, [](const Largest& s, V, V, V, V) { return s.best; });
    case Op::min:
      return against_newest<Smallest, U>(c, [](const Smallest& s, V, V, V, V) { return s.best; });
    case Op::idx_max:
      return find_place<true, false>(c);
    case Op::idx_min:
      return find_place<false, false>(c);
    case Op::idx_max_last:
      return find_place<true, true>(c);
    case Op::idx_min_last:
      return find_place<false, true>(c);
    case Op::rank:
      return against_newest<Below, U>(c, [](const Below& s, V n, V, V x, V) {
        const V share = (s.below + (s.equal + 1) * 0.5) / n;
        return is_there(x) ? share : missing();
      });
    case Op::count:
      return against_newest<Nothing, U>(c, [](const Nothing&, V n, V, V, V) { return n; });
    case Op::slope:
      return regress(c, [](const Fitted& f, V) { return f.slope; });
    case Op::rsquare:
      return regress(c, [](const Fitted& f, V) { return f.rsquare; });
    case Op::resi:
      return regress(c, [](const Fitted& f, V x) { return is_there(x) ? f.resi : missing(); });
    case Op::wma:  // sum of (n - lag) x over n (n+1)/2; the reference's share is exactly one
      return over_window<TwoSums, U>(c, [=](const TwoSums& s, V, V r, V, V) {
        return r + (window * s.s - s.lagged) / (window * (window + 1) / 2);
      });
    case Op::corr:
      return over_pairs(c, [](const Both& s, V n) { return correlation(s, n); });
    case Op::cov:
      return over_pairs(c, [](const Both& s, V n) { return (s.ab - s.a * s.b / n) / (n - 1); });
    default:
      __builtin_unreachable();
  }
}

}  // namespace
}  // namespace HADAL_LEVEL
}  // namespace hadal::market::factors
