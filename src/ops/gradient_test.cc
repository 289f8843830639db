// Every backward against central differences of its own forward, walked from the op list.
//
// loss = sum(out * r) with fixed random r, in double over f32 outputs. The derivative is taken with the four-point
// stencil (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h. Accepted: |difference| <= 2e-3 * (|numeric| + the root mean
// square of the operand's gradient). Gradients start at 0.5, not 0: an op that overwrites instead of adding is found.
#include <functional>
#include <memory>
#include <set>

#include "ops/testing/op_list.h"
#include "ops/testing/test_support.h"

namespace hadal {
namespace {

using test::random_tensor;

struct Operand {
  std::string name;
  Tensor value;
};

struct GradientCase {
  std::string op, name;
  std::vector<Operand> operands = {};
  std::vector<std::shared_ptr<Weight>> weights = {};
  std::function<double(const Context&)> loss = {};  // with a tape: seeds the gradient of the output too
  float step = 2e-2f;
  uint64_t samples = 50;  // elements looked at in each operand, all when it has no more
  uint64_t next_seed = 1;

  Tensor tensor(const std::string& operand, Shape shape, float scale = 1) {
    operands.push_back({operand, random_tensor(std::move(shape), next_seed++, scale)});
    return operands.back().value;
  }
  std::shared_ptr<Weight> weight(const std::string& operand, Shape shape, float scale = 0.5f) {
    weights.push_back(std::make_shared<Weight>(tensor(operand, std::move(shape), scale)));
    return weights.back();
  }
};

double random_sum(const Context& ctx, const Tensor& out, uint64_t seed = 77) {
  Rng rng(seed);
  double sum = 0;
  for (int64_t i = 0; i < out.size(); ++i) {
    const float r = rng.normal();
    sum += double{out.f32()[i]} * r;
    if (ctx.tape != nullptr) out.grad()[i] += r;
  }
  return sum;
}

GradientCase embedding_case() {
  GradientCase c{.op = "embedding", .name = "repeated ids"};
  auto table = c.weight("table", {11, 5});
  c.loss = [=](const Context& ctx) {
    const std::vector<int32_t> ids = {3, 0, 10, 3, 3, 7};
    return random_sum(ctx, embedding(ctx, *table, ids));
  };
  return c;
}

GradientCase linear_case(int64_t rows, bool with_bias) {
  GradientCase c{.op = "linear", .name = std::to_string(rows) + (with_bias ? " rows, bias" : " rows")};
  auto x = c.tensor("x", {rows, 19});
  auto w = c.weight("w", {13, 19});
  auto bias = with_bias ? c.weight("bias", {13}) : nullptr;
  c.loss = [=](const Context& ctx) { return random_sum(ctx, linear(ctx, x, *w, bias.get())); };
  return c;
}

GradientCase linears_case() {
  GradientCase c{.op = "linears", .name = "two, one with a bias"};
  auto x = c.tensor("x", {7, 19});
  auto a = c.weight("a", {13, 19}), b = c.weight("b", {4, 19}), bias = c.weight("bias", {4});
  c.loss = [=](const Context& ctx) {
    const Weight* ws[] = {a.get(), b.get()};
    const Weight* biases[] = {nullptr, bias.get()};
    const auto ys = linears(ctx, x, ws, biases);
    return random_sum(ctx, ys[0], 5) + random_sum(ctx, ys[1], 6);
  };
  return c;
}

GradientCase head_linear_case(bool transposed) {
  GradientCase c{.op = "head_linear", .name = transposed ? "transposed" : "plain"};
  auto x = c.tensor("x", {7, 3 * (transposed ? 4 : 9)});
  auto w = c.weight("w", {3 * 6, 9});
  c.loss = [=](const Context& ctx) {
    return random_sum(ctx, head_linear(ctx, x, *w, {.heads = 3, .first = 2, .count = 4, .transposed = transposed}));
  };
  return c;
}

GradientCase rms_norm_case(int64_t rows, int64_t heads) {
  GradientCase c{.op = "rms_norm", .name = std::to_string(rows) + " rows of " + std::to_string(heads) + " heads"};
  auto x = c.tensor("x", {rows, heads * 21});
  auto w = c.weight("weight", {21}, 1);
  c.loss = [=](const Context& ctx) { return random_sum(ctx, rms_norm(ctx, x, *w, 1e-5f)); };
  return c;
}

GradientCase layer_norm_case(int64_t rows) {
  GradientCase c{.op = "layer_norm", .name = std::to_string(rows) + " rows"};
  auto x = c.tensor("x", {rows, 21});
  auto w = c.weight("weight", {21}, 1), b = c.weight("bias", {21}, 1);
  c.loss = [=](const Context& ctx) { return random_sum(ctx, layer_norm(ctx, x, *w, *b, 1e-5f)); };
  return c;
}

GradientCase gelu_case() {
  GradientCase c{.op = "gelu", .name = "both sides of 0"};
  auto x = c.tensor("x", {7, 23}, 2);
  c.loss = [=](const Context& ctx) { return random_sum(ctx, gelu(ctx, x)); };
  return c;
}

GradientCase transpose_groups_case(int64_t groups) {
  GradientCase c{.op = "transpose_groups", .name = std::to_string(groups) + " groups"};
  auto x = c.tensor("x", {groups * 3, 5});
  c.loss = [=](const Context& ctx) { return random_sum(ctx, transpose_groups(ctx, x, 3)); };
  return c;
}

// Groups of which one has a missing target, one equal targets, and one a single target.
using GroupLossOp = GroupLoss (*)(const Context&, const Tensor&, std::span<const float>, std::span<const int32_t>,
                                  float);
GradientCase group_loss_case(const std::string& name, GroupLossOp op) {
  GradientCase c{.op = name, .name = "groups with and without a loss"};
  auto scores = c.tensor("scores", {17, 1});
  c.loss = [=](const Context& ctx) {
    std::vector<float> targets;
    for (int i = 0; i < 17; ++i) targets.push_back(static_cast<float>(i * i * 7 % 17) / 17);
    targets[3] = NAN;
    targets[7] = targets[8] = targets[9] = 0.5f;
    const std::vector<int32_t> offsets = {0, 7, 10, 11, 17};
    const GroupLoss loss = op(ctx, scores, targets, offsets, 3);
    EXPECT_EQ(loss.groups, 2);
    return 3 * loss.mean;
  };
  return c;
}

GradientCase add_case(bool twice) {
  GradientCase c{.op = "add", .name = twice ? "to itself" : "two"};
  auto a = c.tensor("a", {7, 5});
  auto b = twice ? a : c.tensor("b", {7, 5});
  c.loss = [=](const Context& ctx) { return random_sum(ctx, add(ctx, a, b)); };
  return c;
}

GradientCase swiglu_case() {
  GradientCase c{.op = "swiglu", .name = "odd width"};
  auto gate = c.tensor("gate", {7, 23}, 2);
  auto up = c.tensor("up", {7, 23});
  c.loss = [=](const Context& ctx) { return random_sum(ctx, swiglu(ctx, gate, up)); };
  return c;
}

GradientCase columns_case() {
  GradientCase c{.op = "columns", .name = "overlapping ranges"};
  auto x = c.tensor("x", {7, 2 * 9});
  c.loss = [=](const Context& ctx) {
    return random_sum(ctx, columns(ctx, x, 1, 2, 5), 5) + random_sum(ctx, columns(ctx, x, 2, 4, 5), 6);
  };
  return c;
}

GradientCase gather_rows_case() {
  GradientCase c{.op = "gather_rows", .name = "repeated rows"};
  auto x = c.tensor("x", {7, 5});
  c.loss = [=](const Context& ctx) {
    const std::vector<int64_t> rows = {6, 0, 6, 3};
    return random_sum(ctx, gather_rows(ctx, x, rows));
  };
  return c;
}

GradientCase concat_case(bool b_shared) {
  GradientCase c{.op = "concat", .name = b_shared ? "shared" : "head by head"};
  auto a = c.tensor("a", {7, 3 * 4});
  auto b = c.tensor("b", {7, b_shared ? 5 : 3 * 5});
  c.loss = [=](const Context& ctx) { return random_sum(ctx, concat(ctx, a, b, 3, b_shared)); };
  return c;
}

GradientCase rope_case(bool interleaved) {
  GradientCase c{.op = "rope", .name = interleaved ? "neighbouring pairs" : "halves"};
  auto x = c.tensor("x", {5, 3 * 10});
  c.loss = [=](const Context& ctx) {
    const Rope angles{.inv_freq = {1.0f, 0.3f, 0.07f}, .attention_factor = 1.3f, .interleaved = interleaved};
    const std::vector<int32_t> positions = {0, 1, 2, 0, 90};
    return random_sum(ctx, rope(ctx, x, 3, angles, positions));
  };
  return c;
}

GradientCase attention_case(const std::string& name, AttentionShape shape, std::vector<int32_t> offsets) {
  GradientCase c{.op = "attention", .name = name};
  shape.scale = 1 / std::sqrt(static_cast<float>(shape.k_dim));
  auto q = c.tensor("q", {offsets.back(), shape.heads * shape.k_dim});
  auto k = c.tensor("k", {offsets.back(), shape.kv_heads * shape.k_dim});
  auto v = c.tensor("v", {offsets.back(), shape.kv_heads * shape.v_dim});
  c.loss = [=](const Context& ctx) { return random_sum(ctx, attention(ctx, shape, q, k, v, offsets)); };
  return c;
}

GradientCase route_case(const std::string& name, RouterOptions options, bool with_bias, float balance_weight) {
  GradientCase c{.op = "route", .name = name, .step = 4e-3f};
  auto logits = c.tensor("logits", {7, options.experts});
  auto chosen = std::make_shared<std::vector<int32_t>>();
  c.loss = [=](const Context& ctx) {
    const std::vector<int32_t> offsets = {0, 3, 7};
    const Weight bias(Tensor::from({8}, std::vector<float>{0.1f, -0.2f, 0.05f, 0.3f, -0.1f, 0, 0.02f, -0.3f}));
    double balance = 0;
    const Routing routing = route(ctx, logits, with_bias ? &bias : nullptr, options, offsets, balance_weight, &balance);
    if (chosen->empty()) *chosen = routing.experts;
    EXPECT_EQ(*chosen, routing.experts) << "the case stands too near to a change of experts";
    return random_sum(ctx, routing.weights) + balance_weight * balance;
  };
  return c;
}

// Sigmoids that underflow to 0 (the first rows), or to sums near the least one that scores are divided by.
GradientCase saturated_route_case(RouterOptions options) {
  GradientCase c = route_case("V3 with sigmoids near 0, and balance", options, true, 0.7f);
  c.step = 1e-2f;  // above the rounding of numbers near 45
  Tensor logits = c.operands[0].value;
  for (int64_t t = 0; t < 4; ++t)
    for (int64_t e = 0; e < logits.cols(); ++e) logits.row(t)[e] -= t < 2 ? 200.0f : 45.0f;
  return c;
}

GradientCase experts_case(int64_t rows) {
  GradientCase c{.op = "experts", .name = std::to_string(rows) + " rows"};
  const int64_t num_experts = 5, top_k = 2;
  auto x = c.tensor("x", {rows, 11});
  auto gate = c.weight("gate", {num_experts, 7, 11});
  auto up = c.weight("up", {num_experts, 7, 11});
  auto down = c.weight("down", {num_experts, 11, 7});
  Routing routing;
  routing.weights = c.tensor("weights", {rows, top_k});
  routing.load.assign(static_cast<size_t>(num_experts), 0);
  for (int64_t i = 0; i < rows * top_k; ++i) {  // expert 4 gets nothing
    const auto e = static_cast<int32_t>((i * i + i / 3) % 2 + 2 * (i % 2));
    routing.experts.push_back(e);
    ++routing.load[static_cast<size_t>(e)];
  }
  c.loss = [=](const Context& ctx) { return random_sum(ctx, experts(ctx, x, routing, *gate, *up, *down)); };
  return c;
}

GradientCase cross_entropy_case(int64_t rows, int64_t vocab, bool negative = false) {
  GradientCase c{.op = "linear_cross_entropy",
                 .name = std::to_string(rows) + " rows, vocabulary " + std::to_string(vocab) +
                         (negative ? ", weights of both signs, temperature 0.7" : "")};
  auto x = c.tensor("x", {rows, 13});
  auto head = c.weight("head", {vocab, 13});
  c.loss = [=](const Context& ctx) {
    std::vector<int32_t> targets;
    std::vector<float> weights;
    for (int64_t t = 0; t < rows; ++t) {
      targets.push_back(static_cast<int32_t>((t * 17 + 5) % vocab));
      weights.push_back(t % 4 == 2 ? 0 : 0.5f + 0.25f * static_cast<float>(t % 3));
      if (negative && t % 2 == 1) weights.back() *= -1;
    }
    return 0.25 * linear_cross_entropy(ctx, x, *head, targets, weights, 0.25f, negative ? 0.7f : 1.0f).sum;
  };
  return c;
}

GradientCase exp_case() {
  GradientCase c{.op = "exp", .name = "around 0"};
  auto x = c.tensor("x", {7, 3});
  c.loss = [=](const Context& ctx) { return random_sum(ctx, exp(ctx, x)); };
  return c;
}

GradientCase multiply_case(bool square) {
  GradientCase c{.op = "multiply", .name = square ? "with itself" : "two"};
  auto a = c.tensor("a", {7, 3});
  auto b = square ? a : c.tensor("b", {7, 3});
  c.loss = [=](const Context& ctx) { return random_sum(ctx, multiply(ctx, a, b)); };
  return c;
}

// No number stands within two steps of where the function bends.
GradientCase minimum_case() {
  GradientCase c{.op = "minimum", .name = "either"};
  auto a = c.tensor("a", {7, 3}), b = c.tensor("b", {7, 3});
  for (int64_t i = 0; i < a.size(); ++i)
    if (std::abs(a.f32()[i] - b.f32()[i]) < 0.1f) a.f32()[i] += 0.5f;
  c.loss = [=](const Context& ctx) { return random_sum(ctx, minimum(ctx, a, b)); };
  return c;
}

GradientCase clip_case() {
  GradientCase c{.op = "clip", .name = "below, within and above"};
  auto x = c.tensor("x", {7, 3});
  for (float& v : x.values())
    if (std::abs(std::abs(v) - 0.8f) < 0.1f) v *= 0.5f;
  c.loss = [=](const Context& ctx) { return random_sum(ctx, clip(ctx, x, -0.8f, 0.8f)); };
  return c;
}

GradientCase log_softmax_case(float temperature) {
  GradientCase c{.op = "log_softmax", .name = "temperature " + std::to_string(temperature)};
  auto x = c.tensor("x", {5, 11}, 2);
  c.loss = [=](const Context& ctx) { return random_sum(ctx, log_softmax(ctx, x, temperature)); };
  return c;
}

std::vector<int32_t> some_targets(int64_t rows, int64_t vocab) {
  std::vector<int32_t> targets;
  for (int64_t t = 0; t < rows; ++t) targets.push_back(static_cast<int32_t>((t * 17 + 5) % vocab));
  return targets;
}

GradientCase token_log_probs_case(int64_t rows, int64_t vocab, float temperature) {
  GradientCase c{.op = "token_log_probs",
                 .name = std::to_string(rows) + " rows, temperature " + std::to_string(temperature)};
  auto x = c.tensor("x", {rows, 13});
  auto head = c.weight("head", {vocab, 13});
  c.loss = [=](const Context& ctx) {
    std::vector<int32_t> targets = some_targets(rows, vocab);
    for (size_t t = 3; t < targets.size(); t += 4) targets[t] = -1;
    return random_sum(ctx, token_log_probs(ctx, x, *head, targets, temperature));
  };
  return c;
}

GradientCase weighted_sum_case() {
  GradientCase c{.op = "weighted_sum", .name = "weights of both signs"};
  auto x = c.tensor("x", {7});
  c.loss = [=](const Context& ctx) {
    const std::vector<float> weights = {1, -2, 0, 0.5f, -0.25f, 3, 1};
    return 0.5 * weighted_sum(ctx, x, weights, 0.5f);
  };
  return c;
}

// -min(ratio * A, clip(ratio) * A) of proximal policy optimization (Schulman et al. 2017), from hidden states.
GradientCase policy_case() {
  GradientCase c{.op = "token_log_probs", .name = "a clipped policy loss"};
  auto x = c.tensor("x", {9, 13});
  auto head = c.weight("head", {29, 13});
  // Minus the old log-probabilities: ratios within the bounds, below and above them.
  const std::vector<float> ratios = {1.1f, 0.9f, 0.5f, 0.5f, 2, 2, 1, 0.6f, 1.2f};
  const Tensor old({9}), now = token_log_probs(test::one_thread(Precision::f32), x, *head, some_targets(9, 29), 0.8f);
  for (int64_t t = 0; t < 9; ++t) old.f32()[t] = std::log(ratios[static_cast<size_t>(t)]) - now.f32()[t];
  const Tensor advantage = Tensor::from({9}, std::vector<float>{1, -1, 0.5f, -0.5f, 2, 1, -1, -2, 1});
  c.step = 4e-3f;
  c.loss = [=](const Context& ctx) {
    const Tensor ratio = exp(ctx, add(ctx, token_log_probs(ctx, x, *head, some_targets(9, 29), 0.8f), old));
    const Tensor loss =
        minimum(ctx, multiply(ctx, ratio, advantage), multiply(ctx, clip(ctx, ratio, 0.8f, 1.28f), advantage));
    return weighted_sum(ctx, loss, std::vector<float>(9, -1.0f / 9), 1);
  };
  return c;
}

GradientCase mean_squared_error_case() {
  GradientCase c{.op = "mean_squared_error", .name = "scaled"};
  auto x = c.tensor("x", {7, 3});
  auto target = random_tensor({7, 3}, 99);
  c.loss = [=](const Context& ctx) { return 3 * mean_squared_error(ctx, x, target, 3); };
  return c;
}

std::vector<GradientCase> all_cases() {
  const RouterOptions v3{.experts = 8, .top_k = 3, .groups = 4, .top_groups = 2, .scale = 2.5f};
  const RouterOptions v2{.experts = 8,
                         .top_k = 3,
                         .sigmoid = false,
                         .groups = 2,
                         .top_groups = 1,
                         .group_by_top2 = false,
                         .normalise = false,
                         .scale = 1.5f};
  RouterOptions v2_normalised = v2;
  v2_normalised.normalise = true;
  std::vector<GradientCase> cases = {
      embedding_case(),
      linear_case(7, false),
      linear_case(37, true),
      linears_case(),
      head_linear_case(false),
      head_linear_case(true),
      rms_norm_case(7, 1),
      rms_norm_case(150, 3),
      layer_norm_case(7),
      layer_norm_case(300),
      add_case(false),
      add_case(true),
      swiglu_case(),
      gelu_case(),
      transpose_groups_case(4),
      transpose_groups_case(1),
      columns_case(),
      gather_rows_case(),
      concat_case(false),
      concat_case(true),
      rope_case(true),
      rope_case(false),
      attention_case("every head its own", {.heads = 3, .kv_heads = 3, .k_dim = 5, .v_dim = 5}, {0, 3, 7}),
      attention_case("grouped", {.heads = 4, .kv_heads = 2, .k_dim = 6, .v_dim = 6}, {0, 1, 7}),
      attention_case("one latent head", {.heads = 3, .kv_heads = 1, .k_dim = 9, .v_dim = 7}, {0, 4, 7}),
      attention_case("long", {.heads = 2, .kv_heads = 1, .k_dim = 5, .v_dim = 3}, {0, 150, 170}),
      route_case("V3", v3, true, 0),
      route_case("V3 and balance", v3, false, 0.7f),
      route_case("V2", v2, false, 0),
      route_case("V2 normalised and balance", v2_normalised, false, 0.7f),
      saturated_route_case(v3),
      experts_case(7),
      experts_case(45),
      cross_entropy_case(7, 29),
      cross_entropy_case(70, 300),
      cross_entropy_case(7, 29, true),
      exp_case(),
      multiply_case(false),
      multiply_case(true),
      minimum_case(),
      clip_case(),
      log_softmax_case(1),
      log_softmax_case(0.6f),
      token_log_probs_case(7, 29, 1),
      token_log_probs_case(70, 300, 0.7f),
      policy_case(),
      weighted_sum_case(),
      group_loss_case("rank_loss", rank_loss),
      group_loss_case("correlation_loss", correlation_loss),
      mean_squared_error_case()};
  for (GradientCase& c : cases)
    if (c.operands[0].value.rows() > 60) c.samples = 8;
  return cases;
}

// The tape's gradients of every operand, minus the 0.5 they start with.
std::vector<std::vector<float>> tape_gradients(const GradientCase& c, Context ctx) {
  Tape tape;
  ctx.tape = &tape;
  for (const auto& w : c.weights) w->drop_packed();  // made for another level, perhaps
  for (const Operand& o : c.operands) {
    o.value.drop_grad();
    std::fill_n(o.value.grad(), o.value.size(), 0.5f);
  }
  c.loss(ctx);
  tape.backward();
  std::vector<std::vector<float>> result;
  for (const Operand& o : c.operands) {
    result.emplace_back(o.value.grad(), o.value.grad() + o.value.size());
    for (float& g : result.back()) g -= 0.5f;
    o.value.drop_grad();
  }
  return result;
}

double loss_at(const GradientCase& c, float* element, float value) {
  const float before = *element;
  *element = value;
  for (const auto& w : c.weights) w->changed();
  const double loss = c.loss(test::one_thread(Precision::f32));
  *element = before;
  for (const auto& w : c.weights) w->changed();
  return loss;
}

double numeric_derivative(const GradientCase& c, float* element) {
  const float x = *element, h = c.step;
  const double near = loss_at(c, element, x + h) - loss_at(c, element, x - h);
  const double far = loss_at(c, element, x + 2 * h) - loss_at(c, element, x - 2 * h);
  return (8 * near - far) / (12.0 * h);
}

double root_mean_square(std::span<const float> x) {
  double sum = 0;
  for (float v : x) sum += double{v} * v;
  return std::sqrt(sum / static_cast<double>(std::max<size_t>(1, x.size())));
}

void check_case(const GradientCase& c) {
  const auto gradients = tape_gradients(c, test::one_thread(Precision::f32));
  for (size_t o = 0; o < c.operands.size(); ++o) {
    const double typical = root_mean_square(gradients[o]);
    EXPECT_GT(typical, 0) << c.operands[o].name;
    const auto size = static_cast<uint64_t>(c.operands[o].value.size());
    Rng rng(o);
    for (uint64_t sample = 0; sample < std::min(c.samples, size); ++sample) {
      const uint64_t i = size <= c.samples ? sample : rng.below(size);
      const double numeric = numeric_derivative(c, c.operands[o].value.f32() + i);
      ASSERT_NEAR(gradients[o][i], numeric, 2e-3 * (std::abs(numeric) + typical))
          << c.operands[o].name << " element " << i;
    }
  }
}

TEST(Gradient, EveryDifferentiableOpHasACaseAndEveryCaseAnOp) {
  std::set<std::string> cases, ops;
  for (const GradientCase& c : all_cases()) cases.insert(c.op);
  for (const OpInfo& op : op_list())
    if (op.kind == OpKind::differentiable) ops.insert(std::string(op.name));
  EXPECT_EQ(cases, ops);
}

TEST(Gradient, EqualsCentralDifferences) {
  test::at_every_level([] {
    for (const GradientCase& c : all_cases()) {
      SCOPED_TRACE(c.op + ": " + c.name);
      check_case(c);
    }
  });
}

// bf16 rounds operands to 8 bits of mantissa; the gradient as a whole then lies within 3 % of f32's.
TEST(Gradient, InBf16StaysNearF32) {
  test::at_every_level([] {
    for (const GradientCase& c : all_cases()) {
      SCOPED_TRACE(c.op + ": " + c.name);
      const auto exact = tape_gradients(c, test::one_thread(Precision::f32)),
                 rounded = tape_gradients(c, test::one_thread(Precision::bf16));
      for (size_t o = 0; o < exact.size(); ++o) {
        std::vector<float> difference(exact[o].size());
        for (size_t i = 0; i < difference.size(); ++i) difference[i] = exact[o][i] - rounded[o][i];
        EXPECT_LE(root_mean_square(difference), 0.03 * root_mean_square(exact[o])) << c.operands[o].name;
      }
    }
  });
}

TEST(Gradient, IsTheSameOnAnyNumberOfThreads) {
  ThreadPool one(1), two(2), three(3);
  for (const GradientCase& c : all_cases()) {
    SCOPED_TRACE(c.op + ": " + c.name);
    for (Precision precision : test::kPrecisions) {
      const auto wanted = tape_gradients(c, {.precision = precision, .pool = &one});
      EXPECT_EQ(wanted, tape_gradients(c, {.precision = precision, .pool = &two}));
      EXPECT_EQ(wanted, tape_gradients(c, {.precision = precision, .pool = &three}));
    }
  }
}

TEST(Gradient, AFrozenWeightGetsNone) {
  for (const GradientCase& c : all_cases()) {
    SCOPED_TRACE(c.op + ": " + c.name);
    for (const auto& w : c.weights) w->frozen = true;
    const auto gradients = tape_gradients(c, test::one_thread(Precision::f32));
    for (size_t o = 0; o < c.operands.size(); ++o)
      for (const auto& w : c.weights) {
        if (w->value().f32() == c.operands[o].value.f32()) {
          EXPECT_EQ(root_mean_square(gradients[o]), 0) << c.operands[o].name;
        }
      }
    for (const auto& w : c.weights) w->frozen = false;
  }
}

TEST(Gradient, NothingIsRecordedWithoutATape) {
  for (const GradientCase& c : all_cases()) {
    c.loss(test::one_thread(Precision::f32));
    for (const Operand& o : c.operands) EXPECT_FALSE(o.value.has_grad()) << c.op << ": " << o.name;
  }
}

}  // namespace
}  // namespace hadal
