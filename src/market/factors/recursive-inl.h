// From the first bar on (kernels-inl.h).
namespace hadal::market::factors {
namespace HADAL_LEVEL {
namespace {

template <class F>
inline void along(const RecursiveCall& c, F step) {
  for (int l = 0; l < kLanes; l += W) {
    V a = load(c.state + l), b = load(c.state + kLanes + l);
    const V counts = load(c.counts + l);
    for (int64_t t = 0; t < c.rows; ++t) {
      V next_a = a, next_b = b;
      const V x = load(c.x + t * kLanes + l), y = c.y ? load(c.y + t * kLanes + l) : x;
      store(c.out + t * kLanes + l, finite(step(x, y, next_a, next_b)));
      const I present = static_cast<double>(t) < counts;
      a = present ? next_a : a;
      b = present ? next_b : b;
    }
    store(c.state + l, a);
    store(c.state + kLanes + l, b);
  }
}

void recursive(const RecursiveCall& c) {
  const double weight = c.weight, n = static_cast<double>(c.window);
  switch (c.op) {
    case Op::ema:  // a: the mean; b: the sum of the weights
      return along(c, [=](V x, V, V& mean, V& weights) {
        weights *= 1 - weight;
        const I there = is_there(x);
        const V more = weights + 1, moved = weights > 0 ? mean + (x - mean) / more : x;
        mean = there ? moved : mean;
        weights = there ? more : weights;
        return mean;
      });
    case Op::seeded_mean:  // a: the mean, first the sum; b: values so far, up to n
      return along(c, [=](V x, V, V& mean, V& count) {
        const I there = is_there(x), seeding = count < n;
        const V sum = count > 0 ? mean + x : x;
        const V next = seeding ? (count + 1 == n ? sum / n : sum) : mean + weight * (x - mean);
        mean = there ? next : mean;
        count = there & seeding ? count + 1 : count;
        return there & (count == n) ? mean : missing();
      });
    case Op::smooth:  // a: the value; b: 1 after the first share
      return along(c, [=](V x, V share, V& value, V& begun) {
        const I there = is_there(x), moves = there & is_there(share) & is_there(value);
        const V moved = value + share * (x - value);
        value = moves ? moved : there & (begun == 0) ? x : value;
        begun = moves ? all(1) : begun;
        return moves ? value : missing();
      });
    case Op::running_sum:  // b: the sum
      return along(c, [=](V x, V, V&, V& sum) {
        const I there = is_there(x);
        sum += there ? x : all(0);
        return there ? sum : missing();
      });
    default:
      __builtin_unreachable();
  }
}

}  // namespace
}  // namespace HADAL_LEVEL
}  // namespace hadal::market::factors
