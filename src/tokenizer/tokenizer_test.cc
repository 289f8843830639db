#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"

namespace hadal {
namespace {

const Path kGoldens = Path(HADAL_SOURCE_DIR) / "tests/goldens/data";

constexpr int kSmallVocab = 296;

std::string random_bytes(Rng& rng, size_t n) {
  std::string bytes(n, '\0');
  for (char& c : bytes) c = static_cast<char>(rng.below(256));
  return bytes;
}

Tokenizer small_tokenizer(const std::string& pre_tokenizer = "deepseek-v3") {
  int left = 20;
  BpeTrainingOptions options;
  options.vocab_size = kSmallVocab;
  options.specials = {"<bos>", "<eos>"};
  options.bos = "<bos>";
  options.eos = "<eos>";
  options.pre_tokenizer = pre_tokenizer;
  return train_bpe(
      [&](std::string& text) {
        text =
            "the cat sat on the mat and the dog sat on the log; 1234 dogs, 12 cats! naïve café 你好世界 aaaaaaaaaaaa\n";
        return left-- > 0;
      },
      options);
}

// Where Hugging Face's answer stands beside, it is the folder's: only tokenizer.json asks for normalisation.
void check_tricky(const Tokenizer& tokenizer, const Json& entry) {
  const auto text = entry.at("text").get<std::string>();
  const auto expected = [&](const char* ids, const char* hf) {
    return (entry.contains(hf) ? entry.at(hf) : entry.at(ids)).get<std::vector<TokenId>>();
  };
  const auto plain = tokenizer.encode(text, false);
  EXPECT_EQ(plain, expected("ids", "hf")) << Json(text).dump();
  EXPECT_EQ(tokenizer.encode(text, true), expected("ids_special", "hf_special")) << Json(text).dump();
  if (!tokenizer.parts().normalize_nfc) {
    EXPECT_EQ(tokenizer.decode(plain), text);
  }
}

class Goldens : public testing::TestWithParam<const char*> {};

TEST_P(Goldens, TrickyStrings) {
  const std::string name = GetParam();
  const Tokenizer tokenizer = Tokenizer::from_hf_folder(kGoldens / "tokenizer" / name);
  const Json cases = parse_json(read_file(kGoldens / "tokenizer" / ("tricky_" + name + ".json")), name);
  ASSERT_EQ(cases.size(), 100u);
  for (const Json& entry : cases) check_tricky(tokenizer, entry);
}
INSTANTIATE_TEST_SUITE_P(Tiny, Goldens, testing::Values("tiny-deepseek-v3", "tiny-qwen2", "tiny-llama-bpe"));

TEST(Tokenizer, LoadsModelFolders) {
  for (const auto& [name, vocab_size] :
       {std::pair{"deepseek_v2lite_tiny", 384}, {"deepseek_v3_tiny", 384}, {"qwen2_tiny", 416}, {"llama3_tiny", 320}}) {
    const Tokenizer tokenizer = Tokenizer::from_hf_folder(kGoldens / name / "hf");
    EXPECT_EQ(tokenizer.vocab_size(), vocab_size) << name;
    EXPECT_TRUE(tokenizer.is_special(tokenizer.eos())) << name;
    EXPECT_EQ(tokenizer.decode(tokenizer.encode("Hello, 世界!")), "Hello, 世界!") << name;
  }
}

TEST(Tokenizer, RoundTripsAnyBytes) {
  for (const char* name : {"deepseek-v3", "deepseek-llm", "deepseek-coder", "qwen2", "llama-bpe", "gpt-2"}) {
    const Tokenizer tokenizer = small_tokenizer(name);
    Rng rng(7);
    for (int i = 0; i < 300; ++i) {
      const std::string bytes = random_bytes(rng, rng.below(120));
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(bytes)), bytes) << name;
    }
  }
}

TEST(Tokenizer, SpecialTokens) {
  const Tokenizer tokenizer = small_tokenizer();
  const TokenId bos = tokenizer.bos(), eos = tokenizer.eos();
  EXPECT_EQ(tokenizer.encode("<eos><bos>", true), (std::vector<TokenId>{bos, eos, bos}));
  const auto plain = tokenizer.encode("<eos>", false);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), eos), 0);
  EXPECT_EQ(tokenizer.decode(plain), "<eos>");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a<eos>b", true), false), "ab");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a<eos>b", true), true), "<bos>a<eos>b");
  EXPECT_EQ(tokenizer.find("<eos>"), eos);
  EXPECT_EQ(tokenizer.find("no such token"), -1);
  EXPECT_TRUE(tokenizer.is_special(eos));
  EXPECT_FALSE(tokenizer.is_special(0));
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_THROW(tokenizer.decode(std::vector<TokenId>{kSmallVocab}), Error);
  EXPECT_THROW(tokenizer.decode(std::vector<TokenId>{-1}), Error);
}

TEST(Tokenizer, LongWordsTakeNoQuadraticTime) {
  const Tokenizer tokenizer = small_tokenizer();
  const std::string text(2'000'000, 'a'), spaces = std::string(2'000'000, ' ') + "x";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(spaces)), spaces);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));  // quadratic: hours
}

TEST(Tokenizer, LongAndShortWordsMergeAlike) {
  // The same text as one long word and cut into words by spaces of the alphabet: merging must not depend on the path.
  const Tokenizer tokenizer = small_tokenizer();
  const auto count = [&](size_t n) { return tokenizer.encode(std::string(n, 'a')).size(); };
  EXPECT_EQ(count(48 * 4), 4 * count(48));  // 48: the longest short word; runs of a power-of-two token line up
}

TEST(Tokenizer, SeveralThreadsAgree) {
  const Tokenizer tokenizer = small_tokenizer(), other = small_tokenizer("gpt-2");
  Rng rng(3);
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back("the cat " + std::to_string(rng.below(1000)) + " sat on 世界 logs");
  std::vector<std::vector<TokenId>> expected;
  for (const auto& text : texts) expected.push_back(tokenizer.encode(text));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < texts.size(); ++i) {
        other.encode(texts[i]);  // shares the threads' caches
        wrong[t] += tokenizer.encode(texts[i]) != expected[i];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Tokenizer, NormalizesWhereAsked) {
  TokenizerParts parts = small_tokenizer("qwen2").parts();
  parts.normalize_nfc = true;
  const Tokenizer tokenizer = Tokenizer::from_parts(parts, "test");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("e\u0301 A\u030A \xff\u1100\u1161")), "é Å \xff가");
  std::string marks = "a";  // hostile: reordering marks must not be quadratic
  for (int i = 0; i < 200'000; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string normal = tokenizer.decode(tokenizer.encode(marks));
  EXPECT_EQ(normal.substr(0, 5), "\u1EA1\u0323");
}

TEST(Tokenizer, AddedTokens) {
  TokenizerParts parts = small_tokenizer().parts();
  for (const char* text : {"<think>", "<think>>", "<x>"}) {
    parts.tokens.emplace_back(text);
    parts.types.push_back(TokenType::user_defined);
  }
  parts.strip_left = parts.strip_right = {kSmallVocab + 2};
  const Tokenizer tokenizer = Tokenizer::from_parts(parts, "test");
  EXPECT_EQ(tokenizer.encode("<think>"), std::vector<TokenId>{kSmallVocab});       // recognised without `special`
  EXPECT_EQ(tokenizer.encode("<think>>"), std::vector<TokenId>{kSmallVocab + 1});  // the longest
  EXPECT_EQ(tokenizer.encode(" \n<x>\u3000 "), std::vector<TokenId>{kSmallVocab + 2});
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a<thin<think>b")), "a<thin<think>b");
}

TEST(Tokenizer, ABytesTokenMayLackWhereUtf8HasNone) {
  TokenizerParts parts = small_tokenizer().parts();
  const auto drop = [&](uint8_t byte) {
    const TokenId id =
        Tokenizer::from_parts(small_tokenizer().parts(), "test").find(std::string(1, static_cast<char>(byte)));
    parts.types[static_cast<size_t>(id)] = TokenType::unused;
  };
  drop(0xC0), drop(0xFF);
  const Tokenizer tokenizer = Tokenizer::from_parts(parts, "test");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a\xC0"
                                              "b\xFF")),
            "a\uFFFD"
            "b\uFFFD");
  drop('q');
  EXPECT_THROW(Tokenizer::from_parts(parts, "test"), Error);
}

TEST(Utf8Stream, CutsAtCharacters) {
  const std::string text = "aé世😀\xff\xe4\xb8z\xf0\x9f\x98";
  for (size_t step = 1; step <= text.size(); ++step) {
    Utf8Stream stream;
    std::string out;
    for (size_t i = 0; i < text.size(); i += step) {
      const std::string shown = stream.push(std::string_view(text).substr(i, step));
      EXPECT_NO_THROW(Json(shown).dump()) << "not valid UTF-8";
      out += shown;
    }
    out += stream.finish();
    EXPECT_EQ(out, "aé世😀\uFFFD\uFFFDz\uFFFD") << step;
  }
}

TEST(Utf8Stream, RandomBytesGiveValidText) {
  Rng rng(11);
  for (int i = 0; i < 500; ++i) {
    const std::string bytes = random_bytes(rng, 40);
    Utf8Stream whole, pieces;
    std::string a = whole.push(bytes), b;
    for (const char c : bytes) b += pieces.push(std::string(1, c));
    a += whole.finish(), b += pieces.finish();
    EXPECT_EQ(a, b);
    EXPECT_NO_THROW(Json(a).dump());
  }
}

}  // namespace
}  // namespace hadal
