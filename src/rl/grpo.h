// The arithmetic of policy gradients over groups of roll-outs, as pure functions: advantages, losses and their
// gradients. Sums are taken in double; inputs are float or double. Any thread may call.
//
// A group is the roll-outs of one prompt. A step's loss is additive: each roll-out adds to a sum and to a weight, and
// the loss is sum / weight over all roll-outs of the step, in however many micro-batches they are computed.
//
// Papers: GRPO, Shao et al. 2024 (DeepSeekMath, eq. 3); DAPO, Yu et al. 2025 (eq. 8-13); Dr. GRPO, Liu et al. 2025
// (eq. 3); GSPO, Zheng et al. 2025 (eq. 5-7); RLOO, Ahmadian et al. 2024; PODS, Xu et al. 2025;
// DeepSeek-V3.2, 2025 (section 3.1); the estimators of KL: Schulman 2020, "Approximating KL divergence".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hadal::rl {

// r: the rewards of a group of n.
enum class AdvantageKind {
  mean,           // r - mean (Dr. GRPO)
  mean_std,       // (r - mean) / (standard deviation with n - 1, + epsilon) (GRPO)
  leave_one_out,  // r less the mean of the others = (r - mean) n / (n - 1) (RLOO)
};
// How tokens are weighed. ratio = exp(log-prob now - log-prob of the sampler); each token's term is
// -min(ratio A, clip(ratio, 1 - clip_low, 1 + clip_high) A) + kl_weight KL.
enum class LossKind {
  dapo,     // sum over all tokens / tokens
  grpo,     // mean over roll-outs of the mean over their tokens
  dr_grpo,  // sum over all tokens / (roll-outs * max_length)
  gspo,     // one ratio a roll-out, exp(mean of now - old), clipped as a whole; then as grpo
};
enum class KlKind {
  k3,        // exp(ref - now) - (ref - now) - 1
  k3_ratio,  // the same times the ratio: unbiased where the sampler was an older policy (DeepSeek-V3.2)
};
// By the names above; Error naming `where` ("r.toml:12: advantage"), and listing the names there are.
AdvantageKind advantage_kind(std::string_view name, std::string_view where);
LossKind loss_kind(std::string_view name, std::string_view where);
KlKind kl_kind(std::string_view name, std::string_view where);

struct LossSpec {
  AdvantageKind advantage = AdvantageKind::mean;
  double epsilon = 1e-6;  // of mean_std
  LossKind loss = LossKind::dapo;
  double clip_low = 0.2, clip_high = 0.28;  // > 0
  KlKind kl = KlKind::k3;
  double kl_weight = 0;
  // A roll-out with A < 0 whose mean of old - now exceeds this gives no loss and no tokens, but stays a roll-out.
  std::optional<double> off_policy_limit = {};
  int64_t max_length = 0;  // of dr_grpo: tokens that a roll-out may have; > 0 there

  // The policy that is trained is the one that sampled, and no other enters the loss: on_policy_weights() says all,
  // provided that a roll-out is trained on once, before the weights change.
  bool is_linear() const { return kl_weight == 0; }
};

// Of each of a group's rewards. All 0 where they are equal. Groups of 1 are for the caller to refuse: mean_std and
// leave_one_out need two rewards.
std::vector<double> advantages(const LossSpec& spec, std::span<const double> rewards);

// Whether a group teaches anything: with equal rewards every advantage is 0. `drop_zero_spread` leaves the others out
// of a batch, from its weights too (DAPO's dynamic sampling, eq. 11).
bool has_spread(std::span<const double> rewards);

// The `count` of a group's rewards that have the greatest variance together: some of the highest and some of the lowest
// (PODS, max-variance down-sampling). Ascending places; of equal rewards the first. All where count >= size. Advantages
// are then those of the chosen rewards alone.
std::vector<size_t> widest_spread(std::span<const double> rewards, size_t count);

// One roll-out's tokens: log-probabilities under the policy that is trained, the one that sampled, and the reference.
template <typename Real>
struct PolicySample {
  std::span<const Real> now, old;
  std::span<const Real> ref = {};  // may be empty where kl_weight is 0
  std::span<const uint8_t> mask =
      {};  // 0: the policy did not choose this token, which counts nowhere; empty: all count
  double advantage = 0;
};

// Sums over roll-outs.
struct LossTerms {
  double sum = 0, weight = 0;  // the loss is sum / weight
  int64_t tokens = 0;          // that count
  int64_t clipped = 0;         // of these, with (A > 0 and ratio > 1 + clip_high) or (A < 0 and ratio < 1 - clip_low)
  int64_t sequences = 0, sequences_masked = 0;  // roll-outs; of these, left out by off_policy_limit
  double ratios = 0, kl = 0;                    // over `tokens`

  LossTerms& operator+=(const LossTerms& more);
  double loss() const { return weight > 0 ? sum / weight : 0; }
  double clip_share() const { return tokens > 0 ? static_cast<double>(clipped) / static_cast<double>(tokens) : 0; }
  double mean_ratio() const { return tokens > 0 ? ratios / static_cast<double>(tokens) : 1; }
  double mean_kl() const { return tokens > 0 ? kl / static_cast<double>(tokens) : 0; }
};

// What one roll-out adds, and in `gradient`, of its length, the derivative of `sum` by each token's `now`: divided by
// the step's weight it is the gradient of the step's loss, ready for weighted_sum() over token_log_probs().
template <typename Real>
LossTerms policy_loss(const LossSpec& spec, const PolicySample<Real>& sample, std::span<Real> gradient);

// LossTerms::weight of a roll-out that off_policy_limit does not leave out: known before anything is computed.
double loss_weight(const LossSpec& spec, std::span<const uint8_t> mask);

// Where every ratio is exactly 1 and there is no KL (LossSpec::is_linear), the gradient is that of a cross entropy with
// signed weights: `weights`, of the mask's length, is what each token's -log p is multiplied by, A where tokens are
// summed and A / length where they are averaged. Divided by the step's weight they are the weights of
// linear_cross_entropy(), which then needs no log-probabilities first. The same as -gradient of policy_loss() there.
void on_policy_weights(const LossSpec& spec, double advantage, std::span<const uint8_t> mask, std::span<float> weights);

// One token's estimate of KL(policy, reference), and its derivative by `now`.
struct KlTerm {
  double value = 0, gradient = 0;
};
KlTerm kl_term(KlKind kind, double now, double old, double ref);

// DAPO's soft punishment of long replies (eq. 13): 0 up to max_length - soft tokens, from there falling to -1 at
// max_length, -1 beyond. 0 < soft <= max_length.
double overlong_reward(int64_t length, int64_t max_length, int64_t soft);

// In nats, of softmax(logits / temperature): how undecided a policy is about a token. The mean of -log-prob over
// sampled tokens is an unbiased estimate of its mean, without the logits.
double entropy(std::span<const float> logits, double temperature = 1);

}  // namespace hadal::rl
