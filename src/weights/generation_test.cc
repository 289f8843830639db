#include "weights/generation.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "weights/load.h"
#include "weights/testing/test_folder.h"

namespace hadal::weights {
namespace {

std::string refusal(const Path& folder) {
  try {
    defaults_of_folder(folder, 259);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(Generation, ReadsTheDefaultsOfAFolder) {
  const test::ModelFolder folder(true);
  const Path file = folder.path() / "generation_config.json";
  const auto plain = defaults_of_folder(folder.path(), 259);
  EXPECT_FALSE(plain.temperature || plain.top_p || plain.top_k);

  write_file_whole(file, R"({"bos_token_id": 257, "eos_token_id": [200, 7, 200], "do_sample": true, "temperature": 0.6,
                            "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.05, "max_length": 100})");
  const auto defaults = load_model(folder.text()).defaults;
  EXPECT_EQ(defaults.temperature, 0.6);
  EXPECT_EQ(defaults.top_p, 0.95);
  EXPECT_EQ(defaults.top_k, 20);
  EXPECT_EQ(defaults.repetition_penalty, 1.05);
  EXPECT_FALSE(defaults.min_p);
  std::vector<int32_t> ends = plain.ends;
  ends.insert(ends.begin(), {7, 200});
  EXPECT_EQ(defaults.ends, ends);
  write_file_whole(file, dump_json(defaults_to_json(defaults)));
  EXPECT_EQ(defaults_of_folder(folder.path(), 259), defaults);

  write_file_whole(file, R"({"do_sample": false, "temperature": 0.6})");
  EXPECT_EQ(defaults_of_folder(folder.path(), 259).temperature, 0);
}

TEST(Generation, RefusesEndsThatAreNoTokens) {
  const test::ModelFolder folder(true);
  const Path file = folder.path() / "generation_config.json";
  for (const auto& [text, part] :
       {std::pair(R"({"eos_token_id": 259})", "eos_token_id: expected a token id below 259, found 259"),
        std::pair(R"({"eos_token_id": [-2]})", "eos_token_id: expected a token id, found -2"),
        std::pair(R"({"eos_token_id": "<end>"})", "eos_token_id: expected a token id, found \"<end>\""),
        std::pair("[]", "expected a JSON object"), std::pair("{", "generation_config.json")}) {
    write_file_whole(file, text);
    EXPECT_NE(refusal(folder.path()).find(part), std::string::npos) << text << "\n" << refusal(folder.path());
  }
  write_file_whole(file, R"({"eos_token_id": [-1, 7]})");  // -1: none
  EXPECT_EQ(defaults_of_folder(folder.path(), 259).ends, (std::vector<int32_t>{7, 257}));
  write_file_whole(file, R"({"eos_token_id": ")" + std::string(100000, 'x') + "\"}");
  EXPECT_LT(refusal(folder.path()).size(), 300u);
}

// A sampling default out of range is ignored with a warning; the fields beside it count.
TEST(Generation, SkipsOddDefaults) {
  const test::ModelFolder folder(true);
  const Path file = folder.path() / "generation_config.json";
  for (const char* odd :
       {R"("temperature": -1)", R"("temperature": "0.7")", R"("temperature": [1])", R"("top_p": 0)", R"("top_p": 1.5)",
        R"("top_p": null)", R"("top_p": true)", R"("top_k": -1)", R"("top_k": "many")", R"("top_k": 2.5)",
        R"("top_k": 1e300)", R"("top_k": null)", R"("repetition_penalty": 0)", R"("repetition_penalty": -1.1)",
        R"("min_p": 1)", R"("min_p": {})"}) {
    write_file_whole(file, fmt::format(R"({{"do_sample": true, {}, "max_length": 5}})", odd));
    ::testing::internal::CaptureStderr();
    const auto defaults = defaults_of_folder(folder.path(), 259);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_FALSE(defaults.temperature || defaults.top_p || defaults.top_k || defaults.min_p ||
                 defaults.repetition_penalty)
        << odd;
    EXPECT_EQ(said.find("ignored") == std::string::npos, std::string_view(odd).ends_with("null")) << odd << said;
  }
  write_file_whole(file, R"({"temperature": 0.6, "top_p": 7})");
  EXPECT_EQ(defaults_of_folder(folder.path(), 259).temperature, 0.6);
  write_file_whole(file, R"({"temperature": 0, "top_p": 0.9})");
  EXPECT_EQ(defaults_of_folder(folder.path(), 259).temperature, 0);
}

// The bytes, and behind them tokens of the given texts and types; "<|" and "end|>" are merged to "<|end|>" where
// `merged`.
Tokenizer with_tokens(const std::vector<std::pair<std::string, TokenType>>& tokens, bool merged = false) {
  TokenizerParts parts = test::byte_tokenizer().parts();
  for (const auto& [text, type] : tokens) {
    parts.tokens.push_back(text);
    parts.types.push_back(type);
  }
  if (merged) parts.merges = {"< |", "e n", "en d", "| >", "<| end", "<|end |>"};
  return Tokenizer::from_parts(std::move(parts), "test");
}

TEST(Generation, FindsEndsByTheirText) {
  GenerationDefaults defaults;
  defaults.ends = {257};
  add_ends_by_text(defaults, test::byte_tokenizer());
  EXPECT_EQ(defaults.ends, (std::vector<int32_t>{257}));
  add_ends_by_text(defaults, with_tokens({{"<|im_start|>", TokenType::control},
                                          {"<|im_end|>", TokenType::control},
                                          {"<end_of_turn>", TokenType::user_defined},
                                          {"<\uFF5Cend\u2581of\u2581sentence\uFF5C>", TokenType::control},
                                          {"<|eot_id|>", TokenType::unused},
                                          {"<|endoftext|>", TokenType::normal}}));  // no merges build it
  EXPECT_EQ(defaults.ends, (std::vector<int32_t>{257, 260, 261, 262, 264}));
  // A word that merges build is ordinary text.
  GenerationDefaults none;
  const auto normal = TokenType::normal;
  add_ends_by_text(
      none,
      with_tokens(
          {{"<|", normal}, {"en", normal}, {"end", normal}, {"|>", normal}, {"<|end", normal}, {"<|end|>", normal}},
          true));
  EXPECT_TRUE(none.ends.empty());
}

TEST(Generation, ReadsTheDefaultsOfAGgufFile) {
  const test::ModelFolder folder(true);
  const Path path = folder.path() / "defaults.gguf";
  const auto write = [&](GgufWriter::Keys keys) {
    GgufWriter writer(path, keys, {{"t", "F32", {1}}});
    writer.write(std::string(4, '\0').data(), 4);
    writer.commit();
    return defaults_of_gguf(GgufFile::open(path), 259);
  };
  const auto defaults = write({{"tokenizer.ggml.eos_token_id", uint32_t{258}},
                               {"tokenizer.ggml.eot_token_id", uint32_t{9}},
                               {"general.sampling.temp", 0.5f},
                               {"general.sampling.top_k", uint32_t{40}}});
  EXPECT_EQ(defaults.ends, (std::vector<int32_t>{9, 258}));
  EXPECT_EQ(defaults.temperature, 0.5);
  EXPECT_EQ(defaults.top_k, 40);
  EXPECT_FALSE(defaults.top_p);
  EXPECT_FALSE(write({{"general.sampling.top_p", 2.0f}}).top_p);
  EXPECT_FALSE(write({{"general.sampling.temp", std::string("hot")}}).temperature);
  EXPECT_THROW(write({{"tokenizer.ggml.eom_token_id", uint32_t{259}}}), Error);
}

}  // namespace
}  // namespace hadal::weights
