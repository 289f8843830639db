// Exactly on-policy, one pass of linear_cross_entropy() with signed weights gives the gradient that policy_loss() gives
// by way of each token's log-probability, bit for bit (decision 003).
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/rng.h"
#include "model/testing/tiny_models.h"
#include "rl/grpo.h"

namespace hadal {
namespace {

struct Step {
  Batch batch;
  std::vector<int32_t> targets;
  std::vector<uint8_t> mask;  // of every row
  std::vector<double> advantages;
};
Step random_step(const ModelConfig& config) {
  Step step{test::make_batch({9, 17, 4, 23}, config.vocab), {}, {}, {0.75, -0.25, -0.25, -0.25}};
  Rng rng(4);
  for (size_t t = 0; t < step.batch.ids.size(); ++t) {
    step.targets.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab))));
    step.mask.push_back(rng.below(5) != 0 ? 1 : 0);
  }
  return step;
}

// The rows of sequence s of something that has one for each token.
template <typename T>
std::span<T> rows_of(const Step& step, size_t s, std::span<T> all) {
  const auto begin = static_cast<size_t>(step.batch.offsets[s]), end = static_cast<size_t>(step.batch.offsets[s + 1]);
  return all.subspan(begin, end - begin);
}

double step_weight(const rl::LossSpec& spec, const Step& step) {
  double weight = 0;
  for (size_t s = 0; s < step.advantages.size(); ++s)
    weight += rl::loss_weight(spec, rows_of(step, s, std::span<const uint8_t>(step.mask)));
  return weight;
}

// Backward, and the gradients of all parameters.
std::vector<float> gradients(Context ctx, Model& model, const Step& step,
                             const std::function<void(const Context&, const Tensor&)>& loss) {
  Tape tape;
  ctx.tape = &tape;
  for (Param* p : model.params()) p->weight.value().drop_grad();
  const Tensor hidden = forward(ctx, model, step.batch, {.mla_form = MlaForm::absorbed}).hidden;
  loss(ctx, rms_norm(ctx, hidden, model.norm.weight, model.config.norm_eps));
  tape.backward();
  std::vector<float> all;
  for (Param* p : model.params()) all.insert(all.end(), p->weight.grad(), p->weight.grad() + p->weight.value().size());
  return all;
}

std::vector<float> by_signed_weights(const Context& ctx, Model& model, const Step& step, const rl::LossSpec& spec,
                                     float temperature) {
  std::vector<float> weights(step.mask.size());
  for (size_t s = 0; s < step.advantages.size(); ++s)
    rl::on_policy_weights(spec, step.advantages[s], rows_of(step, s, std::span<const uint8_t>(step.mask)),
                          rows_of(step, s, std::span(weights)));
  return gradients(ctx, model, step, [&](const Context& at, const Tensor& normed) {
    linear_cross_entropy(at, normed, model.head_weight(), step.targets, weights,
                         static_cast<float>(1 / step_weight(spec, step)), temperature);
  });
}

std::vector<float> by_log_probs(const Context& ctx, Model& model, const Step& step, const rl::LossSpec& spec,
                                float temperature) {
  return gradients(ctx, model, step, [&](const Context& at, const Tensor& normed) {
    const Tensor found = token_log_probs(at, normed, model.head_weight(), step.targets, temperature);
    const std::span<const float> now(found.f32(), step.targets.size());
    std::vector<float> slopes(step.targets.size());
    for (size_t s = 0; s < step.advantages.size(); ++s) {
      const auto rows = rows_of(step, s, now);
      const rl::LossTerms terms = rl::policy_loss<float>(
          spec, {rows, rows, {}, rows_of(step, s, std::span<const uint8_t>(step.mask)), step.advantages[s]},
          rows_of(step, s, std::span(slopes)));
      EXPECT_EQ(terms.mean_ratio(), 1);
    }
    weighted_sum(at, found, slopes, static_cast<float>(1 / step_weight(spec, step)));
  });
}

void expect_equal(const std::vector<float>& one_pass, const std::vector<float>& general) {
  ASSERT_EQ(one_pass.size(), general.size());
  size_t different = 0, moved = 0;
  for (size_t i = 0; i < general.size(); ++i) {
    different += one_pass[i] != general[i] ? 1 : 0;
    moved += general[i] != 0 ? 1 : 0;
  }
  EXPECT_EQ(different, 0u);
  EXPECT_GT(moved, general.size() / 4);
}

TEST(OnPolicyGradient, IsACrossEntropyWithSignedWeights) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const std::unique_ptr<Model> model = test::make_model(test::tiny_deepseek(true));
    const Step step = random_step(model->config);
    for (const rl::LossKind loss : {rl::LossKind::dapo, rl::LossKind::grpo, rl::LossKind::dr_grpo, rl::LossKind::gspo})
      for (const float temperature : {1.0f, 0.7f})
        expect_equal(by_signed_weights(ctx, *model, step, {.loss = loss, .max_length = 64}, temperature),
                     by_log_probs(ctx, *model, step, {.loss = loss, .max_length = 64}, temperature));
  });
}

}  // namespace
}  // namespace hadal
