// The ops as textbooks write them, in double precision, one loop after another: what the tests measure the ops against.
// Tests only. Matrices are row-major vectors; T is the number of rows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>
#include <vector>

#include "ops/ops.h"

namespace hadal::plain {

using Numbers = std::vector<double>;

inline size_t at(int64_t i) { return static_cast<size_t>(i); }

// x [T, in], w [out, in] -> [T, out]
inline Numbers linear(const Numbers& x, std::span<const double> w, int64_t in, int64_t out) {
  const int64_t rows = static_cast<int64_t>(x.size()) / in;
  Numbers y(at(rows * out));
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t o = 0; o < out; ++o)
      for (int64_t i = 0; i < in; ++i) y[at(t * out + o)] += x[at(t * in + i)] * w[at(o * in + i)];
  return y;
}

inline Numbers rms_norm(Numbers x, const Numbers& weight, double eps) {
  const size_t n = weight.size();
  for (size_t r = 0; r < x.size() / n; ++r) {
    double squares = 0;
    for (size_t i = 0; i < n; ++i) squares += x[r * n + i] * x[r * n + i];
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + eps);
    for (size_t i = 0; i < n; ++i) x[r * n + i] *= inverse * weight[i];
  }
  return x;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

inline Numbers swiglu(const Numbers& gate, const Numbers& up) {
  Numbers y(gate.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = gate[i] * sigmoid(gate[i]) * up[i];
  return y;
}

inline Numbers softmax(Numbers x) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v - top);
  for (double& v : x) v /= sum;
  return x;
}

inline Numbers rope(Numbers x, int64_t heads, const Rope& rope, std::span<const int32_t> positions) {
  const int64_t width = static_cast<int64_t>(x.size() / positions.size()), head_dim = width / heads;
  const int64_t half = static_cast<int64_t>(rope.inv_freq.size()), first = head_dim - 2 * half;
  for (size_t t = 0; t < positions.size(); ++t)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < half; ++i) {
        double* head = x.data() + at(static_cast<int64_t>(t) * width + h * head_dim + first);
        double& a = head[rope.interleaved ? 2 * i : i];
        double& b = head[rope.interleaved ? 2 * i + 1 : i + half];
        const double angle = positions[t] * double{rope.inv_freq[at(i)]};
        const double c = std::cos(angle) * rope.attention_factor, s = std::sin(angle) * rope.attention_factor, a0 = a;
        a = a0 * c - b * s;
        b = b * c + a0 * s;
      }
  return x;
}

inline Numbers attention(const AttentionShape& shape, const Numbers& q, const Numbers& k, const Numbers& v,
                         std::span<const int32_t> offsets) {
  const int64_t dk = shape.k_dim, dv = shape.v_dim, group = shape.heads / shape.kv_heads;
  Numbers out(at(offsets.back() * shape.heads * dv));
  for (size_t s = 0; s + 1 < offsets.size(); ++s)
    for (int64_t t = offsets[s]; t < offsets[s + 1]; ++t)
      for (int64_t h = 0; h < shape.heads; ++h) {
        Numbers scores;
        for (int64_t u = offsets[s]; u <= t; ++u) {
          double dot = 0;
          for (int64_t i = 0; i < dk; ++i)
            dot += q[at((t * shape.heads + h) * dk + i)] * k[at((u * shape.kv_heads + h / group) * dk + i)];
          scores.push_back(dot * shape.scale);
        }
        scores = softmax(scores);
        for (int64_t u = offsets[s]; u <= t; ++u)
          for (int64_t i = 0; i < dv; ++i)
            out[at((t * shape.heads + h) * dv + i)] +=
                scores[at(u - offsets[s])] * v[at((u * shape.kv_heads + h / group) * dv + i)];
      }
  return out;
}

// The `count` largest of x, best first, the smaller index first among equals.
inline std::vector<int64_t> best(const Numbers& x, int64_t count) {
  std::vector<int64_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return x[at(a)] > x[at(b)]; });
  return {order.begin(), order.begin() + count};
}

// One token's experts and their weights. `scores` gets the affinities of all experts.
inline std::map<int64_t, double> route(Numbers logits, const float* bias, const RouterOptions& o,
                                       Numbers* scores_out = nullptr) {
  Numbers scores = logits;
  if (o.sigmoid)
    for (double& s : scores) s = sigmoid(s);
  else
    scores = softmax(scores);
  if (scores_out != nullptr) *scores_out = scores;
  Numbers choice = scores;
  for (size_t e = 0; bias != nullptr && e < choice.size(); ++e) choice[e] += bias[e];
  const int64_t members = o.experts / o.groups;
  Numbers group_scores;
  for (int64_t g = 0; g < o.groups; ++g) {
    const Numbers group(choice.begin() + g * members, choice.begin() + (g + 1) * members);
    double score = 0;
    for (int64_t e : best(group, o.group_by_top2 ? std::min<int64_t>(2, members) : 1)) score += group[at(e)];
    group_scores.push_back(score);
  }
  Numbers masked(choice.size(), -INFINITY);
  for (int64_t g : best(group_scores, o.top_groups))
    std::copy_n(choice.begin() + g * members, members, masked.begin() + g * members);
  std::map<int64_t, double> chosen;
  double sum = 0;
  for (int64_t e : best(masked, o.top_k)) sum += chosen[e] = scores[at(e)];
  for (auto& [e, w] : chosen) w *= o.scale / (o.normalise ? sum : 1);
  return chosen;
}

struct Ffn {  // [inner, hidden], [inner, hidden], [hidden, inner]
  std::span<const double> gate, up, down;
};
inline Numbers ffn(const Numbers& x, const Ffn& w, int64_t hidden, int64_t inner) {
  return linear(swiglu(linear(x, w.gate, hidden, inner), linear(x, w.up, hidden, inner)), w.down, inner, hidden);
}

// -log softmax(logits)[target] of one row
inline double cross_entropy(const Numbers& logits, int64_t target) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double v : logits) sum += std::exp(v - top);
  return std::log(sum) + top - logits[at(target)];
}

inline void add(Numbers& x, const Numbers& y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

}  // namespace hadal::plain
