#include "rl/log_probs.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/testing/engine_support.h"

namespace hadal::rl {
namespace {

std::string error_of(const TokenSequence& sequence) {
  ModelConfig config = test::tiny_deepseek(true);
  config.vocab = 264, config.max_context = 8;
  try {
    check(sequence, config, *test::byte_tokenizer(), "f: line 3");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(TokenSequence, SaysWhatIsWrongWithIt) {
  EXPECT_EQ(error_of({{1, 263}, {256, 2}}), "");
  EXPECT_EQ(error_of({{1}, {}}), "");
  EXPECT_EQ(error_of({{}, {1}}), "f: line 3: prompt_ids: expected at least one token, found none");
  EXPECT_EQ(error_of({{264}, {1}}), "f: line 3: prompt_ids: expected token ids from 0 to 263, found 264");
  EXPECT_EQ(error_of({{-1}, {1}}), "f: line 3: prompt_ids: expected token ids from 0 to 263, found -1");
  EXPECT_EQ(error_of({{1}, {257}}),
            "f: line 3: ids: expected tokens that the model can sample, from 0 to 256, found 257");
  EXPECT_EQ(error_of({{1, 2, 3, 4}, {1, 2, 3, 4}}), "");
  EXPECT_EQ(error_of({{1, 2, 3, 4}, {1, 2, 3, 4, 5}}),
            "f: line 3: expected at most 8 tokens, prompt and answer together (the context of the model), found 9");
}

// Of an answer that fills the context, of one without tokens, and of more sequences than one batch holds.
TEST(LogProbs, AreInTheOrderOfTheSequences) {
  const std::shared_ptr<Model> model = test::tiny_model();
  for (Param* p : model->params()) p->weight.frozen = false;
  std::vector<TokenSequence> sequences = {{{1, 2}, {}}, {{5}, std::vector<TokenId>(511, 7)}, {{3, 4, 5}, {6}}};
  for (TokenId i = 0; i < 40; ++i)
    sequences.push_back({std::vector<TokenId>(static_cast<size_t>(1 + i), i), std::vector<TokenId>(450, i)});
  Engine engine(model, test::byte_tokenizer(), {.max_running = 16});
  const auto given = rollout_log_probs(engine, sequences, 0.7f);
  const auto trained = train_log_probs({}, *model, sequences, 0.7f);
  ASSERT_EQ(trained.size(), sequences.size());
  for (size_t s = 0; s < sequences.size(); ++s) {
    EXPECT_EQ(trained[s].size(), sequences[s].ids.size());
    EXPECT_EQ(trained[s], given[s]) << "sequence " << s;
  }
  EXPECT_TRUE(train_log_probs({}, *model, {}, 1).empty());
}

}  // namespace
}  // namespace hadal::rl
