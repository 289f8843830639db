#include "tasks/text_scorer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "model/testing/tiny_models.h"
#include "tasks/measures.h"

namespace hadal::tasks {
namespace {

// A token a byte, with a begin token or without.
Tokenizer byte_tokenizer(bool bos) {
  BpeTrainingOptions options;
  options.vocab_size = 257;
  options.specials = {"<begin>"};
  if (bos) options.bos = "<begin>";
  bool given = false;
  return train_bpe([&](std::string& text) { return !given && (text = "x", given = true); }, options);
}

class TextScorerTest : public ::testing::Test {
 protected:
  TextScorerTest() {
    ModelConfig config = test::tiny_deepseek(true);
    config.vocab = 257;
    model_ = test::make_model(config);
  }
  TextScore score(const std::string& text, TextScorerOptions options = {}, bool bos = true) {
    options.precision = Precision::f32;
    const Tokenizer tokenizer = byte_tokenizer(bos);
    return TextScorer(*model_, tokenizer, options).score(std::vector{text}).at(0);
  }
  // By the definition: a softmax over the logits of each position.
  double expected(const std::vector<TokenId>& ids, size_t first) {
    Batch batch;
    batch.append(ids);
    Context ctx;
    ctx.precision = Precision::f32;
    const Tensor scores = logits(ctx, *model_, forward(ctx, *model_, batch).hidden);
    double sum = 0;
    for (size_t i = first; i < ids.size(); ++i) {
      const float* row = scores.row(static_cast<int64_t>(i) - 1);
      double all = 0;
      for (int64_t v = 0; v < scores.cols(); ++v) all += std::exp(static_cast<double>(row[v]));
      sum += row[ids[i]] - std::log(all);
    }
    return sum;
  }
  std::unique_ptr<Model> model_;
};

TEST_F(TextScorerTest, SumsTheLogProbabilitiesOfTheTokens) {
  const Tokenizer tokenizer = byte_tokenizer(true);
  const std::string text = "Hello there.";
  std::vector<TokenId> ids = tokenizer.encode(text);
  ids.insert(ids.begin(), tokenizer.bos());
  const TextScore found = score(text);
  EXPECT_NEAR(found.log_prob, expected(ids, 1), 1e-4);
  EXPECT_EQ(found.bytes, 12);
  EXPECT_EQ(found.tokens, 12);
  EXPECT_TRUE(found.whole);
}

TEST_F(TextScorerTest, WithoutABeginTokenTheFirstTokenIsNotScored) {
  const Tokenizer tokenizer = byte_tokenizer(false);
  const TextScore found = score("Hello", {}, false);
  EXPECT_NEAR(found.log_prob, expected(tokenizer.encode("Hello"), 1), 1e-4);
  EXPECT_EQ(found.bytes, 4);
  EXPECT_EQ(found.tokens, 4);
  EXPECT_EQ(score("", {}, false).tokens, 0);
}

TEST_F(TextScorerTest, EachTokenOfALongTextIsScoredOnceWithHalfAWindowBeforeIt) {
  const Tokenizer tokenizer = byte_tokenizer(true);
  const std::string text = "abcdefghij";
  std::vector<TokenId> ids = tokenizer.encode(text);
  ids.insert(ids.begin(), tokenizer.bos());
  const auto part = [&](size_t begin, size_t end) {
    return std::vector<TokenId>(ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end));
  };
  // Windows of 6 of the 11 tokens: [0, 6) scores 1 to 5, [3, 9) 6 to 8, [6, 11) 9 and 10.
  const double sum = expected(part(0, 6), 1) + expected(part(3, 9), 3) + expected(part(6, 11), 3);
  const TextScore found = score(text, {.context = 6});
  EXPECT_NEAR(found.log_prob, sum, 1e-4);
  EXPECT_EQ(found.tokens, 10);
}

TEST_F(TextScorerTest, ThroughACacheItIsTheSameToRounding) {
  const std::string text(300, 'y');
  const double plain = score(text).log_prob;
  EXPECT_NEAR(score(text, {.kv_type = KvType::f32}).log_prob, plain, 1e-3);
  const double rounded = score(text, {.kv_type = KvType::q8}).log_prob;
  EXPECT_NE(rounded, plain);
  EXPECT_NEAR(rounded, plain, 0.05 * std::abs(plain));
}

TEST_F(TextScorerTest, AStoppedScorerSaysWhichTextsAreWhole) {
  std::atomic<bool> stop = true;
  const Tokenizer tokenizer = byte_tokenizer(true);
  TextScorer scorer(*model_, tokenizer, {.stop = &stop});
  const std::vector<std::string> texts = {"one", "", "two"};
  EXPECT_FALSE(scorer.score(texts)[0].whole);
  EXPECT_TRUE(scorer.score(texts)[1].whole);  // it has nothing to score
  EXPECT_EQ(measure_perplexity(scorer, texts).measured, 1u);
  EXPECT_EQ(measure_choices(scorer, std::vector<TextPair>{{"a", "b"}}).measured, 0u);
}

TEST_F(TextScorerTest, RefusesAContextThatTheModelDoesNotHave) {
  EXPECT_THROW(score("x", {.context = 513}), Error);
  EXPECT_THROW(score("x", {.context = 1}), Error);
}

TEST_F(TextScorerTest, MeasuresAreMeansOverTexts) {
  const Tokenizer tokenizer = byte_tokenizer(true);
  TextScorer scorer(*model_, tokenizer, {.precision = Precision::f32});
  const std::vector<std::string> texts = {"ab", "Caf\xc3\xa9"};
  const Perplexity p = measure_perplexity(scorer, texts);
  const double nats = -(score(texts[0]).log_prob + score(texts[1]).log_prob);
  EXPECT_EQ(p.measured, 2u);
  EXPECT_EQ(p.bytes, 7);
  EXPECT_NEAR(p.bits_per_byte(), nats / std::log(2.0) / 7, 1e-6);
  EXPECT_NEAR(p.per_token(), std::exp(nats / 7), 1e-3);
  const Choices choices = measure_choices(scorer, std::vector<TextPair>{{"ab", "cd"}, {"cd", "ab"}, {"x", "x"}});
  EXPECT_EQ(choices.measured, 3u);
  EXPECT_EQ(choices.right, 1u);  // of a pair and its mirror image one; equal texts are no right choice
}

}  // namespace
}  // namespace hadal::tasks
