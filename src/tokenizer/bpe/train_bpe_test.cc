#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/threads.h"
#include "tokenizer/bpe/word_counts.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace hadal {
namespace {

std::vector<std::string> random_texts(size_t n) {
  Rng rng(5);
  std::vector<std::string> texts;
  for (size_t i = 0; i < n; ++i) {
    std::string text;
    for (int w = 0; w < 200; ++w) {
      const auto length = 1 + rng.below(7);
      for (uint64_t c = 0; c < length; ++c) text += static_cast<char>('a' + rng.below(2 + rng.below(6)));
      text += rng.below(9) == 0 ? ", " : " ";
    }
    texts.push_back(text);
  }
  return texts;
}

std::function<bool(std::string&)> stream(const std::vector<std::string>& texts) {
  return [&texts, at = size_t{0}](std::string& text) mutable {
    if (at == texts.size()) return false;
    text = texts[at++];
    return true;
  };
}

// The algorithm as the paper states it: count everything anew for each merge. Slow, and plain enough to trust.
std::vector<std::string> naive_merges(const std::vector<std::string>& texts, size_t num_merges) {
  std::map<std::vector<std::string>, int64_t> words;
  const PreTokenizer pre_tokenizer(pre_tokenizer_description("deepseek-v3", "test"), "test");
  for (const auto& text : texts) {
    pre_tokenizer.split(text, [&](std::string_view word) {
      std::vector<std::string> symbols;
      for (const char c : word) symbols.emplace_back(1, c);
      ++words[symbols];
    });
  }
  std::vector<std::string> merges;
  while (merges.size() < num_merges) {
    std::map<std::pair<std::string, std::string>, int64_t> pairs;  // in order of bytes: the first of equals wins
    for (const auto& [symbols, count] : words) {
      for (size_t i = 0; i + 1 < symbols.size(); ++i) pairs[{symbols[i], symbols[i + 1]}] += count;
    }
    auto best = pairs.begin();
    for (auto it = pairs.begin(); it != pairs.end(); ++it) {
      if (it->second > best->second) best = it;
    }
    const auto [left, right] = best->first;
    merges.push_back(to_byte_alphabet(left) + " " + to_byte_alphabet(right));
    std::map<std::vector<std::string>, int64_t> merged;
    for (const auto& [symbols, count] : words) {
      std::vector<std::string> out;
      for (size_t i = 0; i < symbols.size(); ++i) {
        const bool pair = i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right;
        out.push_back(pair ? left + right : symbols[i]);
        i += pair;
      }
      merged[out] += count;
    }
    words = std::move(merged);
  }
  return merges;
}

TEST(TrainBpe, AgreesWithTheNaiveAlgorithm) {
  const auto texts = random_texts(20);
  BpeTrainingOptions options;
  options.vocab_size = 256 + 150;
  const Tokenizer trained = train_bpe(stream(texts), options);
  const auto& merges = trained.parts().merges;
  EXPECT_EQ(merges, naive_merges(texts, merges.size()));
  EXPECT_GE(merges.size(), 150u);
}

TEST(TrainBpe, DoesNotDependOnThreads) {
  const auto texts = random_texts(3000);  // several jobs of a megabyte
  BpeTrainingOptions options;
  options.vocab_size = 600;
  const int before = ThreadPool::shared().size();
  std::vector<std::vector<std::string>> merges;
  for (const int threads : {1, 2, 5}) {
    ThreadPool::set_shared_size(threads);
    merges.push_back(train_bpe(stream(texts), options).parts().merges);
  }
  ThreadPool::set_shared_size(before);
  EXPECT_EQ(merges[0], merges[1]);
  EXPECT_EQ(merges[0], merges[2]);
}

TEST(TrainBpe, SpecialsTakeTheLastIds) {
  BpeTrainingOptions options;
  options.vocab_size = 300;
  options.specials = {"<a>", "<b>", "<c>"};
  options.bos = "<b>";
  options.eos = "<c>";
  const Tokenizer trained = train_bpe(stream(random_texts(20)), options);
  EXPECT_EQ(trained.vocab_size(), 300);
  EXPECT_EQ(trained.find("<a>"), 297);
  EXPECT_EQ(trained.bos(), 298);
  EXPECT_EQ(trained.eos(), 299);
}

TEST(TrainBpe, LittleTextGivesASmallVocabulary) {
  BpeTrainingOptions options;
  options.vocab_size = 5000;
  const std::vector<std::string> texts{"ab ab ab"};
  const Tokenizer trained = train_bpe(stream(texts), options);
  EXPECT_LT(trained.vocab_size(), 270);
  EXPECT_EQ(trained.decode(trained.encode("ab xyz")), "ab xyz");
}

std::string without_spaces(const std::vector<std::string>& syllables, size_t bytes, uint64_t seed) {
  Rng rng(seed);
  std::string text;
  while (text.size() < bytes) text += syllables[rng.below(syllables.size())];
  return text;
}

// DNA, Chinese and Thai as one word of many kilobytes: the syllables are found, and no token holds half a character.
TEST(TrainBpe, LearnsFromTextWithoutSpaces) {
  const std::vector<std::string> dna = {"GATTACA", "CCGT", "TATA", "AAGC"};
  const std::vector<std::string> thai = {"สวัสดี", "ครับ", "ประเทศ", "ไทย", "ภาษา"};
  const std::vector<std::string> chinese = {"你好", "世界", "今天", "天气", "我们"};
  for (const auto& [syllables, expected] :
       {std::pair(dna, "GATTACA"), std::pair(thai, "ประเทศ"), std::pair(chinese, "世界")}) {
    std::vector<std::string> texts;
    for (uint64_t seed = 1; seed <= 4; ++seed) texts.push_back(without_spaces(syllables, 9000, seed));
    BpeTrainingOptions options;
    options.vocab_size = 256 + 100;
    options.pre_tokenizer = "qwen2";
    const Tokenizer trained = train_bpe(stream(texts), options);
    EXPECT_EQ(trained.vocab_size(), 356) << expected;
    EXPECT_LE(trained.encode(expected).size(), 2u) << expected;
    EXPECT_LT(trained.encode(texts[0]).size(), texts[0].size() / 3);
    EXPECT_EQ(trained.decode(trained.encode(texts[0])), texts[0]);
  }
}

TEST(WordCounts, CutsLongWordsBetweenCharacters) {
  const PreTokenizer pre_tokenizer(pre_tokenizer_description("qwen2", "test"), "test");
  const std::vector<std::string> thai{without_spaces({"ก", "ข"}, 3000, 7)};
  size_t bytes = 0;
  for (const WordCount& w : count_words(stream(thai), pre_tokenizer)) {
    EXPECT_LE(w.word.size(), kPieceBytes);
    EXPECT_EQ(w.word.size() % 3, 0u);
    bytes += w.word.size() * static_cast<size_t>(w.count);
  }
  EXPECT_EQ(bytes, thai[0].size());
  const std::vector<std::string> whole{std::string(kMaxWordBytes, 'a')};  // not long yet
  EXPECT_EQ(count_words(stream(whole), pre_tokenizer).at(0).word, whole[0]);
}

TEST(WordCounts, KeepsHalfWhereAllWordsAreRare) {
  const PreTokenizer pre_tokenizer(pre_tokenizer_description("qwen2", "test"), "test");
  const std::vector<std::string> texts{
      without_spaces({"A", "C", "G", "T"}, size_t{1} << 20, 3)};  // 8,192 pieces, all different
  const size_t found = count_words(stream(texts), pre_tokenizer, 4096).size();
  EXPECT_LE(found, 4096u);
  EXPECT_GE(found, 1024u);
}

TEST(TrainBpe, MergesOfWordsAloneLeaveSignsSingle) {
  std::vector<std::string> texts(20, "Make 24: (the words) (the signs)-(the end)!\n98-57=41:-3=38!\n");
  BpeTrainingOptions options;
  options.vocab_size = 290;
  options.pre_tokenizer = "qwen2";
  const auto pieces = [&](const std::string& text) {
    const Tokenizer trained = train_bpe(stream(texts), options);
    std::string out;
    for (const TokenId id : trained.encode(text)) out += trained.decode({&id, 1}) + "|";
    return out;
  };
  EXPECT_NE(pieces("41:-3!\n").find(":-|"), std::string::npos);
  options.words_only = true;
  EXPECT_EQ(pieces("41:-3!\n"), "4|1|:|-|3|!|\n|");
  EXPECT_EQ(pieces(")-(the words"), ")|-|(|the| |words|");
}

TEST(TrainBpe, RefusesWrongOptions) {
  const auto texts = random_texts(1);
  BpeTrainingOptions options;
  options.vocab_size = 200;
  EXPECT_THROW(train_bpe(stream(texts), options), Error);
  options.vocab_size = 300;
  options.eos = "<nowhere>";
  EXPECT_THROW(train_bpe(stream(texts), options), Error);
  options.eos = "";
  options.pre_tokenizer = "unheard-of";
  EXPECT_THROW(train_bpe(stream(texts), options), Error);
  options.pre_tokenizer = "deepseek-v3";
  options.specials = {"<a>", "<a>"};
  EXPECT_THROW(train_bpe(stream(texts), options), Error);
}

TEST(WordCounts, ForgetsRareWordsWhenThereAreTooMany) {
  const PreTokenizer pre_tokenizer(pre_tokenizer_description("gpt-2", "test"), "test");
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back(" often word" + std::to_string(i * i) + "x");
  const auto all = count_words(stream(texts), pre_tokenizer);
  const auto few = count_words(stream(texts), pre_tokenizer, 64);
  EXPECT_LE(few.size(), 64u);
  EXPECT_GT(all.size(), 150u);
  const auto often = std::find_if(few.begin(), few.end(), [](const WordCount& w) { return w.word == " often"; });
  ASSERT_NE(often, few.end());
  EXPECT_EQ(often->count, 200);
}

}  // namespace
}  // namespace hadal
