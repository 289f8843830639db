// GGUF files that llama.cpp wrote: quantised models, single blocks, vocabularies, and hostile ones.
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "base/error.h"
#include "goldens.h"
#include "weights/gguf_model.h"
#include "weights/gguf_save.h"

namespace hadal {
namespace {

using namespace goldens;

void expect_same_bits(const GgufTensor& tensor, std::span<const float> expected, const std::string& what) {
  std::vector<float> found(expected.size());
  weights::read_gguf_tensor(tensor, 0, found);
  EXPECT_EQ(std::memcmp(found.data(), expected.data(), expected.size_bytes()), 0) << what;
}

struct Quantised {
  Path model;  // its folder's name
  Path at;     // model.gguf and what belongs to it
  Json facts;
};
// Those that are here: the smallest is in this repository, the others beside the checkout.
std::vector<Quantised> quantised_models() {
  std::vector<Quantised> list;
  for (const Path model : {"deepseek_v2lite_tiny", "qwen2_tiny"}) {
    if (!have_golden(model / "quantised/manifest.json")) continue;
    const Json manifest = read_json(golden(model / "quantised/manifest.json"));
    for (const auto& [type, facts] : manifest.items()) {
      const Path at = model / "quantised" / type;
      if (facts["stored"] == true && have_golden(at)) list.push_back({model, golden(at), facts});
    }
  }
  EXPECT_FALSE(list.empty());
  return list;
}

TEST(QuantisedGoldens, TensorsToTheBit) {
  for (const Quantised& q : quantised_models()) {
    const GgufFile file = GgufFile::open(q.at / "model.gguf");
    for (const Json& entry : q.facts["dequantised"]) {
      const GgufTensor* tensor = file.find_tensor(entry["tensor"].get<std::string>());
      ASSERT_NE(tensor, nullptr);
      expect_same_bits(*tensor, read_floats(q.at / entry["file"].get<std::string>()), (q.at / entry["file"]).string());
    }
  }
}

TEST(QuantisedGoldens, ExactArithmeticOnTheFilesWeights) {
  for (const Quantised& q : quantised_models()) {
    const weights::LoadedModel loaded = weights::load_model((q.at / "model.gguf").string());
    const Tensor found = logits_of(*loaded.model, ids_of(q.model, 33), Precision::f32);
    EXPECT_LE(compare(found.values(), read_floats(q.at / "logits_33_dequantised.f32")).largest, 1e-3) << q.at;
  }
}

TEST(QuantisedGoldens, FastArithmeticIsAsCloseAsLlamaCpps) {
  for (const Quantised& q : quantised_models()) {
    const weights::LoadedModel loaded = weights::load_model((q.at / "model.gguf").string());
    const Json& theirs = q.facts["llamacpp_against_dequantised_f32"];
    const auto expected = read_floats(q.at / "logits_33_dequantised.f32");
    const Closeness mine = closeness(logits_of(*loaded.model, ids_of(q.model, 33), Precision::bf16), expected);
    EXPECT_LE(mine.median_rms, 1.5 * theirs["rms_median"].get<double>()) << q.at;
    EXPECT_LE(mine.mean_kl, 1.5 * theirs["kl_mean"].get<double>()) << q.at;
  }
}

// A Hugging Face folder written as GGUF has the names, shapes, numbers and keys of llama.cpp's own converter.
TEST(GgufGoldens, WrittenAsLlamaCppsConverterWrites) {
  for (const char* model : {"deepseek_v2lite_tiny", "deepseek_v3_tiny", "qwen2_tiny", "llama3_tiny"}) {
    const Path original = Path(model) / "model-f32.gguf";
    NEEDS_GOLDEN(original);
    const weights::LoadedModel loaded = weights::load_model(golden(Path(model) / "hf").string());
    const Path path = std::filesystem::temp_directory_path() / fmt::format("hadal_{}_{}.gguf", model, ::getpid());
    weights::save_gguf(path, *loaded.model, *loaded.tokenizer, {.name = model, .mix = "", .progress = {}});
    const GgufFile mine = GgufFile::open(path), theirs = GgufFile::open(golden(original));
    std::filesystem::remove(path);
    EXPECT_EQ(mine.tensors().size(), theirs.tensors().size()) << model;
    for (const auto& [name, tensor] : theirs.tensors()) {
      const GgufTensor* written = mine.find_tensor(name);
      ASSERT_NE(written, nullptr) << model << ": " << name;
      EXPECT_EQ(written->shape, tensor.shape) << name;
      std::vector<float> x(static_cast<size_t>(tensor.num_elements())), y(x.size());
      weights::read_gguf_tensor(*written, 0, x), weights::read_gguf_tensor(tensor, 0, y);
      EXPECT_LE(compare(x, y).largest, name == "rope_freqs.weight" ? 1e-5 : 0) << model << ": " << name;
    }
    for (const auto& [key, value] : theirs.values()) {
      if (key == "general.file_type" || key == "tokenizer.ggml.padding_token_id") continue;
      const auto written = mine.values().find(key);
      ASSERT_NE(written, mine.values().end()) << model << ": " << key;
      EXPECT_EQ(describe(written->second), describe(value)) << model << ": " << key;
    }
    EXPECT_EQ(mine.texts("tokenizer.ggml.tokens"), theirs.texts("tokenizer.ggml.tokens"));
    EXPECT_EQ(mine.texts("tokenizer.ggml.merges"), theirs.texts("tokenizer.ggml.merges"));
    EXPECT_EQ(mine.integers("tokenizer.ggml.token_type"), theirs.integers("tokenizer.ggml.token_type"));
  }
}

TEST(GgufGoldens, BlocksOfRandomBits) {
  const Path blocks = golden("blocks");
  const GgufFile file = GgufFile::open(blocks / "blocks.gguf");
  EXPECT_EQ(file.tensors().size(), 15u);
  for (const auto& [name, tensor] : file.tensors())
    expect_same_bits(tensor, read_floats(blocks / (tensor.type_name() + ".f32")), tensor.type_name());
}

TEST(GgufGoldens, TrickyTexts) {
  for (const char* name : {"deepseek-llm", "tiny-deepseek-v3", "tiny-qwen2", "tiny-llama-bpe"}) {
    const std::string file = name == std::string("deepseek-llm") ? "ggml-vocab-deepseek-llm" : name;
    const Path texts = Path("tokenizer") / fmt::format("tricky_{}.json", name);
    if (!have_golden(texts)) continue;  // DeepSeek's own vocabulary is under its licence, beside the checkout
    const Tokenizer tokenizer = weights::load_tokenizer(golden(Path("tokenizer") / (file + ".gguf")).string());
    for (const Json& item : read_json(golden(texts))) {
      const auto text = item["text"].get<std::string>();
      EXPECT_EQ(tokenizer.encode(text), item["ids"].get<std::vector<TokenId>>()) << name << ": " << text;
      EXPECT_EQ(tokenizer.encode(text, true), item["ids_special"].get<std::vector<TokenId>>()) << name << ": " << text;
    }
  }
}

TEST(GgufGoldens, LlamaCppsOwnTexts) {
  const Path vocabulary = "tokenizer/ggml-vocab-deepseek-llm.gguf";
  NEEDS_GOLDEN(vocabulary);
  const std::string name = golden(vocabulary).string();
  const Tokenizer tokenizer = weights::load_tokenizer(name);
  const std::string texts = read_file(name + ".inp");
  static constexpr std::string_view kBetween = "\n__ggml_vocab_test__\n";
  size_t at = 0;
  for_each_line(name + ".out", [&](std::string_view line, int64_t number) {
    const size_t end = texts.find(kBetween, at);
    std::vector<TokenId> expected;
    std::istringstream in{std::string(line)};
    for (TokenId id; in >> id;) expected.push_back(id);
    EXPECT_EQ(tokenizer.encode(std::string_view(texts).substr(at, end - at)), expected) << "line " << number;
    at = end == std::string::npos ? texts.size() : end + kBetween.size();
    return true;
  });
}

TEST(GgufGoldens, HostileFilesAreRefusedByName) {
  const Json files = read_json(golden("malformed/malformed.json"));
  for (const auto& [name, line] : files.items()) {
    const Path path = golden("malformed") / name;
    if (path.extension() != ".gguf") continue;
    if (name == "valid.gguf") {
      EXPECT_EQ(weights::model_from_gguf(GgufFile::open(path), weights::LoadAs::frozen)->config.layers, 1);
      continue;
    }
    try {
      weights::load_model(path.string());
      ADD_FAILURE() << "accepted: " << name;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(name), std::string_view::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace hadal
