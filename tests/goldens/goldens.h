// Reading the goldens and comparing with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/json.h"

#include "weights/load.h"

namespace hadal::goldens {

// A golden by its path: in this repository (tests/goldens/data) or, where it is large or under another's licence,
// beside the checkout (../shared/goldens). Exists in neither: the second path.
inline Path golden(const Path& relative) {
  const Path here = Path(HADAL_SOURCE_DIR) / "tests/goldens/data" / relative;
  return std::filesystem::exists(here) ? here : Path(HADAL_SOURCE_DIR) / "../shared/goldens" / relative;
}

inline std::vector<float> read_floats(const Path& path) {
  const std::string bytes = read_file(path);
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

inline bool have_golden(const Path& relative) { return std::filesystem::exists(golden(relative)); }

inline Json read_json(const Path& path) { return parse_json(read_file(path), path.string()); }

// `model`: the name of its folder.
inline std::vector<int32_t> ids_of(const Path& model, int64_t n) {
  const Json all = read_json(golden(model / "ids.json"));
  const Json& list = all.contains("sequences") ? all["sequences"] : all;
  return list.at(std::to_string(n)).get<std::vector<int32_t>>();
}

// Of all positions, [ids, vocab].
inline Tensor logits_of(Model& model, const std::vector<int32_t>& ids, Precision precision,
                        MlaForm form = MlaForm::expanded) {
  Context ctx;
  ctx.precision = precision;
  Batch batch{ids, std::vector<int32_t>(ids.size()), {0, static_cast<int32_t>(ids.size())}, {}};
  std::iota(batch.positions.begin(), batch.positions.end(), 0);
  std::vector<int64_t> rows(ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  return logits(ctx, model, forward(ctx, model, batch, {.mla_form = form}).hidden, rows);
}

struct Difference {
  double largest = 0, rms = 0;
};
inline Difference compare(std::span<const float> a, std::span<const float> b) {
  Difference d;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]) - b[i];
    d.largest = std::max(d.largest, std::abs(x));
    d.rms += x * x;
  }
  d.rms = std::sqrt(d.rms / static_cast<double>(a.size()));
  return d;
}

// Sum of p log (p / q) over the softmaxes of two rows of logits.
inline double kl_divergence(std::span<const float> p, std::span<const float> q) {
  const auto log_sum = [](std::span<const float> x) {
    const double top = *std::max_element(x.begin(), x.end());
    double sum = 0;
    for (const float value : x) sum += std::exp(value - top);
    return top + std::log(sum);
  };
  const double p_sum = log_sum(p), q_sum = log_sum(q);
  double kl = 0;
  for (size_t i = 0; i < p.size(); ++i) kl += std::exp(p[i] - p_sum) * ((p[i] - p_sum) - (q[i] - q_sum));
  return kl;
}

// Position by position, as the tables of the goldens have it.
struct Closeness {
  double median_rms = 0, mean_kl = 0, same_top = 0;
};
inline Closeness closeness(const Tensor& found, std::span<const float> expected) {
  const auto vocab = static_cast<size_t>(found.cols()), n = static_cast<size_t>(found.rows());
  Closeness c;
  std::vector<double> rms;
  const auto top = [](std::span<const float> x) { return std::max_element(x.begin(), x.end()) - x.begin(); };
  for (size_t r = 0; r < n; ++r) {
    const std::span<const float> mine{found.row(static_cast<int64_t>(r)), vocab},
        theirs = expected.subspan(r * vocab, vocab);
    rms.push_back(compare(mine, theirs).rms);
    c.mean_kl += kl_divergence(theirs, mine) / static_cast<double>(n);
    c.same_top += (top(mine) == top(theirs) ? 1.0 : 0.0) / static_cast<double>(n);
  }
  std::nth_element(rms.begin(), rms.begin() + static_cast<std::ptrdiff_t>(n / 2), rms.end());
  c.median_rms = rms[n / 2];
  return c;
}

}  // namespace hadal::goldens

#define NEEDS_GOLDEN(relative)                \
  if (!hadal::goldens::have_golden(relative)) \
  GTEST_SKIP() << "needs ../shared/goldens/" << (relative) << ", which is large or under a licence of its own"
