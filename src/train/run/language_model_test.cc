// The language model on several ranks: a step's micro-batches are shared out, and what follows them (the router's bias
// by the load of experts) is the same on every rank.
#include "train/run/language_model.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "train/testing/test_support.h"
#include "train/testing/thread_ranks.h"
#include "train/trainer.h"

namespace hadal {
namespace {

using test::TemporaryFolder;
using test::ThreadRanks;

const char* const kRecipe = R"(
name = "tiny"
output = "run"
precision = "f32"
[optimizer]
matrices = "adamw"
[model]
hidden = 32
layers = 2
heads = 2
context = 64
dense_inner = 48
kv_lora = 16
nope_dim = 8
rope_dim = 4
v_dim = 8
experts = 4
top_k = 2
shared_experts = 1
expert_inner = 16
first_dense = 1
mtp_depth = 1
[[source]]
name = "sums"
kind = "arithmetic"
documents = 50
[[stage]]
name = "sums"
sources = { sums = 1 }
sequence_length = 64
batch_tokens = 256
micro_batch_tokens = 64
matrix_lr = 0.005
other_lr = 0.005
steps = 4
)";

class LanguageModelRanks : public ::testing::Test {
 protected:
  struct Ended {
    TrainSummary summary;
    std::vector<float> weights, biases;
    Json place;
  };
  LanguageModelRanks() {
    recipe_.model.vocab = tokenizer_.vocab_size();
    ThreadPool pool(1);
    stores_.emplace("sums", TokenStore::open(recipe_.sources[0], tokenizer_, folder_.path(), pool));
  }
  std::vector<Ended> train(int64_t size, const Path& run = {}, int64_t max_steps = 0, bool resume = false) {
    std::vector<Ended> ended(static_cast<size_t>(size));
    ThreadRanks(size).run([&](Collective& ranks) {
      Model model(recipe_.model);
      initialise(model.params(), 3 + static_cast<uint64_t>(ranks.rank()));  // all begin with what rank 0 has
      LanguageModel trainee(model, recipe_, tokenizer_, stores_);
      TrainerOptions options;
      options.spec = recipe_.trainer;
      options.stages = {recipe_.stages[0].plan};
      options.quiet = true;
      options.run = run;
      options.max_steps = max_steps;
      options.resume = resume;
      options.ranks = &ranks;
      ThreadPool pool(1);
      Ended& mine = ended[static_cast<size_t>(ranks.rank())];
      mine.summary = Trainer(trainee, options, pool).run();
      for (const Param* p : model.params()) {
        const auto values = p->weight.value().values();
        auto& all = p->group == ParamGroup::buffer ? mine.biases : mine.weights;
        all.insert(all.end(), values.begin(), values.end());
      }
      mine.place = trainee.state();
    });
    return ended;
  }
  TemporaryFolder folder_;
  Tokenizer tokenizer_ = test::tiny_tokenizer();
  Recipe recipe_ = parse_recipe(kRecipe, folder_.path() / "r.toml");
  std::map<std::string, TokenStore> stores_;
};

TEST_F(LanguageModelRanks, TwoRanksOfHalfTheDataAreOneRankOfAll) {
  const Ended alone = train(1)[0];
  const auto two = train(2);
  for (const Ended& e : two) {
    EXPECT_EQ(e.summary.tokens, alone.summary.tokens);
    EXPECT_NEAR(e.summary.last_loss, alone.summary.last_loss, 1e-4);
    EXPECT_EQ(e.weights, two[0].weights);
    EXPECT_EQ(e.biases, two[0].biases);
    EXPECT_EQ(e.place, alone.place);
  }
  EXPECT_TRUE(std::any_of(alone.biases.begin(), alone.biases.end(), [](float b) { return b != 0; }));
  EXPECT_EQ(two[0].biases, alone.biases);  // by the load of all ranks
  double most = 0;
  for (size_t i = 0; i < alone.weights.size(); ++i)
    most = std::max(most, static_cast<double>(std::abs(alone.weights[i] - two[0].weights[i])));
  EXPECT_LT(most, 1e-3);  // four steps of 0.005; AdamW divides even a tiny difference by its own size
  EXPECT_EQ(two[0].summary.evaluations.size(), 1u);
  EXPECT_EQ(two[1].summary.evaluations.size(), 0u);
}

TEST_F(LanguageModelRanks, ResumedIsUninterruptedBitForBit) {
  const auto straight = train(2);
  train(2, folder_.path() / "run", 2);
  for (const Ended& e : train(2, folder_.path() / "run", 0, true)) {
    EXPECT_EQ(e.summary.steps, 4);
    EXPECT_EQ(e.weights, straight[0].weights);
    EXPECT_EQ(e.biases, straight[0].biases);
    EXPECT_EQ(e.place, straight[0].place);
  }
}

}  // namespace
}  // namespace hadal
