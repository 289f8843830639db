#include "kernels/vector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/cpu.h"

namespace hadal {
namespace {

using Floats = std::vector<float>;
constexpr int64_t kSizes[] = {1, 2, 3, 7, 15, 16, 17, 63, 64, 65, 200, 1031};

Floats random(Rng& rng, int64_t n, float scale = 1.0f) {
  Floats x(static_cast<size_t>(n));
  for (float& v : x) v = scale * rng.normal();
  return x;
}

class Vector : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override { force_cpu_level(GetParam()); }
  void TearDown() override { force_cpu_level(cpu_levels_present().back()); }
  Rng rng_{11};
};

// `size`: the size of the terms that may cancel.
void expect_near(const Floats& found, const std::vector<double>& expected, double relative, const char* what,
                 double size = 1e-3) {
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], expected[i], relative * (std::abs(expected[i]) + size))
        << what << " at " << i << " of " << found.size();
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

TEST_P(Vector, RoundsToBf16AndBackAsTheTypeDoes) {
  Floats x = random(rng_, 1000, 100.0f);
  const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-40f, -1e-45f, 3.4e38f, 1.00390625f, 1.01171875f};
  x.insert(x.end() - 3, std::begin(special), std::end(special));  // some in whole vectors, some in the rest
  std::vector<Bf16> y(x.size());
  Floats back(x.size());
  vec().to_bf16(x.data(), y.data(), static_cast<int64_t>(x.size()));
  vec().to_f32(y.data(), back.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(y[i].bits, Bf16(x[i]).bits) << x[i];
    EXPECT_EQ(std::bit_cast<uint32_t>(back[i]), static_cast<uint32_t>(y[i].bits) << 16);
  }
}

// Integers, scales and what they stand for, written out; some blocks are no whole number of vectors.
TEST_P(Vector, EightBitsAreAsDefined) {
  for (int64_t block : {1, 8, 12, 17, 32}) {
    Floats x = random(rng_, 60 * block, 0.01f);
    const auto fill = [&](int64_t b, float value) { std::fill_n(x.begin() + b * block, block, value); };
    fill(3, 0.0f), fill(4, 1e-40f), fill(5, -3e38f), fill(6, 1e-34f);
    const auto n = static_cast<int64_t>(x.size());
    std::vector<int8_t> q(x.size());
    std::vector<Bf16> scales(60), narrow(x.size());
    Floats wide(x.size());
    vec().to_q8(x.data(), q.data(), scales.data(), block, n);
    vec().q8_to_f32(q.data(), scales.data(), block, wide.data(), n);
    vec().q8_to_bf16(q.data(), scales.data(), block, narrow.data(), n);
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t b = i / static_cast<size_t>(block), first = b * static_cast<size_t>(block);
      float top = 0;
      for (size_t j = first; j < first + static_cast<size_t>(block); ++j) top = std::max(top, std::abs(x[j]));
      const Bf16 scale(top / 127);
      const float s = static_cast<float>(scale);
      ASSERT_EQ(scales[b].bits, scale.bits) << block << ", " << i;
      ASSERT_EQ(q[i], s < 0x1p-126f ? 0 : std::nearbyint(x[i] * (1 / s))) << block << ", " << i;
      ASSERT_LE(std::abs(wide[i] - x[i]), s < 0x1p-126f ? 1e-36f : 0.5001f * s) << block << ", " << i;
      ASSERT_EQ(wide[i], q[i] * s);
      ASSERT_EQ(narrow[i].bits, Bf16(q[i] * s).bits);
    }
  }
}

TEST_P(Vector, EightBitsHideNoNan) {
  for (const float bad : {NAN, -INFINITY}) {
    for (const size_t at : {size_t{0}, size_t{37}, size_t{63}}) {
      Floats x = random(rng_, 96), y(96);
      x[at] = bad;
      int8_t q[96];
      Bf16 scales[3];
      vec().to_q8(x.data(), q, scales, 32, 96);
      vec().q8_to_f32(q, scales, 32, y.data(), 96);
      for (size_t i = 0; i < 96; ++i) EXPECT_EQ(std::isnan(y[i]), i / 32 == at / 32) << i;
    }
  }
}

TEST_P(Vector, SumsAreRight) {
  for (int64_t n : kSizes) {
    const Floats x = random(rng_, n), y = random(rng_, n);
    double dot = 0, squares = 0, size = 0;
    float top = x[0];
    for (size_t i = 0; i < x.size(); ++i) {
      dot += static_cast<double>(x[i]) * y[i], squares += static_cast<double>(x[i]) * x[i];
      size += std::abs(static_cast<double>(x[i]) * y[i]), top = std::max(top, x[i]);
    }
    EXPECT_NEAR(vec().dot(x.data(), y.data(), n), dot, 1e-6 * size) << n;
    EXPECT_NEAR(vec().sum_squares(x.data(), n), squares, 1e-6 * squares) << n;
    EXPECT_EQ(vec().max(x.data(), n), top) << n;
  }
  EXPECT_EQ(vec().dot(nullptr, nullptr, 0), 0.0f);
  EXPECT_EQ(vec().max(nullptr, 0), -std::numeric_limits<float>::infinity());
}

TEST_P(Vector, ElementwiseKernelsAreRight) {
  for (int64_t n : kSizes) {
    const Floats x = random(rng_, n), y = random(rng_, n);
    std::vector<double> sum, axpy, scaled, product;
    for (size_t i = 0; i < x.size(); ++i) {
      sum.push_back(static_cast<double>(x[i]) + y[i]), axpy.push_back(0.3f * static_cast<double>(x[i]) + y[i]);
      scaled.push_back(0.3f * static_cast<double>(x[i])), product.push_back(static_cast<double>(x[i]) * y[i]);
    }
    Floats z = y;
    vec().add(x.data(), z.data(), n);
    expect_near(z, sum, 1e-7, "add", 1.0);
    z = y;
    vec().axpy(0.3f, x.data(), z.data(), n);
    expect_near(z, axpy, 2e-7, "axpy", 1.0);
    z = x;
    vec().scale(0.3f, z.data(), n);
    expect_near(z, scaled, 1e-6, "scale");
    vec().mul(x.data(), y.data(), z.data(), n);
    expect_near(z, product, 1e-6, "mul");
  }
}

TEST_P(Vector, SigmoidAndSwigluAreRightAtEverySize) {
  for (int64_t n : kSizes)
    for (float scale : {1.0f, 60.0f, 1e30f}) {
      const Floats gate = random(rng_, n, scale), up = random(rng_, n);
      Floats s(gate.size()), z(gate.size());
      std::vector<double> s_expected, z_expected;
      for (size_t i = 0; i < gate.size(); ++i) {
        s_expected.push_back(sigmoid(gate[i]));
        z_expected.push_back(gate[i] * sigmoid(gate[i]) * up[i]);
      }
      vec().sigmoid(gate.data(), s.data(), n);
      expect_near(s, s_expected, 2e-6, "sigmoid");
      vec().swiglu(gate.data(), up.data(), z.data(), n);
      expect_near(z, z_expected, 3e-6, "swiglu");
    }
}

TEST_P(Vector, SwigluBackwardIsTheSlope) {
  for (int64_t n : kSizes) {
    const Floats gate = random(rng_, n, 3.0f), up = random(rng_, n), dz = random(rng_, n), old = random(rng_, n);
    Floats d_gate = old, d_up = old;
    vec().swiglu_backward(gate.data(), up.data(), dz.data(), d_gate.data(), d_up.data(), n);
    for (size_t i = 0; i < gate.size(); ++i) {
      const double g = gate[i], h = 1e-5;
      const double slope = ((g + h) * sigmoid(g + h) - (g - h) * sigmoid(g - h)) / (2 * h);
      EXPECT_NEAR(d_gate[i], old[i] + dz[i] * static_cast<double>(up[i]) * slope, 1e-5);
      EXPECT_NEAR(d_up[i], old[i] + dz[i] * g * sigmoid(g), 1e-5);
    }
  }
}

TEST_P(Vector, ExpShiftedIsSoftmaxBeforeTheDivision) {
  for (int64_t n : kSizes) {
    const Floats x = random(rng_, n, 20.0f);
    const float top = *std::max_element(x.begin(), x.end());
    std::vector<double> expected;
    double sum = 0;
    for (float v : x) expected.push_back(std::exp(0.5 * (static_cast<double>(v) - top))), sum += expected.back();
    Floats y = x;
    float found_top = 0;
    const float found_sum = vec().exp_shifted(y.data(), 0.5f, n, &found_top);
    EXPECT_EQ(found_top, top);
    EXPECT_NEAR(found_sum, sum, 3e-6 * sum);
    expect_near(y, expected, 3e-6, "exp_shifted");
  }
}

TEST_P(Vector, MaskedElementsChangeNothing) {
  for (int64_t n : kSizes)
    for (int64_t more : {1, 5, 40, 200}) {
      const Floats x = random(rng_, n, 5.0f);
      Floats y = x, longer = x;
      longer.resize(static_cast<size_t>(n + more), -std::numeric_limits<float>::infinity());
      float top = 0, top_longer = 0;
      const float sum = vec().exp_shifted(y.data(), 0.7f, n, &top);
      EXPECT_EQ(sum, vec().exp_shifted(longer.data(), 0.7f, n + more, &top_longer)) << n << " + " << more;
      EXPECT_EQ(top, top_longer);
      EXPECT_EQ(0, std::memcmp(y.data(), longer.data(), y.size() * 4)) << n << " + " << more;
      for (size_t i = y.size(); i < longer.size(); ++i) EXPECT_EQ(longer[i], 0.0f);
      Floats a = x, b = random(rng_, n + more);
      a.resize(b.size());
      EXPECT_EQ(vec().dot(x.data(), b.data(), n), vec().dot(a.data(), b.data(), n + more));
    }
}

// Attention's softmax: a column a query, of which some see fewer rows. The same bits for any number of columns.
TEST_P(Vector, SoftmaxColumnsIsExpShiftedOfEachColumn) {
  constexpr float kScale = 0.3f;
  for (const int64_t cols : {1, 4, 8, 9, 16, 17, 33, 70})
    for (const int64_t rows : {1, 2, 7, 40}) {
      const int64_t ld = (cols + 31) / 32 * 32;
      const Floats s = random(rng_, rows * ld, 10.0f);
      std::vector<int32_t> valid;
      for (int64_t c = 0; c < cols; ++c) valid.push_back(static_cast<int32_t>(std::max<int64_t>(1, rows - c % 3)));
      Floats all = s, top(static_cast<size_t>(cols)), sum(static_cast<size_t>(cols));
      vec().softmax_columns(all.data(), ld, rows, cols, valid.data(), kScale, top.data(), sum.data());
      for (int64_t c = 0; c < cols; ++c) {
        const auto column = static_cast<size_t>(c);
        const auto at = [&](int64_t r) { return static_cast<size_t>(r * ld + c); };
        float largest = s[at(0)];
        for (int64_t r = 0; r < valid[column]; ++r) largest = std::max(largest, s[at(r)]);
        double expected = 0;
        for (int64_t r = 0; r < rows; ++r) {
          const double e =
              r < valid[column] ? std::exp(static_cast<double>(kScale) * (static_cast<double>(s[at(r)]) - largest)) : 0;
          EXPECT_NEAR(all[at(r)], e, 3e-6) << r << ", " << c << " of " << rows << ", " << cols;
          expected += e;
        }
        EXPECT_EQ(top[column], largest) << c << " of " << cols;
        EXPECT_NEAR(sum[column], expected, 3e-6 * expected) << c << " of " << cols;

        Floats one(static_cast<size_t>(rows * 32));
        for (int64_t r = 0; r < rows; ++r) one[static_cast<size_t>(r * 32)] = s[at(r)];
        float one_top = 0, one_sum = 0;
        vec().softmax_columns(one.data(), 32, rows, 1, &valid[column], kScale, &one_top, &one_sum);
        EXPECT_EQ(one_top, top[column]);
        EXPECT_EQ(one_sum, sum[column]) << c << " of " << cols << ", rows " << rows;
        for (int64_t r = 0; r < rows; ++r) EXPECT_EQ(one[static_cast<size_t>(r * 32)], all[at(r)]) << r << ", " << c;
      }
    }
}

TEST_P(Vector, AnElementDoesNotKnowItsPlace) {
  const Floats gate = random(rng_, 100, 4.0f), up = random(rng_, 100);
  Floats all(100), one(1);
  vec().swiglu(gate.data(), up.data(), all.data(), 100);
  for (size_t i = 0; i < all.size(); ++i) {
    vec().swiglu(&gate[i], &up[i], one.data(), 1);
    EXPECT_EQ(all[i], one[0]) << i;
  }
}

TEST_P(Vector, RmsNormIsRight) {
  for (int64_t n : kSizes) {
    const Floats x = random(rng_, n, 2.0f), w = random(rng_, n);
    double squares = 0;
    for (float v : x) squares += static_cast<double>(v) * v;
    const double inv = 1.0 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
    std::vector<double> expected;
    for (size_t i = 0; i < x.size(); ++i) expected.push_back(x[i] * inv * w[i]);
    Floats y(x.size());
    EXPECT_NEAR(vec().rms_norm(x.data(), w.data(), 1e-5f, y.data(), n), inv, 1e-6 * inv);
    expect_near(y, expected, 1e-6, "rms_norm");
  }
}

TEST_P(Vector, RmsNormBackwardIsTheSlope) {
  for (int64_t n : {1, 5, 16, 33, 130}) {
    const Floats x = random(rng_, n), w = random(rng_, n), dy = random(rng_, n), old = random(rng_, n);
    auto loss = [&](const std::vector<double>& at) {
      double squares = 0, sum = 0;
      for (double v : at) squares += v * v;
      const double inv = 1.0 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
      for (size_t i = 0; i < at.size(); ++i) sum += at[i] * inv * w[i] * dy[i];
      return sum;
    };
    Floats y(x.size()), dx = old, dw = old;
    const float inv = vec().rms_norm(x.data(), w.data(), 1e-5f, y.data(), n);
    vec().rms_norm_backward(x.data(), w.data(), inv, dy.data(), dx.data(), dw.data(), n);
    std::vector<double> at(x.begin(), x.end());
    for (size_t i = 0; i < x.size(); ++i) {
      const double h = 1e-5;
      at[i] = x[i] + h;
      const double above = loss(at);
      at[i] = x[i] - h;
      const double below = loss(at);
      at[i] = x[i];
      EXPECT_NEAR(dx[i], old[i] + (above - below) / (2 * h), 2e-4) << i << " of " << n;
      EXPECT_NEAR(dw[i], old[i] + static_cast<double>(x[i]) * inv * dy[i], 1e-5);
    }
  }
}

TEST_P(Vector, AdamwFollowsThePaper) {
  for (int64_t n : kSizes) {
    Floats w = random(rng_, n), m = random(rng_, n, 0.1f), v = random(rng_, n, 0.1f);
    for (float& s : v) s = std::abs(s);
    const Floats g = random(rng_, n);
    std::vector<double> w_expected, m_expected, v_expected;
    const double lr = 0.01, b1 = 0.9, b2 = 0.95, eps = 1e-8, decay = 0.1, c1 = 1.7, c2 = 3.1, scale = 0.25;
    for (size_t i = 0; i < w.size(); ++i) {
      const double d = g[i] * scale, first = b1 * m[i] + (1 - b1) * d, second = b2 * v[i] + (1 - b2) * d * d;
      m_expected.push_back(first), v_expected.push_back(second);
      w_expected.push_back(w[i] - lr * (first * c1 / (std::sqrt(second * c2) + eps) + decay * w[i]));
    }
    vec().adamw(w.data(), m.data(), v.data(), g.data(), n, static_cast<float>(lr), static_cast<float>(b1),
                static_cast<float>(b2), static_cast<float>(eps), static_cast<float>(decay), static_cast<float>(c1),
                static_cast<float>(c2), static_cast<float>(scale));
    expect_near(m, m_expected, 2e-7, "m", 1.0);
    expect_near(v, v_expected, 4e-7, "v", 1.0);
    expect_near(w, w_expected, 4e-7, "w", 1.0);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Vector, testing::ValuesIn(cpu_levels_present()),
                         [](const auto& level) { return std::string(cpu_level_name(level.param)); });

}  // namespace
}  // namespace hadal
