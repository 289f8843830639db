// GGUF files that llama.cpp wrote: quantised models, single blocks, vocabularies, and hostile ones.
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "base/error.h"
#include "goldens.h"
#include "model/gguf_model.h"
#include "model/gguf_save.h"

namespace hadal {
namespace {

using namespace goldens;

#define NEEDS_GOLDENS() \
  if (!std::filesystem::exists(folder())) GTEST_SKIP() << "the goldens are not beside the checkout"

void expect_same_bits(const GgufTensor& tensor, std::span<const float> expected, const std::string& what) {
  std::vector<float> found(expected.size());
  read_gguf_tensor(tensor, 0, found);
  EXPECT_EQ(std::memcmp(found.data(), expected.data(), expected.size_bytes()), 0) << what;
}

struct Quantised {
  Path folder;
  std::string name;
  Json facts;
};
std::vector<Quantised> quantised_models() {
  std::vector<Quantised> list;
  for (const char* model : {"deepseek_v2lite_tiny", "qwen2_tiny"}) {
    const Json manifest = read_json(folder() / model / "quantised/manifest.json");
    for (const auto& [type, facts] : manifest.items())
      if (facts["stored"] == true) list.push_back({folder() / model, type, facts});
  }
  return list;
}

TEST(QuantisedGoldens, TensorsToTheBit) {
  NEEDS_GOLDENS();
  for (const Quantised& q : quantised_models()) {
    const Path at = q.folder / "quantised" / q.name;
    const GgufFile file = GgufFile::open(at / "model.gguf");
    for (const Json& entry : q.facts["dequantised"]) {
      const GgufTensor* tensor = file.find_tensor(entry["tensor"].get<std::string>());
      ASSERT_NE(tensor, nullptr);
      expect_same_bits(*tensor, read_floats(at / entry["file"].get<std::string>()), (at / entry["file"]).string());
    }
  }
}

TEST(QuantisedGoldens, ExactArithmeticOnTheFilesWeights) {
  NEEDS_GOLDENS();
  for (const Quantised& q : quantised_models()) {
    const Path at = q.folder / "quantised" / q.name;
    const LoadedModel loaded = load_model((at / "model.gguf").string());
    const Tensor found = logits_of(*loaded.model, ids_of(q.folder, 33), Precision::f32);
    EXPECT_LE(compare(found.values(), read_floats(at / "logits_33_dequantised.f32")).largest, 1e-3) << at;
  }
}

TEST(QuantisedGoldens, FastArithmeticIsAsCloseAsLlamaCpps) {
  NEEDS_GOLDENS();
  for (const Quantised& q : quantised_models()) {
    const Path at = q.folder / "quantised" / q.name;
    const LoadedModel loaded = load_model((at / "model.gguf").string());
    const Json& theirs = q.facts["llamacpp_against_dequantised_f32"];
    const auto expected = read_floats(at / "logits_33_dequantised.f32");
    const Closeness mine = closeness(logits_of(*loaded.model, ids_of(q.folder, 33), Precision::bf16), expected);
    EXPECT_LE(mine.median_rms, 1.5 * theirs["rms_median"].get<double>()) << at;
    EXPECT_LE(mine.mean_kl, 1.5 * theirs["kl_mean"].get<double>()) << at;
  }
}

// A Hugging Face folder written as GGUF has the names, shapes, numbers and keys of llama.cpp's own converter.
TEST(GgufGoldens, WrittenAsLlamaCppsConverterWrites) {
  NEEDS_GOLDENS();
  for (const char* model : {"deepseek_v2lite_tiny", "deepseek_v3_tiny", "qwen2_tiny", "llama3_tiny"}) {
    const LoadedModel loaded = load_model((folder() / model / "hf").string());
    const Path path = std::filesystem::temp_directory_path() / fmt::format("hadal_{}_{}.gguf", model, ::getpid());
    save_gguf(path, *loaded.model, *loaded.tokenizer, {.name = model, .mix = "", .progress = {}});
    const GgufFile mine = GgufFile::open(path), theirs = GgufFile::open(folder() / model / "model-f32.gguf");
    std::filesystem::remove(path);
    EXPECT_EQ(mine.tensors().size(), theirs.tensors().size()) << model;
    for (const auto& [name, tensor] : theirs.tensors()) {
      const GgufTensor* written = mine.find_tensor(name);
      ASSERT_NE(written, nullptr) << model << ": " << name;
      EXPECT_EQ(written->shape, tensor.shape) << name;
      std::vector<float> x(static_cast<size_t>(tensor.num_elements())), y(x.size());
      read_gguf_tensor(*written, 0, x), read_gguf_tensor(tensor, 0, y);
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
  NEEDS_GOLDENS();
  const GgufFile file = GgufFile::open(folder() / "blocks/blocks.gguf");
  EXPECT_EQ(file.tensors().size(), 15u);
  for (const auto& [name, tensor] : file.tensors())
    expect_same_bits(tensor, read_floats(folder() / "blocks" / (tensor.type_name() + ".f32")), tensor.type_name());
}

TEST(GgufGoldens, TrickyTexts) {
  NEEDS_GOLDENS();
  const Path at = folder() / "tokenizer";
  for (const char* name : {"deepseek-llm", "tiny-deepseek-v3", "tiny-qwen2", "tiny-llama-bpe"}) {
    const std::string file = name == std::string("deepseek-llm") ? "ggml-vocab-deepseek-llm" : name;
    const Tokenizer tokenizer = load_tokenizer((at / (file + ".gguf")).string());
    for (const Json& item : read_json(at / fmt::format("tricky_{}.json", name))) {
      const auto text = item["text"].get<std::string>();
      EXPECT_EQ(tokenizer.encode(text), item["ids"].get<std::vector<TokenId>>()) << name << ": " << text;
      EXPECT_EQ(tokenizer.encode(text, true), item["ids_special"].get<std::vector<TokenId>>()) << name << ": " << text;
    }
  }
}

TEST(GgufGoldens, LlamaCppsOwnTexts) {
  NEEDS_GOLDENS();
  const std::string name = (folder() / "tokenizer/ggml-vocab-deepseek-llm.gguf").string();
  const Tokenizer tokenizer = load_tokenizer(name);
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
  NEEDS_GOLDENS();
  const Json files = read_json(folder() / "malformed/malformed.json");
  for (const auto& [name, line] : files.items()) {
    const Path path = folder() / "malformed" / name;
    if (path.extension() != ".gguf") continue;
    if (name == "valid.gguf") {
      EXPECT_EQ(model_from_gguf(GgufFile::open(path), LoadAs::frozen)->config.layers, 1);
      continue;
    }
    try {
      load_model(path.string());
      ADD_FAILURE() << "accepted: " << name;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(name), std::string_view::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace hadal
