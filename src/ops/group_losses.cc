// Losses over scores that are compared within groups alone: what is ranked, or correlated, at one time.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"

namespace hadal {
namespace {

// Leaves d(loss) / d(score) in `gradient`; false where the group has no loss.
using OneGroup = bool (*)(std::span<const float> scores, std::span<const float> targets, double& loss,
                          std::span<float> gradient);

bool rank_one(std::span<const float> scores, std::span<const float> targets, double& loss, std::span<float> gradient) {
  double sum = 0, weight = 0;
  std::vector<double> d(scores.size(), 0);
  for (size_t i = 0; i < scores.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double gap = double{targets[i]} - targets[j], w = std::fabs(gap);
      if (!(w > 0)) continue;
      const double margin = (double{scores[i]} - scores[j]) * (gap > 0 ? 1 : -1);
      const double e = std::exp(-std::fabs(margin));
      sum += w * (std::log1p(e) + std::max(-margin, 0.0));
      const double slope = -w * (margin > 0 ? e / (1 + e) : 1 / (1 + e)) * (gap > 0 ? 1 : -1);
      d[i] += slope, d[j] -= slope;
      weight += w;
    }
  }
  if (!(weight > 0)) return false;
  loss = sum / weight;
  for (size_t i = 0; i < d.size(); ++i) gradient[i] = static_cast<float>(d[i] / weight);
  return true;
}

bool correlate_one(std::span<const float> scores, std::span<const float> targets, double& loss,
                   std::span<float> gradient) {
  const auto n = static_cast<double>(scores.size());
  double s_mean = 0, t_mean = 0, ss = 0, tt = 0, st = 0;
  for (size_t i = 0; i < scores.size(); ++i) s_mean += scores[i] / n, t_mean += targets[i] / n;
  for (size_t i = 0; i < scores.size(); ++i) {
    const double s = scores[i] - s_mean, t = targets[i] - t_mean;
    ss += s * s, tt += t * t, st += s * t;
  }
  if (!(tt > 0)) return false;
  constexpr double kLeastVariance = 1e-6;  // of scores: equal ones have no correlation, and a finite gradient
  const double s_norm = std::sqrt(ss + n * kLeastVariance), t_norm = std::sqrt(tt), r = st / (s_norm * t_norm);
  loss = 1 - r;
  for (size_t i = 0; i < scores.size(); ++i) {
    const double s = (scores[i] - s_mean) / s_norm, t = (targets[i] - t_mean) / t_norm;
    gradient[i] = static_cast<float>(-(t - r * s) / s_norm);
  }
  return true;
}

GroupLoss group_loss(const Context& ctx, const Tensor& scores, std::span<const float> targets,
                     std::span<const int32_t> offsets, float scale, OneGroup one) {
  HADAL_CHECK(static_cast<size_t>(scores.size()) == targets.size() && !offsets.empty() && offsets.front() == 0 &&
                  static_cast<size_t>(offsets.back()) == targets.size(),
              "{} scores, {} targets", scores.size(), targets.size());
  const size_t groups = offsets.size() - 1;
  std::vector<double> losses(groups, 0);
  std::vector<char> counts(groups, 0);
  std::vector<float> gradient(targets.size(), 0.0f);
  ctx.pool->parallel_for(static_cast<int64_t>(groups), [&](int64_t index, int) {
    const auto g = static_cast<size_t>(index);
    std::vector<float> s, t, d;
    std::vector<size_t> where;
    for (auto i = static_cast<size_t>(offsets[g]); i < static_cast<size_t>(offsets[g + 1]); ++i) {
      if (std::isnan(targets[i])) continue;
      s.push_back(scores.f32()[i]), t.push_back(targets[i]), where.push_back(i);
    }
    d.resize(s.size());
    counts[g] = one(s, t, losses[g], d);
    if (counts[g] != 0)
      for (size_t k = 0; k < where.size(); ++k) gradient[where[k]] = d[k];
  });
  GroupLoss result;
  for (size_t g = 0; g < groups; ++g) result.mean += losses[g], result.groups += counts[g];
  if (result.groups > 0) result.mean /= static_cast<double>(result.groups);
  if (ctx.tape != nullptr && result.groups > 0) {
    const float factor = scale / static_cast<float>(result.groups);
    ctx.tape->push([scores, factor, gradient = std::move(gradient)] {
      float* d = scores.grad();
      for (size_t i = 0; i < gradient.size(); ++i) d[i] += factor * gradient[i];
    });
  }
  return result;
}

}  // namespace

GroupLoss rank_loss(const Context& ctx, const Tensor& scores, std::span<const float> targets,
                    std::span<const int32_t> offsets, float scale) {
  return group_loss(ctx, scores, targets, offsets, scale, rank_one);
}

GroupLoss correlation_loss(const Context& ctx, const Tensor& scores, std::span<const float> targets,
                           std::span<const int32_t> offsets, float scale) {
  return group_loss(ctx, scores, targets, offsets, scale, correlate_one);
}

}  // namespace hadal
