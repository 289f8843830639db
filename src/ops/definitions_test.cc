// Every op's forward against its textbook definition in double precision (plain_reference.h): tightly in f32, within
// the rounding of operands to 8 bits of mantissa in bf16. Errors are the largest, by the root mean square of the
// result.
#include "ops/testing/plain_reference.h"
#include "ops/testing/test_support.h"

namespace hadal {
namespace {

using test::doubles;
using test::random_tensor;
using test::relative_error;

double bound(const Context& ctx) { return ctx.precision == Precision::f32 ? 1e-5 : 4e-2; }

TEST(Definition, Embedding) {
  const Weight table(random_tensor({11, 5}, 1));
  const std::vector<int32_t> ids = {10, 0, 3, 3};
  const Tensor y = embedding({}, table, ids);
  ASSERT_EQ(y.shape(), (Shape{4, 5}));
  for (size_t t = 0; t < ids.size(); ++t)
    EXPECT_TRUE(test::same_bits(y.row(static_cast<int64_t>(t)), table.value().row(ids[t]), 5));
}

TEST(Definition, LinearWithBias) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const Weight w(random_tensor({45, 67}, 1)), bias(random_tensor({45}, 2));
    const Tensor x = random_tensor({37, 67}, 3);
    auto wanted = plain::linear(doubles(x), doubles(w.value()), 67, 45);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] += bias.value().f32()[i % 45];
    EXPECT_LE(relative_error(linear(ctx, x, w, &bias).values(), wanted), bound(ctx));
  });
}

// Weights of a loaded model may lie in bf16: the same numbers give the same bits.
TEST(Definition, WeightsStoredInBf16) {
  test::at_every_level_and_precision([](const Context& ctx) {
    Tensor stored({9, 33}, DType::bf16), widened({9, 33});
    Tensor bias_stored({9}, DType::bf16), bias_widened({9});
    auto fill = [](const Tensor& narrow, const Tensor& wide, uint64_t seed) {
      const Tensor values = random_tensor(narrow.shape(), seed);
      for (int64_t i = 0; i < narrow.size(); ++i)
        wide.f32()[i] = static_cast<float>(narrow.bf16()[i] = Bf16(values.f32()[i]));
    };
    fill(stored, widened, 1);
    fill(bias_stored, bias_widened, 2);
    const Weight w(stored), same(widened), bias(bias_stored), same_bias(bias_widened);
    const Tensor x = random_tensor({5, 33}, 3), y9 = random_tensor({5, 9}, 4);
    const std::vector<int32_t> ids = {8, 1, 1};
    test::expect_same_rows(linear(ctx, x, w, &bias), 0, linear(ctx, x, same, &same_bias), "linear");
    test::expect_same_rows(embedding(ctx, w, ids), 0, embedding(ctx, same, ids), "embedding");
    test::expect_same_rows(rms_norm(ctx, y9, bias, 1e-6f), 0, rms_norm(ctx, y9, same_bias, 1e-6f), "rms_norm");
  });
}

TEST(Definition, HeadLinearPlainAndTransposed) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const int64_t heads = 3, per_head = 17, n = 19, first = 4, count = 11, rows = 37;
    const Weight w(random_tensor({heads * per_head, n}, 1));
    for (bool transposed : {false, true}) {
      const int64_t in = transposed ? count : n, out = transposed ? n : count;
      const Tensor x = random_tensor({rows, heads * in}, 2);
      plain::Numbers wanted(plain::at(rows * heads * out));
      for (int64_t t = 0; t < rows; ++t)
        for (int64_t h = 0; h < heads; ++h)
          for (int64_t o = 0; o < out; ++o)
            for (int64_t i = 0; i < in; ++i) {
              const float* head = w.value().row(h * per_head + first);
              wanted[plain::at((t * heads + h) * out + o)] +=
                  double{x.row(t)[h * in + i]} * (transposed ? head[i * n + o] : head[o * n + i]);
            }
      EXPECT_LE(relative_error(head_linear(ctx, x, w, {heads, first, count, transposed}).values(), wanted), bound(ctx));
    }
  });
}

TEST(Definition, RmsNorm) {
  test::at_every_level([] {
    for (int64_t n : {1, 7, 16, 45, 128}) {
      const Weight w(random_tensor({n}, 1));
      const Tensor x = random_tensor({9, 3 * n}, 2, 3);
      EXPECT_LE(
          relative_error(rms_norm({}, x, w, 1e-5f).values(), plain::rms_norm(doubles(x), doubles(w.value()), 1e-5)),
          1e-5)
          << n;
    }
  });
}

TEST(Definition, RmsNormOfZerosIsZero) {
  const Weight w(random_tensor({16}, 1));
  const Tensor y = rms_norm({}, Tensor::zeros({2, 16}), w, 1e-6f);
  for (float v : y.values()) EXPECT_EQ(v, 0);
}

TEST(Definition, LayerNorm) {
  test::at_every_level([] {
    for (int64_t n : {1, 7, 45, 128}) {
      const Weight w(random_tensor({n}, 1)), b(random_tensor({n}, 2));
      const Tensor x = random_tensor({9, n}, 3, 3, 5);
      std::vector<double> wanted;
      for (int64_t r = 0; r < 9; ++r) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < n; ++i) mean += x.row(r)[i] / static_cast<double>(n);
        for (int64_t i = 0; i < n; ++i) variance += std::pow(x.row(r)[i] - mean, 2) / static_cast<double>(n);
        for (int64_t i = 0; i < n; ++i)
          wanted.push_back((x.row(r)[i] - mean) / std::sqrt(variance + 1e-5) * w.value().f32()[i] + b.value().f32()[i]);
      }
      EXPECT_LE(relative_error(layer_norm({}, x, w, b, 1e-5f).values(), wanted), 1e-5) << n;
    }
  });
}

// The approximation lies within 5e-4 of x times the normal distribution function.
TEST(Definition, GeluAlsoFarFromZero) {
  test::at_every_level([] {
    for (const float x : {-200.0f, -9.0f, -3.0f, -0.7f, 0.0f, 0.7f, 3.0f, 9.0f, 200.0f}) {
      const float y = gelu({}, Tensor::from({1, 1}, std::vector<float>{x})).f32()[0];
      EXPECT_NEAR(y, x * 0.5 * std::erfc(-x / std::sqrt(2.0)), 5e-4) << x;
      const double tanh = std::tanh(std::sqrt(2 / 3.14159265358979) * (x + 0.044715 * std::pow(x, 3)));
      EXPECT_NEAR(y, 0.5 * x * (1 + tanh), 1e-5 * std::abs(x) + 1e-9) << x;
    }
  });
}

TEST(Definition, TransposeGroups) {
  const Tensor x = random_tensor({4 * 3, 5}, 1), y = transpose_groups({}, x, 3);
  ASSERT_EQ(y.shape(), (Shape{4 * 5, 3}));
  for (int64_t g = 0; g < 4; ++g)
    for (int64_t r = 0; r < 3; ++r)
      for (int64_t c = 0; c < 5; ++c) EXPECT_EQ(y.row(g * 5 + c)[r], x.row(g * 3 + r)[c]);
}

TEST(Definition, GroupLosses) {
  const Tensor scores = Tensor::from({6, 1}, std::vector<float>{0.5f, 2, -1, 100, 3, 4});
  const std::vector<float> targets = {0, 1, 3, NAN, 7, 7};  // of a group of three and a missing one; of equal ones
  const std::vector<int32_t> offsets = {0, 4, 6};
  const auto pair = [](double better, double worse) { return std::log1p(std::exp(worse - better)); };
  const GroupLoss rank = rank_loss({}, scores, targets, offsets, 1);
  EXPECT_EQ(rank.groups, 1);
  EXPECT_NEAR(rank.mean, (1 * pair(2, 0.5) + 3 * pair(-1, 0.5) + 2 * pair(-1, 2)) / 6, 1e-7);
  const GroupLoss correlation = correlation_loss({}, scores, targets, offsets, 1);
  EXPECT_EQ(correlation.groups, 1);
  // Centred: 0, 1.5, -1.5 and -4/3, -1/3, 5/3.
  EXPECT_NEAR(correlation.mean, 1 + 3 / std::sqrt((4.5 + 3e-6) * (16 + 1 + 25) / 9), 1e-7);
}

TEST(Definition, SwigluAlsoFarFromZero) {
  test::at_every_level([] {
    const Tensor gate = random_tensor({9, 37}, 1, 3), up = random_tensor({9, 37}, 2);
    EXPECT_LE(relative_error(swiglu({}, gate, up).values(), plain::swiglu(doubles(gate), doubles(up))), 1e-5);
    const std::vector<float> far = {-200, -90, -20, 0, 20, 90, 200};
    const Tensor y = swiglu({}, Tensor::from({1, 7}, far), Tensor::from({1, 7}, std::vector<float>(7, 1)));
    const std::vector<double> wanted = {0, 0, -20 * plain::sigmoid(-20), 0, 20, 90, 200};
    for (size_t i = 0; i < 7; ++i) EXPECT_NEAR(y.f32()[i], wanted[i], 1e-5 * std::abs(wanted[i]) + 1e-9) << far[i];
  });
}

TEST(Definition, AddColumnsConcat) {
  const int64_t heads = 3;
  const Tensor a = random_tensor({7, heads * 9}, 1), b = random_tensor({7, heads * 4}, 2),
               shared = random_tensor({7, 4}, 3);
  const Tensor joined = concat({}, a, b, heads), with_shared = concat({}, a, shared, heads, true);
  ASSERT_EQ(joined.shape(), (Shape{7, heads * 13}));
  test::expect_same_rows(columns({}, joined, heads, 0, 9), 0, a, "left part");
  test::expect_same_rows(columns({}, joined, heads, 9, 4), 0, b, "right part");
  for (int64_t h = 0; h < heads; ++h)
    test::expect_same_rows(columns({}, with_shared, 1, h * 13 + 9, 4), 0, shared, "the part of every head");
  const Tensor sum = add({}, joined, with_shared);
  for (int64_t i = 0; i < sum.size(); ++i) EXPECT_EQ(sum.f32()[i], joined.f32()[i] + with_shared.f32()[i]);
}

TEST(Definition, RopeInBothPairings) {
  for (bool interleaved : {true, false}) {
    const Rope angles{.inv_freq = {1.0f, 0.31f, 0.1f, 0.003f}, .attention_factor = 1.2f, .interleaved = interleaved};
    const std::vector<int32_t> positions = {0, 1, 2, 77, 5000, 163000};
    for (int64_t head_dim : {8, 13}) {
      const Tensor x = random_tensor({6, 3 * head_dim}, 1);
      EXPECT_LE(
          relative_error(rope({}, x, 3, angles, positions).values(), plain::rope(doubles(x), 3, angles, positions)),
          1e-5);
    }
  }
}

// What rope is for: products of queries and keys depend on the distance alone.
TEST(Definition, RopeKnowsOnlyDistances) {
  const Rope angles{.inv_freq = {1.0f, 0.2f, 0.04f}};
  const Tensor q = random_tensor({1, 6}, 1), k = random_tensor({1, 6}, 2);
  auto product = [&](int32_t at_q, int32_t at_k) {
    const Tensor a = rope({}, q, 1, angles, {&at_q, 1}), b = rope({}, k, 1, angles, {&at_k, 1});
    double dot = 0;
    for (int64_t i = 0; i < 6; ++i) dot += double{a.f32()[i]} * b.f32()[i];
    return dot;
  };
  EXPECT_NEAR(product(9, 2), product(1007, 1000), 1e-5);
}

void check_attention(const Context& ctx, AttentionShape shape, const std::vector<int32_t>& offsets) {
  shape.scale = 1.3f / std::sqrt(static_cast<float>(shape.k_dim));
  const Tensor q = random_tensor({offsets.back(), shape.heads * shape.k_dim}, 1);
  const Tensor k = random_tensor({offsets.back(), shape.kv_heads * shape.k_dim}, 2);
  const Tensor v = random_tensor({offsets.back(), shape.kv_heads * shape.v_dim}, 3);
  const auto wanted = plain::attention(shape, doubles(q), doubles(k), doubles(v), offsets);
  EXPECT_LE(relative_error(attention(ctx, shape, q, k, v, offsets).values(), wanted), bound(ctx));
}

TEST(Definition, Attention) {
  test::at_every_level_and_precision([](const Context& ctx) {
    check_attention(ctx, {.heads = 3, .kv_heads = 3, .k_dim = 17, .v_dim = 17}, {0, 1, 30, 37});
    check_attention(ctx, {.heads = 6, .kv_heads = 2, .k_dim = 16, .v_dim = 16}, {0, 5, 5, 37});
    check_attention(ctx, {.heads = 4, .kv_heads = 1, .k_dim = 24, .v_dim = 16}, {0, 20, 37});
    check_attention(ctx, {.heads = 2, .kv_heads = 1, .k_dim = 9, .v_dim = 5}, {0, 200, 331});
  });
}

TEST(Definition, AttentionOverLargeScoresStaysFinite) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const Tensor q = random_tensor({20, 8}, 1, 60), k = random_tensor({20, 8}, 2, 60), v = random_tensor({20, 8}, 3);
    const std::vector<int32_t> offsets = {0, 20};
    const Tensor o = attention(ctx, {.heads = 1, .kv_heads = 1, .k_dim = 8, .v_dim = 8}, q, k, v, offsets);
    for (float x : o.values()) ASSERT_TRUE(std::isfinite(x) && std::abs(x) < 10) << x;
  });
}

void check_route(const RouterOptions& options, const std::vector<float>& bias, uint64_t seed) {
  const int64_t rows = 53;
  const Tensor logits = random_tensor({rows, options.experts}, seed, 1.5f);
  const std::vector<int32_t> offsets = {0, 20, 53};
  const float* b = bias.empty() ? nullptr : bias.data();
  const Weight weight = bias.empty() ? Weight() : Weight(Tensor::from({options.experts}, bias));
  const Routing found = route({}, logits, &weight, options, offsets, 0, nullptr);
  ASSERT_EQ(found.weights.shape(), (Shape{rows, options.top_k}));
  ASSERT_EQ(found.experts.size(), static_cast<size_t>(rows * options.top_k));
  std::vector<int64_t> load(static_cast<size_t>(options.experts));
  for (int64_t t = 0; t < rows; ++t) {
    const auto wanted = plain::route(doubles({logits.row(t), static_cast<size_t>(options.experts)}), b, options);
    std::map<int64_t, double> got;
    for (int64_t i = 0; i < options.top_k; ++i)
      got[found.experts[static_cast<size_t>(t * options.top_k + i)]] = found.weights.row(t)[i];
    ASSERT_EQ(got.size(), wanted.size()) << "row " << t << ": an expert twice";
    for (auto [e, w] : wanted) {
      ASSERT_TRUE(got.contains(e)) << "row " << t << " lacks expert " << e;
      EXPECT_NEAR(got[e], w, 1e-5 * (1 + w)) << "row " << t << " expert " << e;
      ++load[static_cast<size_t>(e)];
    }
  }
  EXPECT_EQ(found.load, load);
}

TEST(Definition, RouteAsDeepSeekV3) {
  test::at_every_level([] {
    std::vector<float> bias(16);
    for (size_t e = 0; e < bias.size(); ++e) bias[e] = 0.3f * std::sin(static_cast<float>(e * e));
    check_route({.experts = 16, .top_k = 5, .groups = 4, .top_groups = 2, .scale = 2.5f}, bias, 1);
    check_route({.experts = 16, .top_k = 3, .scale = 1.0f}, {}, 2);
    check_route({.experts = 16, .top_k = 1, .normalise = false}, bias, 3);
    check_route({.experts = 16, .top_k = 16}, bias, 4);
  });
}

TEST(Definition, RouteAsDeepSeekV2) {
  test::at_every_level([] {
    const RouterOptions v2{.experts = 15,
                           .top_k = 4,
                           .sigmoid = false,
                           .groups = 5,
                           .top_groups = 3,
                           .group_by_top2 = false,
                           .normalise = false,
                           .scale = 16.0f};
    check_route(v2, {}, 1);
    RouterOptions lite = v2;
    lite.groups = lite.top_groups = 1;
    check_route(lite, {}, 2);
    lite.normalise = true;
    check_route(lite, {}, 3);
  });
}

// The bias chooses, but does not weigh (DeepSeek-V3, section 2.1.2).
TEST(Definition, RouterBiasOnlyChooses) {
  const std::vector<float> logits = {2, 1, 0, -1};
  const Weight bias(Tensor::from({4}, std::vector<float>{0, 0, 0, 5}));
  const std::vector<int32_t> offsets = {0, 1};
  const RouterOptions options{.experts = 4, .top_k = 2, .normalise = false};
  const Routing found = route({}, Tensor::from({1, 4}, logits), &bias, options, offsets, 0, nullptr);
  std::map<int32_t, float> got;
  for (size_t i = 0; i < 2; ++i) got[found.experts[i]] = found.weights.f32()[i];
  ASSERT_TRUE(got.contains(3) && got.contains(0));
  EXPECT_NEAR(got[3], plain::sigmoid(-1), 1e-6);
  EXPECT_NEAR(got[0], plain::sigmoid(2), 1e-6);
}

// DeepSeek-V3, equations 17-20: sum_i f_i P_i with f_i = experts / (top_k T) * #(i chosen), P_i = mean of s_i / sum s.
TEST(Definition, BalanceLoss) {
  for (bool is_sigmoid : {true, false}) {
    const RouterOptions options{.experts = 6, .top_k = 2, .sigmoid = is_sigmoid};
    const Tensor logits = random_tensor({9, 6}, 5);
    const std::vector<int32_t> offsets = {0, 9};
    double found = 0, wanted = 0;
    route({}, logits, nullptr, options, offsets, 0.5f, &found);
    plain::Numbers f(6), p(6), scores;
    for (int64_t t = 0; t < 9; ++t) {
      for (auto [e, w] : plain::route(doubles({logits.row(t), 6}), nullptr, options, &scores))
        f[plain::at(e)] += 6.0 / (2 * 9);
      const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
      for (size_t e = 0; e < 6; ++e) p[e] += scores[e] / sum / 9;
    }
    for (size_t e = 0; e < 6; ++e) wanted += f[e] * p[e];
    EXPECT_NEAR(found, wanted, 1e-5);
  }
}

TEST(Definition, Experts) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const int64_t num_experts = 7, top_k = 3, hidden = 19, inner = 13, rows = 41;
    const Weight gate(random_tensor({num_experts, inner, hidden}, 1, 0.3f)),
        up(random_tensor({num_experts, inner, hidden}, 2, 0.3f)),
        down(random_tensor({num_experts, hidden, inner}, 3, 0.3f));
    const Tensor x = random_tensor({rows, hidden}, 4);
    const std::vector<int32_t> offsets = {0, 41};
    const Weight bias(Tensor::from({7}, std::vector<float>{0, 0, 0, 0, 0, 0, -9}));  // the last expert gets nothing
    const Routing routing = route(ctx, random_tensor({rows, num_experts}, 5), &bias,
                                  {.experts = num_experts, .top_k = top_k}, offsets, 0, nullptr);
    const auto g = doubles(gate.value()), u = doubles(up.value()), d = doubles(down.value());
    plain::Numbers wanted;
    const size_t each = static_cast<size_t>(inner * hidden);
    for (int64_t t = 0; t < rows; ++t) {
      plain::Numbers sum(static_cast<size_t>(hidden));
      for (int64_t i = 0; i < top_k; ++i) {
        const size_t first = static_cast<size_t>(routing.experts[static_cast<size_t>(t * top_k + i)]) * each;
        auto part = [&](const plain::Numbers& w) { return std::span(w).subspan(first, each); };
        auto y =
            plain::ffn(doubles({x.row(t), static_cast<size_t>(hidden)}), {part(g), part(u), part(d)}, hidden, inner);
        for (double& v : y) v *= routing.weights.row(t)[i];
        plain::add(sum, y);
      }
      wanted.insert(wanted.end(), sum.begin(), sum.end());
    }
    EXPECT_LE(relative_error(experts(ctx, x, routing, gate, up, down).values(), wanted), bound(ctx));
  });
}

TEST(Definition, LinearCrossEntropy) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const int64_t rows = 70, hidden = 23, vocab = 301;
    const Weight head(random_tensor({vocab, hidden}, 1, 0.5f));
    const Tensor x = random_tensor({rows, hidden}, 2);
    const auto logits = plain::linear(doubles(x), doubles(head.value()), hidden, vocab);
    std::vector<int32_t> targets;
    std::vector<float> weights;
    double sum = 0, weight = 0;
    int64_t correct = 0;
    for (int64_t t = 0; t < rows; ++t) {
      const plain::Numbers row(logits.begin() + t * vocab, logits.begin() + (t + 1) * vocab);
      const int64_t top = plain::best(row, 1)[0];
      targets.push_back(static_cast<int32_t>(t % 3 == 0 ? top : (t * 7) % vocab));
      weights.push_back(t % 5 == 4 ? 0 : 1 + 0.5f * static_cast<float>(t % 2));
      sum += weights.back() * plain::cross_entropy(row, targets.back());
      weight += weights.back();
      correct += weights.back() > 0 && targets.back() == top;
    }
    const CrossEntropy found = linear_cross_entropy(ctx, x, head, targets, weights, 1);
    EXPECT_NEAR(found.sum, sum, (ctx.precision == Precision::f32 ? 1e-5 : 1e-2) * sum);
    EXPECT_NEAR(found.weight, weight, 1e-9);
    EXPECT_NEAR(static_cast<double>(found.correct), static_cast<double>(correct),
                ctx.precision == Precision::f32 ? 0 : 2);
  });
}

// A position left out may carry any target (padding, the end of a document), and adds nothing.
TEST(Definition, CrossEntropyIgnoresTargetsOfWeightZero) {
  const Weight head(random_tensor({11, 5}, 1));
  const Tensor x = random_tensor({3, 5}, 2);
  const std::vector<int32_t> targets = {4, -1, 11};
  const std::vector<float> weights = {1, 0, 0};
  Tape tape;
  const CrossEntropy found =
      linear_cross_entropy(test::one_thread(Precision::f32, &tape), x, head, targets, weights, 1);
  tape.backward();
  EXPECT_TRUE(std::isfinite(found.sum));
  EXPECT_EQ(found.weight, 1);
  for (int64_t i = 5; i < 15; ++i) EXPECT_EQ(x.grad()[i], 0);
}

TEST(Definition, MeanSquaredError) {
  const Tensor x = Tensor::from({2, 2}, std::vector<float>{1, 2, 3, 4}),
               y = Tensor::from({2, 2}, std::vector<float>{1, 0, 3, 7});
  EXPECT_DOUBLE_EQ(mean_squared_error({}, x, y, 1), 13.0 / 4);
}

}  // namespace
}  // namespace hadal
