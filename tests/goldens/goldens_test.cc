// Hadal against the numbers of other engines (llama.cpp, DeepSeek's own model.py): see the README of the goldens, which
// lie beside the checkout. Tolerances are the ones stated there.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/engine.h"
#include "model/load.h"

namespace hadal {
namespace {

Path goldens() { return Path(HADAL_SOURCE_DIR) / "../shared/goldens"; }

std::vector<float> read_floats(const Path& path) {
  const std::string bytes = read_file(path);
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

Json read_json(const Path& path) { return parse_json(read_file(path), path.string()); }

struct Difference {
  double largest = 0, rms = 0;
};
Difference compare(std::span<const float> a, std::span<const float> b) {
  Difference d;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]) - b[i];
    d.largest = std::max(d.largest, std::abs(x));
    d.rms += x * x;
  }
  d.rms = std::sqrt(d.rms / static_cast<double>(a.size()));
  return d;
}

class Goldens : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = goldens() / GetParam();
    if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "the goldens are not beside the checkout";
    loaded_ = load_model((folder_ / "hf").string());
    all_ids_ = read_json(folder_ / "ids.json");
  }

  std::vector<int32_t> ids_of(int64_t n) const {
    const Json& list = all_ids_.contains("sequences") ? all_ids_["sequences"] : all_ids_;
    return list.at(std::to_string(n)).get<std::vector<int32_t>>();
  }

  Tensor logits_of(const std::vector<int32_t>& ids, Precision precision, MlaForm form = MlaForm::expanded) const {
    Context ctx;
    ctx.precision = precision;
    Batch batch{ids, std::vector<int32_t>(ids.size()), {0, static_cast<int32_t>(ids.size())}, {}};
    std::iota(batch.positions.begin(), batch.positions.end(), 0);
    std::vector<int64_t> rows(ids.size());
    std::iota(rows.begin(), rows.end(), 0);
    return logits(ctx, *loaded_.model, forward(ctx, *loaded_.model, batch, {.mla_form = form}).hidden, rows);
  }

  Path folder_;
  LoadedModel loaded_;
  Json all_ids_;
};

TEST_P(Goldens, LogitsInF32) {
  for (const int64_t n : {1, 7, 33, 130, 600}) {
    const auto expected = read_floats(folder_ / fmt::format("logits_{}.f32", n));
    const Tensor found = logits_of(ids_of(n), Precision::f32);
    ASSERT_EQ(static_cast<int64_t>(expected.size()), found.size());
    const Difference d = compare(found.values(), expected);
    EXPECT_LE(d.largest, 1e-3) << n;
    EXPECT_LE(d.rms, 1e-4) << n;
  }
}

TEST_P(Goldens, LogitsInF32Absorbed) {
  if (!loaded_.model->config.is_mla()) GTEST_SKIP() << "no latent attention";
  const Difference d = compare(logits_of(ids_of(130), Precision::f32, MlaForm::absorbed).values(), read_floats(folder_ / "logits_130.f32"));
  EXPECT_LE(d.largest, 1e-3);
  EXPECT_LE(d.rms, 1e-4);
}

TEST_P(Goldens, LogitsOfDeepseekItself) {
  if (!std::filesystem::exists(folder_ / "deepseek_reference")) GTEST_SKIP() << "no DeepSeek model";
  for (const int64_t n : {1, 7, 33, 130, 600}) {
    const auto expected = read_floats(folder_ / "deepseek_reference" / fmt::format("logits_{}.f32", n));
    const Tensor found = logits_of(ids_of(n), Precision::f32);
    const int64_t every = n == 600 ? 8 : 1;  // of the longest, every eighth position is there
    ASSERT_EQ(static_cast<int64_t>(expected.size()), found.size() / every);
    for (int64_t r = 0; r < n / every; ++r) {
      const auto vocab = static_cast<size_t>(found.cols());
      const Difference d = compare({found.row(r * every + every - 1), vocab}, {expected.data() + static_cast<size_t>(r) * vocab, vocab});
      ASSERT_LE(d.largest, 1e-3) << n << ", row " << r;
    }
  }
}

TEST_P(Goldens, LogitsInBf16) {
  for (const int64_t n : {33, 130}) {
    const auto expected = read_floats(folder_ / fmt::format("logits_{}.f32", n));
    const Tensor found = logits_of(ids_of(n), Precision::bf16);
    const auto vocab = static_cast<size_t>(found.cols());
    std::vector<double> rms;
    int64_t same_top = 0;
    for (int64_t r = 0; r < n; ++r) {
      const std::span<const float> mine{found.row(r), vocab}, theirs{expected.data() + static_cast<size_t>(r) * vocab, vocab};
      rms.push_back(compare(mine, theirs).rms);
      same_top += std::max_element(mine.begin(), mine.end()) - mine.begin() == std::max_element(theirs.begin(), theirs.end()) - theirs.begin();
    }
    std::nth_element(rms.begin(), rms.begin() + n / 2, rms.end());
    EXPECT_LE(rms[static_cast<size_t>(n / 2)], 0.2) << n;
    EXPECT_GE(same_top, 0.8 * static_cast<double>(n)) << n;
  }
}

// Through the engine: prompt in chunks, answer token by token, everything over the cache.
TEST_P(Goldens, GreedyTokensOfTheEngine) {
  const Json golden = read_json(folder_ / "greedy.json");
  const auto expected = golden["tokens"].get<std::vector<TokenId>>();
  for (const int64_t chunk : {512, 19}) {
    EngineOptions options;
    options.max_context = 1024;
    options.prefill_chunk = chunk;
    options.precision = Precision::f32;
    Engine engine(loaded_.model, loaded_.tokenizer, options);
    GenerateRequest request;
    request.prompt = ids_of(std::stoll(golden["prompt"].get<std::string>()));
    request.sampling.temperature = 0;
    request.max_tokens = static_cast<int64_t>(expected.size());
    EXPECT_EQ(engine.generate(request).ids, expected) << "chunks of " << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Goldens, ::testing::Values("deepseek_v2lite_tiny", "deepseek_v3_tiny", "qwen2_tiny", "llama3_tiny"),
                         [](const auto& param_info) { return std::string(param_info.param); });

// Written and read again, a model says the same.
TEST(GoldenFolders, SurviveSaving) {
  if (!std::filesystem::exists(goldens())) GTEST_SKIP() << "the goldens are not beside the checkout";
  for (const char* name : {"deepseek_v3_tiny", "qwen2_tiny"}) {
    const Path copy = std::filesystem::temp_directory_path() / fmt::format("hadal_goldens_{}_{}", name, ::getpid());
    const LoadedModel before = load_model((goldens() / name / "hf").string(), /*frozen=*/false);
    save_model(copy, *before.model, *before.tokenizer, DType::bf16);
    const LoadedModel after = load_model(copy.string(), /*frozen=*/false);
    std::filesystem::remove_all(copy);
    const ParamList a = before.model->params(), b = after.model->params();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i]->name, b[i]->name);
      const auto x = a[i]->weight.value().values(), y = b[i]->weight.value().values();
      ASSERT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << a[i]->name;
    }
    EXPECT_EQ(config_to_json(before.model->config).dump(), config_to_json(after.model->config).dump());
  }
}

}  // namespace
}  // namespace hadal
