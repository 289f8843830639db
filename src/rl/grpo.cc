#include "rl/grpo.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace hadal::rl {
namespace {

template <typename Kind>
using Names = std::vector<std::pair<std::string_view, Kind>>;

template <typename Kind>
Kind named(const Names<Kind>& names, std::string_view name, std::string_view where) {
  std::string known;
  for (const auto& [candidate, kind] : names) {
    if (candidate == name) return kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", candidate);
  }
  fail("{}: expected one of {}, found \"{}\"", where, known, brief(name));
}

bool counts(std::span<const uint8_t> mask, size_t token) { return mask.empty() || mask[token] != 0; }

int64_t count_tokens(std::span<const uint8_t> mask) {
  return std::ranges::count_if(mask, [](uint8_t chosen) { return chosen != 0; });
}

// Whether tokens are averaged within their roll-out before roll-outs are.
bool averages_tokens(LossKind kind) { return kind == LossKind::grpo || kind == LossKind::gspo; }

double weight_of(const LossSpec& spec, int64_t tokens) {
  if (spec.loss == LossKind::dapo) return static_cast<double>(tokens);
  return spec.loss == LossKind::dr_grpo ? static_cast<double>(spec.max_length) : 1;
}

// -min(ratio A, clip(ratio) A). Where the clipped one is less, nothing moves it.
struct Surrogate {
  double value = 0, gradient = 0;  // by the logarithm of the ratio
  bool clipped = false;
};
Surrogate surrogate(const LossSpec& spec, double ratio, double advantage) {
  const double bound = advantage > 0 ? 1 + spec.clip_high : 1 - spec.clip_low;
  const bool clipped = advantage > 0 ? ratio > bound : advantage < 0 && ratio < bound;
  if (clipped) return {-bound * advantage, 0, true};
  return {-ratio * advantage, -ratio * advantage, false};
}

// The mean of now - old over the tokens that count.
template <typename Real>
double mean_log_ratio(const PolicySample<Real>& sample, int64_t tokens) {
  double sum = 0;
  for (size_t t = 0; t < sample.now.size(); ++t)
    if (counts(sample.mask, t)) sum += double{sample.now[t]} - double{sample.old[t]};
  return tokens > 0 ? sum / static_cast<double>(tokens) : 0;
}

double variance(std::span<const double> values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size());
}

}  // namespace

AdvantageKind advantage_kind(std::string_view name, std::string_view where) {
  using enum AdvantageKind;
  return named<AdvantageKind>({{"mean", mean}, {"mean_std", mean_std}, {"leave_one_out", leave_one_out}}, name, where);
}

LossKind loss_kind(std::string_view name, std::string_view where) {
  using enum LossKind;
  return named<LossKind>({{"dapo", dapo}, {"grpo", grpo}, {"dr_grpo", dr_grpo}, {"gspo", gspo}}, name, where);
}

KlKind kl_kind(std::string_view name, std::string_view where) {
  return named<KlKind>({{"k3", KlKind::k3}, {"k3_ratio", KlKind::k3_ratio}}, name, where);
}

std::vector<double> advantages(const LossSpec& spec, std::span<const double> rewards) {
  std::vector<double> result(rewards.size());
  if (!has_spread(rewards)) return result;  // exactly 0, which rounding of the mean would not give
  const auto n = static_cast<double>(rewards.size());
  const double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / n;
  double scale = 1;
  if (spec.advantage == AdvantageKind::mean_std)
    scale = 1 / (std::sqrt(variance(rewards) * n / (n - 1)) + spec.epsilon);
  if (spec.advantage == AdvantageKind::leave_one_out) scale = n / (n - 1);
  for (size_t i = 0; i < rewards.size(); ++i) result[i] = (rewards[i] - mean) * scale;
  return result;
}

bool has_spread(std::span<const double> rewards) {
  return std::ranges::any_of(rewards, [&](double reward) { return reward != rewards.front(); });
}

std::vector<size_t> widest_spread(std::span<const double> rewards, size_t count) {
  std::vector<size_t> order(rewards.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (count >= order.size()) return order;
  std::ranges::stable_sort(order, {}, [&](size_t i) { return rewards[i]; });
  std::vector<size_t> descending(rewards.size());
  std::iota(descending.begin(), descending.end(), size_t{0});
  std::ranges::stable_sort(descending, std::greater<>(), [&](size_t i) { return rewards[i]; });

  std::vector<double> chosen(count);
  size_t best_low = 0;
  double best = -1;
  for (size_t low = 0; low <= count; ++low) {
    for (size_t i = 0; i < count; ++i) chosen[i] = rewards[i < low ? order[i] : descending[i - low]];
    if (const double spread = variance(chosen); spread > best * (1 + 1e-12)) best = spread, best_low = low;
  }
  std::vector<size_t> result(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(best_low));
  for (size_t i = 0; result.size() < count; ++i)
    if (std::ranges::find(result, descending[i]) == result.end()) result.push_back(descending[i]);
  std::ranges::sort(result);
  return result;
}

LossTerms& LossTerms::operator+=(const LossTerms& more) {
  sum += more.sum, weight += more.weight;
  tokens += more.tokens, clipped += more.clipped;
  sequences += more.sequences, sequences_masked += more.sequences_masked;
  ratios += more.ratios, kl += more.kl;
  return *this;
}

template <typename Real>
LossTerms policy_loss(const LossSpec& spec, const PolicySample<Real>& sample, std::span<Real> gradient) {
  const size_t length = sample.now.size();
  HADAL_CHECK(sample.old.size() == length && gradient.size() == length);
  HADAL_CHECK(sample.mask.empty() || sample.mask.size() == length);
  HADAL_CHECK(spec.kl_weight == 0 || sample.ref.size() == length);
  std::ranges::fill(gradient, Real{0});
  const int64_t tokens = sample.mask.empty() ? static_cast<int64_t>(length) : count_tokens(sample.mask);
  const double mean_log = mean_log_ratio(sample, tokens);
  const double advantage = sample.advantage;
  if (spec.off_policy_limit && advantage < 0 && -mean_log > *spec.off_policy_limit)
    return {.weight = weight_of(spec, 0), .sequences = 1, .sequences_masked = 1};

  LossTerms terms{.weight = weight_of(spec, tokens), .tokens = tokens, .sequences = 1};
  const double share = averages_tokens(spec.loss) ? 1 / static_cast<double>(std::max<int64_t>(tokens, 1)) : 1;
  for (size_t t = 0; t < length; ++t) {
    if (!counts(sample.mask, t)) continue;
    // gspo: the one ratio of all tokens, to whose logarithm each token adds its share; averaged over the tokens, value
    // and gradient are those of the roll-out's one term.
    const double now = sample.now[t], old = sample.old[t];
    const double ratio = std::exp(spec.loss == LossKind::gspo ? mean_log : now - old);
    const Surrogate term = surrogate(spec, ratio, advantage);
    double value = term.value, slope = term.gradient;
    if (spec.kl_weight != 0) {
      const KlTerm kl = kl_term(spec.kl, now, old, sample.ref[t]);
      value += spec.kl_weight * kl.value, slope += spec.kl_weight * kl.gradient;
      terms.kl += kl.value;
    }
    terms.sum += share * value;
    terms.ratios += ratio;
    terms.clipped += term.clipped ? 1 : 0;
    gradient[t] = static_cast<Real>(share * slope);
  }
  return terms;
}
template LossTerms policy_loss(const LossSpec&, const PolicySample<float>&, std::span<float>);
template LossTerms policy_loss(const LossSpec&, const PolicySample<double>&, std::span<double>);

double loss_weight(const LossSpec& spec, std::span<const uint8_t> mask) { return weight_of(spec, count_tokens(mask)); }

void on_policy_weights(const LossSpec& spec, double advantage, std::span<const uint8_t> mask,
                       std::span<float> weights) {
  HADAL_CHECK(spec.is_linear() && mask.size() == weights.size());
  const double share =
      averages_tokens(spec.loss) ? 1 / static_cast<double>(std::max<int64_t>(count_tokens(mask), 1)) : 1;
  for (size_t t = 0; t < mask.size(); ++t) weights[t] = mask[t] != 0 ? static_cast<float>(share * advantage) : 0.0f;
}

// k3's gradient is 1 - exp(ref - now). That of ratio * k3 is ratio * (k3 + 1 - exp(ref - now)) = ratio * (now - ref),
// whose mean under the sampler is the gradient of the true KL.
KlTerm kl_term(KlKind kind, double now, double old, double ref) {
  const double above = std::expm1(ref - now);
  const double k3 = above - (ref - now);
  if (kind == KlKind::k3) return {k3, -above};
  const double ratio = std::exp(now - old);
  return {ratio * k3, ratio * (now - ref)};
}

double overlong_reward(int64_t length, int64_t max_length, int64_t soft) {
  HADAL_CHECK(0 < soft && soft <= max_length);
  const int64_t over = length - (max_length - soft);
  return -std::clamp(static_cast<double>(over) / static_cast<double>(soft), 0.0, 1.0);
}

double entropy(std::span<const float> logits, double temperature) {
  const double highest = std::ranges::max(logits);
  double sum = 0, weighted = 0;  // of e^x, and of x e^x
  for (const float logit : logits) {
    const double x = (logit - highest) / temperature;
    const double power = std::exp(x);
    sum += power;
    if (power > 0) weighted += power * x;
  }
  return std::log(sum) - weighted / sum;
}

}  // namespace hadal::rl
