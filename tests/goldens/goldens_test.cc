// Hadal against the numbers of other engines (llama.cpp, DeepSeek's own model.py): see data/README.md, which states the
// tolerances too.
#include "goldens.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/engine.h"

namespace hadal {
namespace {

using namespace goldens;

class Goldens : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    name_ = std::get<0>(GetParam());
    const Path model = name_ / std::get<1>(GetParam());
    NEEDS_GOLDEN(model);
    loaded_ = weights::load_model(golden(model).string());
  }

  // Lengths whose logits (`file` with the length in place of {}) are here; the shortest always are.
  std::vector<int64_t> lengths(std::string_view file) const {
    std::vector<int64_t> all;
    for (const int64_t n : {1, 7, 33, 130, 600})
      if (n < 600 || have_golden(name_ / fmt::format(fmt::runtime(file), n))) all.push_back(n);
    return all;
  }
  std::vector<float> read(std::string_view file, int64_t n) const {
    return read_floats(golden(name_ / fmt::format(fmt::runtime(file), n)));
  }
  std::vector<int32_t> ids_of(int64_t n) const { return goldens::ids_of(name_, n); }
  Tensor logits_of(const std::vector<int32_t>& ids, Precision precision, MlaForm form = MlaForm::expanded) const {
    return goldens::logits_of(*loaded_.model, ids, precision, form);
  }

  Path name_;
  weights::LoadedModel loaded_;
};

TEST_P(Goldens, LogitsInF32) {
  for (const int64_t n : lengths("logits_{}.f32")) {
    const auto expected = read("logits_{}.f32", n);
    const Tensor found = logits_of(ids_of(n), Precision::f32);
    ASSERT_EQ(static_cast<int64_t>(expected.size()), found.size());
    const Difference d = compare(found.values(), expected);
    EXPECT_LE(d.largest, 1e-3) << n;
    EXPECT_LE(d.rms, 1e-4) << n;
  }
}

TEST_P(Goldens, LogitsInF32Absorbed) {
  if (!loaded_.model->config.is_mla()) GTEST_SKIP() << "no latent attention";
  const Tensor found = logits_of(ids_of(130), Precision::f32, MlaForm::absorbed);
  const Difference d = compare(found.values(), read("logits_{}.f32", 130));
  EXPECT_LE(d.largest, 1e-3);
  EXPECT_LE(d.rms, 1e-4);
}

TEST_P(Goldens, LogitsOfDeepseekItself) {
  if (!loaded_.model->config.is_mla()) GTEST_SKIP() << "no DeepSeek model";
  const std::string_view file = "deepseek_reference/logits_{}.f32";
  for (const int64_t n : lengths(file)) {
    const auto expected = read(file, n);
    const Tensor found = logits_of(ids_of(n), Precision::f32);
    const int64_t every = n == 600 ? 8 : 1;  // of the longest, every eighth position is there
    ASSERT_EQ(static_cast<int64_t>(expected.size()), found.size() / every);
    for (int64_t r = 0; r < n / every; ++r) {
      const auto vocab = static_cast<size_t>(found.cols());
      const Difference d =
          compare({found.row(r * every + every - 1), vocab}, {expected.data() + static_cast<size_t>(r) * vocab, vocab});
      ASSERT_LE(d.largest, 1e-3) << n << ", row " << r;
    }
  }
}

TEST_P(Goldens, LogitsInBf16) {
  for (const int64_t n : {33, 130}) {
    const auto expected = read("logits_{}.f32", n);
    const Closeness c = closeness(logits_of(ids_of(n), Precision::bf16), expected);
    EXPECT_LE(c.median_rms, 0.2) << n;
    EXPECT_GE(c.same_top, 0.8) << n;
  }
}

// Through the engine: prompt in chunks, answer token by token, everything over the cache.
TEST_P(Goldens, GreedyTokensOfTheEngine) {
  const Json greedy = read_json(golden(name_ / "greedy.json"));
  const auto expected = greedy["tokens"].get<std::vector<TokenId>>();
  for (const int64_t chunk : {512, 19}) {
    EngineOptions options;
    options.max_context = 1024;
    options.prefill_chunk = chunk;
    options.precision = Precision::f32;
    Engine engine(loaded_.model, loaded_.tokenizer, options);
    GenerateRequest request;
    request.prompt = ids_of(std::stoll(greedy["prompt"].get<std::string>()));
    request.sampling.temperature = 0;
    request.max_tokens = static_cast<int64_t>(expected.size());
    EXPECT_EQ(engine.generate(request).ids, expected) << "chunks of " << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Goldens,
                         ::testing::Combine(::testing::Values("deepseek_v2lite_tiny", "deepseek_v3_tiny", "qwen2_tiny",
                                                              "llama3_tiny"),
                                            ::testing::Values("hf", "model-f32.gguf")),
                         [](const auto& param_info) {
                           return std::string(std::get<0>(param_info.param)) +
                                  (std::get<1>(param_info.param) == std::string("hf") ? "_hf" : "_gguf");
                         });

// Written and read again, a model says the same.
TEST(GoldenFolders, SurviveSaving) {
  for (const char* name : {"deepseek_v3_tiny", "qwen2_tiny"}) {
    const Path copy = std::filesystem::temp_directory_path() / fmt::format("hadal_goldens_{}_{}", name, ::getpid());
    const weights::LoadedModel before =
        weights::load_model(golden(Path(name) / "hf").string(), weights::LoadAs::trainable);
    weights::save_model(copy, *before.model, *before.tokenizer, DType::bf16);
    const weights::LoadedModel after = weights::load_model(copy.string(), weights::LoadAs::trainable);
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
