// Log-probabilities: against their definition, and the same bits wherever they are asked.
#include "ops/logits.h"

#include <numeric>

#include "ops/testing/plain_reference.h"
#include "ops/testing/test_support.h"

namespace hadal {
namespace {

using test::doubles;
using test::random_tensor;

constexpr int64_t kRows = 37, kHidden = 21, kVocab = 333;

struct Sample {
  Weight head{random_tensor({kVocab, kHidden}, 1)};
  Tensor x = random_tensor({kRows, kHidden}, 2);
  std::vector<int32_t> targets;
  Sample() {
    for (int32_t t = 0; t < kRows; ++t) targets.push_back(t * 31 % static_cast<int32_t>(kVocab));
  }
};

TEST(LogSoftmax, IsTheDefinitionAtAnyTemperature) {
  test::at_every_level([] {
    const Tensor x = random_tensor({5, 97}, 1, 4);
    for (float temperature : {1.0f, 0.3f, 1.7f}) {
      const Tensor y = log_softmax(test::one_thread(Precision::f32), x, temperature);
      for (int64_t r = 0; r < 5; ++r) {
        auto row = doubles({x.row(r), 97});
        for (double& v : row) v /= temperature;
        const auto wanted = plain::softmax(row);
        for (size_t i = 0; i < 97; ++i) EXPECT_NEAR(y.row(r)[i], std::log(wanted[i]), 1e-5 * (1 - std::log(wanted[i])));
      }
    }
  });
}

TEST(LogSoftmax, StandsFarLogitsAndForbiddenOnes) {
  const std::vector<float> logits = {1000, 999, -1000, -INFINITY};
  const LogSoftmax log = log_softmax_of(logits);
  EXPECT_NEAR(log(1000), -std::log1p(std::exp(-1)), 1e-6);
  EXPECT_NEAR(log(-1000), -2000.3133, 1e-3);
  EXPECT_EQ(log(-INFINITY), -INFINITY);
}

TEST(Argmax, IsTheFirstOfTheLargest) {
  const Tensor x = Tensor::from({3, 4}, std::vector<float>{0, 2, 2, 1, -1, -2, -3, -1, 5, 5, 5, 5});
  EXPECT_EQ(argmax(test::one_thread(Precision::f32), x), (std::vector<int32_t>{1, 0, 0}));
}

// A row of the engine's logits, the trainer's log-probabilities, and the trainer's loss.
TEST(TokenLogProbs, HaveTheBitsOfLogitsAndOfTheLoss) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const Sample s;
    const Tensor logits = linear(ctx, s.x, s.head);
    for (float temperature : {1.0f, 0.7f}) {
      const Tensor found = token_log_probs(ctx, s.x, s.head, s.targets, temperature);
      const Tensor all = log_softmax(ctx, logits, temperature);
      for (int64_t t = 0; t < kRows; ++t) {
        const int32_t target = s.targets[static_cast<size_t>(t)];
        const std::span<const float> row(logits.row(t), static_cast<size_t>(kVocab));
        ASSERT_EQ(found.f32()[t], log_softmax_of(row, temperature)(row[static_cast<size_t>(target)]));
        ASSERT_EQ(found.f32()[t], all.row(t)[target]);
        std::vector<float> only(static_cast<size_t>(kRows));
        only[static_cast<size_t>(t)] = 1;
        const CrossEntropy loss = linear_cross_entropy(ctx, s.x, s.head, s.targets, only, 1, temperature);
        ASSERT_EQ(-found.f32()[t], static_cast<float>(loss.sum));
      }
    }
  });
}

// d(sum of weights * log-probability) is that of the cross entropy with the weights' signs turned, bit for bit, though
// the logits are made twice.
TEST(TokenLogProbs, HaveTheGradientOfTheLoss) {
  test::at_every_level_and_precision([](Context ctx) {
    Tape tape;
    ctx.tape = &tape;
    for (float temperature : {1.0f, 0.7f}) {
      const Sample a, b;
      std::vector<float> weights, turned;
      for (int64_t t = 0; t < kRows; ++t) {
        weights.push_back(t % 5 == 3 ? 0 : static_cast<float>(t % 3) - 1.5f);
        turned.push_back(-weights.back());
      }
      linear_cross_entropy(ctx, a.x, a.head, a.targets, weights, 0.25f, temperature);
      tape.backward();
      weighted_sum(ctx, token_log_probs(ctx, b.x, b.head, b.targets, temperature), turned, 0.25f);
      tape.backward();
      EXPECT_TRUE(test::same_bits(a.x.grad(), b.x.grad(), a.x.size()));
      EXPECT_TRUE(test::same_bits(a.head.grad(), b.head.grad(), kVocab * kHidden));
    }
  });
}

TEST(TokenLogProbs, OfATokenDoNotDependOnTheOthers) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const Sample s;
    const Tensor whole = token_log_probs(ctx, s.x, s.head, s.targets, 0.9f);
    for (int64_t t = 0; t < kRows; ++t) {
      const auto target = std::span(s.targets).subspan(static_cast<size_t>(t), 1);
      ASSERT_EQ(whole.f32()[t], token_log_probs(ctx, test::rows_of(s.x, t, t + 1), s.head, target, 0.9f).f32()[0]);
    }
    std::vector<int32_t> some = s.targets;
    for (size_t t = 0; t < some.size(); t += 2) some[t] = -1;
    const Tensor half = token_log_probs(ctx, s.x, s.head, some, 0.9f);
    for (int64_t t = 0; t < kRows; ++t) ASSERT_EQ(half.f32()[t], t % 2 == 0 ? 0 : whole.f32()[t]);
  });
}

// More rows than have logits at the same time.
TEST(TokenLogProbs, OfManyRowsAreThoseOfFew) {
  const Context ctx = test::one_thread(Precision::bf16);
  const Weight head(random_tensor({17, 8}, 1));
  const Tensor x = random_tensor({1100, 8}, 2);
  std::vector<int32_t> targets;
  for (int32_t t = 0; t < 1100; ++t) targets.push_back(t % 17);
  const Tensor all = token_log_probs(ctx, x, head, targets), logits = log_softmax(ctx, linear(ctx, x, head));
  for (int64_t t = 0; t < 1100; ++t) ASSERT_EQ(all.f32()[t], logits.row(t)[t % 17]);
}

// Advantages: what is weighted negatively counts in `used` and `correct`, and with its sign in the sums.
TEST(CrossEntropy, TakesNegativeWeights) {
  const Context ctx = test::one_thread(Precision::f32);
  const Sample s;
  const std::vector<int32_t> best = argmax(ctx, linear(ctx, s.x, s.head));
  std::vector<float> positive(static_cast<size_t>(kRows)), negative(positive), both(positive);
  for (size_t t = 0; t < both.size(); ++t) {
    if (t % 3 == 0) both[t] = positive[t] = 0.5f;
    if (t % 3 == 1) both[t] = negative[t] = -2;
  }
  const auto loss = [&](std::span<const float> weights) {
    return linear_cross_entropy(ctx, s.x, s.head, best, weights, 1);
  };
  const CrossEntropy up = loss(positive), down = loss(negative), all = loss(both);
  EXPECT_GT(up.sum, 0);
  EXPECT_LT(down.sum, 0);
  EXPECT_DOUBLE_EQ(all.sum, up.sum + down.sum);
  EXPECT_DOUBLE_EQ(all.weight, 13 * 0.5 - 12 * 2);
  EXPECT_EQ(all.used, 25);
  EXPECT_EQ(all.correct, 25);  // the targets are the best tokens
  EXPECT_EQ(up.used, 13);
  EXPECT_EQ(down.correct, 12);
}

// A step against the gradient of a negative weight makes its target less likely.
TEST(CrossEntropy, PushesTargetsOfNegativeWeightAway) {
  Tape tape;
  const Context ctx = test::one_thread(Precision::f32, &tape), quiet = test::one_thread(Precision::f32);
  const Sample s;
  const std::vector<float> weights(static_cast<size_t>(kRows), -1.0f);
  linear_cross_entropy(ctx, s.x, s.head, s.targets, weights, 1);
  tape.backward();
  Tensor moved(s.x.shape());
  for (int64_t i = 0; i < moved.size(); ++i) moved.f32()[i] = s.x.f32()[i] - 0.01f * s.x.grad()[i];
  const Tensor before = token_log_probs(quiet, s.x, s.head, s.targets),
               after = token_log_probs(quiet, moved, s.head, s.targets);
  for (int64_t t = 0; t < kRows; ++t) EXPECT_LT(after.f32()[t], before.f32()[t]);
}

TEST(Elementwise, OpsAreTheirDefinitions) {
  const Context ctx = test::one_thread(Precision::f32);
  const Tensor a = Tensor::from({4}, std::vector<float>{-1, 0.5f, 2, 3}),
               b = Tensor::from({4}, std::vector<float>{1, 0.25f, 2, 4});
  const auto numbers = [](const Tensor& t) { return std::vector<float>(t.values().begin(), t.values().end()); };
  EXPECT_EQ(numbers(multiply(ctx, a, b)), (std::vector<float>{-1, 0.125f, 4, 12}));
  EXPECT_EQ(numbers(minimum(ctx, a, b)), (std::vector<float>{-1, 0.25f, 2, 3}));
  EXPECT_EQ(numbers(clip(ctx, a, 0, 2)), (std::vector<float>{0, 0.5f, 2, 2}));
  EXPECT_FLOAT_EQ(exp(ctx, a).f32()[0], std::exp(-1.0f));
  EXPECT_DOUBLE_EQ(weighted_sum(ctx, a, std::vector<float>{1, -2, 0, 0.5f}, 1), -0.5);
}

// At equality all of the gradient goes to one operand: a policy that has not moved gets it whole, clipped or not.
TEST(Elementwise, GradientsAtTheEdges) {
  Tape tape;
  const Context ctx = test::one_thread(Precision::f32, &tape);
  const Tensor a = Tensor::from({2}, std::vector<float>{1, 2}), b = Tensor::from({2}, std::vector<float>{1, 2}),
               x = Tensor::from({3}, std::vector<float>{0.8f, 1, 1.2f});
  weighted_sum(ctx, minimum(ctx, a, b), std::vector<float>{1, 1}, 1);
  weighted_sum(ctx, clip(ctx, x, 0.8f, 1.2f), std::vector<float>{1, 1, 1}, 1);
  tape.backward();
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_EQ(a.grad()[i], 1);
    EXPECT_EQ(b.grad()[i], 0);
  }
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(x.grad()[i], 1);
}

}  // namespace
}  // namespace hadal
