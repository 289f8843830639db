#include "engine/sampling/choose.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "base/rng.h"
#include "ops/testing/test_support.h"

namespace hadal {
namespace {

using Logits = std::vector<float>;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Everything that a model may say: n logits of a kind.
struct Kind {
  const char* name;
  float (*logit)(Rng& rng, size_t i);
};
const Kind kKinds[] = {
    {"flat", [](Rng& rng, size_t) { return 0.05f * rng.normal(); }},
    {"a new model's", [](Rng& rng, size_t) { return rng.normal(); }},
    {"a trained model's", [](Rng& rng, size_t i) { return 3 * rng.normal() + (i % 977 == 5 ? 14.0f : -4.0f); }},
    {"very sure", [](Rng& rng, size_t i) { return 2 * rng.normal() + (i == 7 ? 60.0f : 0.0f); }},
    {"rounded, so that many are equal", [](Rng& rng, size_t) { return std::round(4 * rng.normal()) / 4; }},
    {"all equal", [](Rng&, size_t) { return -1.5f; }},
    {"two values", [](Rng&, size_t i) { return i % 3 == 0 ? 1.0f : 0.0f; }},
    {"one above a narrow crowd", [](Rng& rng, size_t i) { return i == 3 ? 10.0f : 1e-3f * rng.normal(); }},
    {"some forbidden", [](Rng& rng, size_t i) { return i % 2 == 0 ? -kInfinity : 2 * rng.normal(); }},
    {"far from zero", [](Rng& rng, size_t) { return 1e6f + 3 * rng.normal(); }},
    {"wide", [](Rng& rng, size_t) { return 1e4f * rng.normal(); }},
};
Logits make(const Kind& kind, size_t n, uint64_t seed) {
  Rng rng(seed);
  Logits logits(n);
  for (size_t i = 0; i < n; ++i) logits[i] = kind.logit(rng, i);
  return logits;
}

const SamplingOptions kOptions[] = {
    {},
    {.temperature = 0},
    {.temperature = 1, .top_p = 1},
    {.temperature = 1, .top_p = 0.5f},
    {.temperature = 0.7f, .top_p = 0.95f, .top_k = 20},
    {.temperature = 1, .top_p = 1, .top_k = 1},
    {.temperature = 1, .top_p = 0.9f, .top_k = 3000},
    {.temperature = 0.3f, .top_p = 0.999f, .min_p = 0.05f},
    {.temperature = 1.5f, .top_p = 1, .top_k = 64, .min_p = 0.001f},
    {.temperature = 100, .top_p = 0.99f},
    {.temperature = 1e-6f},
    {.temperature = 0.7f, .top_p = 1e-6f},
};
std::string text_of(const SamplingOptions& o) {
  return "temperature " + std::to_string(o.temperature) + ", top_p " + std::to_string(o.top_p) + ", top_k " +
         std::to_string(o.top_k) + ", min_p " + std::to_string(o.min_p);
}

TokenId choose(Chooser& chooser, const Logits& logits, const SamplingOptions& options, double at) {
  return chooser.choose(logits, logit_range(logits), options, at);
}

class Choose : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override { force_cpu_level(GetParam()); }
  void TearDown() override { force_cpu_level(cpu_levels_present().back()); }
};

TEST_P(Choose, TakesTheTokenOfTheSort) {
  for (const Kind& kind : kKinds)
    for (const size_t n : {1, 5, 511, 513, 2000, 8192, 20011}) {
      const Logits logits = make(kind, n, n);
      for (const SamplingOptions& options : kOptions) {
        Chooser chooser;
        Rng rng(n);
        const int draws = n > 10000 ? 3 : 8;
        for (int i = 0; i < draws; ++i) {
          const double at = i == 0 ? 0 : i == 1 ? 1 - 0x1p-53 : rng.uniform();
          ASSERT_EQ(choose(chooser, logits, options, at), choose_by_sorting(logits, options, at))
              << kind.name << ", " << n << ", " << text_of(options) << ", " << at;
        }
      }
    }
}

// Draws at the very boundaries between tokens, where sums in another order would decide otherwise.
TEST_P(Choose, SortsWhereRoundingWouldDecide) {
  Chooser chooser;
  const Logits logits(4096, 0.25f);  // every boundary is a multiple of 2^-12
  const SamplingOptions plain{.temperature = 1, .top_p = 1}, half{.temperature = 1, .top_p = 0.5f};
  for (int i = 0; i < 4096; i += 255)
    for (const double at : {i * 0x1p-12, i * 0x1p-12 + 0x1p-53, std::max(0.0, i * 0x1p-12 - 0x1p-53)}) {
      EXPECT_EQ(choose(chooser, logits, plain, at), choose_by_sorting(logits, plain, at)) << at;
      EXPECT_EQ(choose(chooser, logits, half, at), choose_by_sorting(logits, half, at)) << at;
    }
  EXPECT_GT(chooser.times_sorted(), 0);
}

TEST_P(Choose, HardlyEverSorts) {
  Chooser chooser;
  Rng rng(5);
  for (const Kind& kind : std::span(kKinds).first(4)) {
    const Logits logits = make(kind, 20000, 1);
    for (int i = 0; i < 50; ++i)
      for (const SamplingOptions& options :
           {SamplingOptions{}, SamplingOptions{.temperature = 1, .top_p = 1}, SamplingOptions{.top_k = 20}})
        choose(chooser, logits, options, rng.uniform());
  }
  EXPECT_LE(chooser.times_sorted(), 1);
}

INSTANTIATE_TEST_SUITE_P(Levels, Choose, testing::ValuesIn(cpu_levels_present()),
                         [](const auto& level) { return std::string(cpu_level_name(level.param)); });

}  // namespace
}  // namespace hadal
