// The gradient of the whole loss against central differences, and what the balancing of experts does.
#include <algorithm>
#include <numeric>

#include "model/testing/tiny_models.h"

namespace hadal {
namespace {

using test::make_batch;
using test::make_model;

struct Training {
  std::unique_ptr<Model> model;
  Batch batch;
  std::vector<int32_t> targets;
  std::vector<float> weights;
  LossOptions options;

  explicit Training(const ModelConfig& config, const std::vector<int32_t>& lengths = {6, 1, 12}, uint64_t seed = 1)
      : model(make_model(config, seed)),
        batch(make_batch(lengths, config.vocab)),
        targets(batch.ids.begin() + 1, batch.ids.end()) {
    targets.push_back(3);
    weights.assign(batch.ids.size(), 1.0f);
    for (size_t s = 1; s < batch.offsets.size(); ++s)
      weights[static_cast<size_t>(batch.offsets[s]) - 1] = 0;  // no next token
    if (weights.size() > 2) weights[2] = 0.5f;
    options = {.mtp_weight = 0.3f, .balance_weight = 0.05f, .scale = 0.1f};
  }
  LossResult run(const Context& ctx) { return language_model_loss(ctx, *model, batch, targets, weights, options); }

  // What the gradients are of.
  double objective(const Context& ctx) {
    const LossResult r = run(ctx);
    const double balance = model->config.experts > 0 ? options.balance_weight * r.main.weight * r.balance : 0;
    return options.scale * (r.main.sum + options.mtp_weight * r.mtp.sum + balance);
  }
  void backward(Context ctx) {
    Tape tape;
    ctx.tape = &tape;
    run(ctx);
    tape.backward();
  }
  double with(Param& p, int64_t i, float value) {
    float& element = p.weight.value().f32()[i];
    const float before = std::exchange(element, value);
    p.weight.changed();
    const double result = objective(test::one_thread(Precision::f32));
    element = before;
    p.weight.changed();
    return result;
  }
};

// Four-point differences, step 4e-3; accepted: 1 % of (the derivative + the root mean square of the parameter's
// gradient).
void check_gradients(Training& training) {
  training.backward(test::one_thread(Precision::f32));
  for (Param* p : training.model->params()) {
    if (p->group == ParamGroup::buffer) {
      EXPECT_FALSE(p->weight.value().has_grad()) << p->name;
      continue;
    }
    const int64_t size = p->weight.value().size();
    const float* gradient = p->weight.grad();
    double squares = 0;
    for (int64_t i = 0; i < size; ++i) squares += double{gradient[i]} * gradient[i];
    const double typical = std::sqrt(squares / static_cast<double>(size));
    EXPECT_GT(typical, 0) << p->name;
    std::vector<int64_t> chosen = {static_cast<int64_t>(std::max_element(gradient, gradient + size) - gradient)};
    Rng rng(9, static_cast<uint64_t>(size));
    for (int k = 0; k < 2; ++k) chosen.push_back(static_cast<int64_t>(rng.below(static_cast<uint64_t>(size))));
    for (int64_t i : chosen) {
      const float x = p->weight.value().f32()[i], h = 4e-3f;
      const double near = training.with(*p, i, x + h) - training.with(*p, i, x - h);
      const double far = training.with(*p, i, x + 2 * h) - training.with(*p, i, x - 2 * h);
      const double numeric = (8 * near - far) / (12.0 * h);
      EXPECT_NEAR(gradient[i], numeric, 0.01 * (std::abs(numeric) + typical)) << p->name << " element " << i;
    }
  }
}

// Moves every router's correction bias so far that each token's experts stay the same whatever the step: the loss is
// smooth then. Their weights, and the balance loss, still depend on the scores.
void fix_choices(Model& model) {
  auto fix = [](MoeParams& moe, int64_t favourite) {
    for (int64_t e : {favourite, favourite + 1, (favourite + 4) % 8})
      moe.correction_bias.weight.value().f32()[e] = 10.0f + static_cast<float>(e);
  };
  fix(model.blocks[1].moe, 0);
  fix(model.blocks[2].moe, 2);
  fix(model.mtp[0].block.moe, 4);
}

TEST(LossGradient, OfMlaAndMixturesEqualsCentralDifferences) {
  for (bool with_q_lora : {true, false}) {
    SCOPED_TRACE(with_q_lora ? "with q_lora, expanded" : "without q_lora, absorbed");
    Training training(test::tiny_deepseek(with_q_lora));
    fix_choices(*training.model);
    training.options.mla_form = with_q_lora ? MlaForm::expanded : MlaForm::absorbed;
    check_gradients(training);
  }
}

TEST(LossGradient, WithAllExpertsChosenEqualsCentralDifferences) {
  ModelConfig config = test::tiny_deepseek(true);
  config.top_k = config.experts, config.groups = config.top_groups = 1;
  Training training(config);
  check_gradients(training);
}

TEST(LossGradient, OfGroupedQueryAttentionEqualsCentralDifferences) {
  Training training(test::tiny_gqa());
  check_gradients(training);
}

TEST(LossGradient, IsAddedToAndScales) {
  Training once(test::tiny_deepseek(true)), twice(test::tiny_deepseek(true));
  once.backward(test::one_thread(Precision::f32));
  twice.options.scale *= 0.5f;
  twice.backward(test::one_thread(Precision::f32));
  twice.backward(test::one_thread(Precision::f32));
  const ParamList a = once.model->params(), b = twice.model->params();
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i]->group == ParamGroup::buffer) continue;
    const auto wanted = test::doubles({a[i]->weight.grad(), static_cast<size_t>(a[i]->weight.value().size())});
    EXPECT_LE(test::relative_error({b[i]->weight.grad(), wanted.size()}, wanted), 1e-4) << a[i]->name;
  }
}

TEST(Loss, OfAnUntrainedModelIsNearTheLogarithmOfTheVocabulary) {
  ModelConfig config = test::tiny_deepseek(true);
  config.init_std = 0.02;
  Training training(config, {40, 40});
  const LossResult r = training.run(test::one_thread(Precision::f32));
  EXPECT_NEAR(r.main.sum / r.main.weight, std::log(61.0), 0.1);
  EXPECT_NEAR(r.mtp.sum / r.mtp.weight, std::log(61.0), 0.1);
}

// Plain gradient descent learns a batch by heart.
TEST(Loss, FallsWhenABatchIsRepeated) {
  for (const auto& [name, config] : test::tiny_configs()) {
    for (Precision precision : test::kPrecisions) {
      SCOPED_TRACE(std::string(name) + ", " + test::precision_name(precision));
      Training training(config, {12, 9});
      training.options.balance_weight = 0.001f;
      double first = 0, last = 0;
      for (int step = 0; step < 60; ++step) {
        Tape tape;
        const LossResult r = training.run(test::one_thread(precision, &tape));
        tape.backward();
        last = r.main.sum / r.main.weight;
        if (step == 0) first = last;
        for (Param* p : training.model->params()) {
          if (p->group == ParamGroup::buffer) continue;
          const float* gradient = p->weight.grad();
          for (int64_t i = 0; i < p->weight.value().size(); ++i) p->weight.value().f32()[i] -= 0.3f * gradient[i];
          p->weight.value().drop_grad();
          p->weight.changed();
        }
      }
      EXPECT_GT(first, 3);
      EXPECT_LT(last, 0.5 * first);
    }
  }
}

TEST(RouterBias, RisesForExpertsThatGotLessThanTheMeanAndFallsForTheOthers) {
  const auto model = make_model(test::tiny_deepseek(true));
  const MoeParams& moe = model->blocks[1].moe;
  const std::vector<float> before(moe.correction_bias.weight.value().f32(),
                                  moe.correction_bias.weight.value().f32() + 8);
  const ExpertLoad load = {{0, 4, 4, 4, 4, 4, 4, 8},
                           std::vector<int64_t>(8, 0)};  // mean 4; the other layer saw nothing
  EXPECT_DOUBLE_EQ(update_router_bias(*model, load, 0.01f), 2.0);
  const float* after = moe.correction_bias.weight.value().f32();
  EXPECT_FLOAT_EQ(after[0], before[0] + 0.01f);
  for (size_t e = 1; e < 7; ++e) EXPECT_EQ(after[e], before[e]);
  EXPECT_FLOAT_EQ(after[7], before[7] - 0.01f);
  EXPECT_EQ(update_router_bias(*model, {}, 0.01f), 1.0);
}

TEST(RouterBias, MovesTheLoadTowardsBalance) {
  Training training(test::tiny_deepseek(true), {100, 120});
  double first = 0, last = 0;
  for (int step = 0; step < 150; ++step) {
    const ExpertLoad load = training.run(test::one_thread(Precision::f32)).expert_load;  // the weights stay as they are
    last = update_router_bias(*training.model, load, 0.005f);
    if (step == 0) first = last;
  }
  EXPECT_GT(first, 1.5);
  EXPECT_LT(last, 1 + 0.5 * (first - 1));
}

// Every layer with experts, the MTP layer's too, counts each token top_k times.
TEST(RouterBias, LoadOfEveryLayerIsReturned) {
  Training training(test::tiny_deepseek(true));
  const LossResult result = training.run(test::one_thread(Precision::f32));
  const ForwardResult once = forward(test::one_thread(Precision::f32), *training.model, training.batch);
  ASSERT_EQ(result.expert_load.size(), 3u);
  ASSERT_EQ(once.expert_load.size(), 2u);
  for (size_t layer = 0; layer < 2; ++layer) EXPECT_EQ(once.expert_load[layer], result.expert_load[layer]);
  for (const auto& load : result.expert_load) EXPECT_EQ(std::accumulate(load.begin(), load.end(), int64_t{0}), 19 * 3);
  ExpertLoad total;
  add_load(total, once.expert_load);
  add_load(total, result.expert_load);
  ASSERT_EQ(total.size(), 3u);
  for (size_t e = 0; e < 8; ++e) {
    EXPECT_EQ(total[0][e], 2 * once.expert_load[0][e]);
    EXPECT_EQ(total[2][e], result.expert_load[2][e]);
  }
}

// A policy's weights have both signs: a negative one pushes the other way, and the balance loss keeps its own sign.
TEST(Loss, TakesNegativeWeights) {
  Training up(test::tiny_deepseek(true)), down(test::tiny_deepseek(true));
  up.options.balance_weight = down.options.balance_weight = 0;
  for (float& w : down.weights) w = -w;
  up.backward(test::one_thread(Precision::f32));
  down.backward(test::one_thread(Precision::f32));
  const ParamList a = up.model->params(), b = down.model->params();
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i]->group == ParamGroup::buffer) continue;
    const auto size = static_cast<size_t>(a[i]->weight.value().size());
    std::vector<double> expected = test::doubles({a[i]->weight.grad(), size});
    for (double& g : expected) g = -g;
    EXPECT_LE(test::relative_error({b[i]->weight.grad(), size}, expected), 1e-5) << a[i]->name;
  }
}

}  // namespace
}  // namespace hadal
