#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

const Path kGoldens = Path(HADAL_SOURCE_DIR) / "../shared/goldens";

// A case of a tricky_*.json: what the folder's tokenizer must give. Hugging Face's answer is taken where it differs from
// llama.cpp's (normalisation, which only tokenizer.json asks for).
void check_tricky(const Tokenizer& tokenizer, const Json& entry, bool take_hf) {
  const auto text = entry.at("text").get<std::string>();
  const auto expected = [&](const char* ids, const char* hf) {
    return (take_hf && entry.contains(hf) ? entry.at(hf) : entry.at(ids)).get<std::vector<TokenId>>();
  };
  const auto plain = tokenizer.encode(text, false);
  EXPECT_EQ(plain, expected("ids", "hf")) << Json(text).dump();
  EXPECT_EQ(tokenizer.encode(text, true), expected("ids_special", "hf_special")) << Json(text).dump();
  if (!take_hf || !entry.contains("hf")) {
    EXPECT_EQ(tokenizer.decode(plain), text);
  }
}

class Goldens : public testing::TestWithParam<const char*> {};

TEST_P(Goldens, TrickyStrings) {
  const std::string name = GetParam();
  if (!std::filesystem::exists(kGoldens)) GTEST_SKIP() << "no goldens beside the source tree";
  const Tokenizer tokenizer = Tokenizer::from_hf_folder(kGoldens / "tokenizer" / name);
  const Json cases = parse_json(read_file(kGoldens / "tokenizer" / ("tricky_" + name + ".json")), name);
  ASSERT_FALSE(cases.empty());
  for (const Json& entry : cases.is_array() ? cases : cases.at("cases")) check_tricky(tokenizer, entry, true);
}

TEST(TrainBpe, LearnsAndSavesAndLoads) {
  const auto folder = std::filesystem::temp_directory_path() / "hadal_tokenizer_test";
  int left = 50;
  const auto next = [&](std::string& text) {
    text = "the cat sat on the mat and the dog sat on the log; 1234 dogs, 12 cats! naïve café 你好世界\n";
    return left-- > 0;
  };
  BpeTrainingOptions options;
  options.vocab_size = 300;
  options.specials = {"<bos>", "<eos>"};
  options.bos = "<bos>";
  options.eos = "<eos>";
  options.chat_template = "{{ bos_token }}";
  const Tokenizer trained = train_bpe(next, options);
  EXPECT_EQ(trained.vocab_size(), 300);
  EXPECT_EQ(trained.find("<eos>"), 299);
  EXPECT_EQ(trained.eos(), 299);
  trained.save_hf_folder(folder);
  const Tokenizer loaded = Tokenizer::from_hf_folder(folder);
  const std::string text = "the cat naïve 世界 99 \xff\n\n  dogs";
  EXPECT_EQ(loaded.encode(text, true), trained.encode(text, true));
  EXPECT_EQ(loaded.decode(loaded.encode(text)), text);
  EXPECT_LT(loaded.encode(text).size(), text.size());
  EXPECT_EQ(loaded.encode("<eos>", true), (std::vector<TokenId>{298, 299}));
  EXPECT_EQ(loaded.chat_template(), options.chat_template);
  EXPECT_GE(loaded.find(" the"), 256);
  std::filesystem::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Tiny, Goldens, testing::Values("tiny-deepseek-v3", "tiny-qwen2", "tiny-llama-bpe"));

}  // namespace
}  // namespace hadal
