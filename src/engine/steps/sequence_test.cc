#include "engine/steps/sequence.h"

#include <gtest/gtest.h>

#include "engine/testing/engine_support.h"

namespace hadal {
namespace {

using test::make_request;

constexpr TokenId kEnd = 256;

// One answer to a prompt of three tokens, and what its caller sees.
struct Fixture {
  explicit Fixture(GenerateRequest request, int64_t limit = 100)
      : state(std::make_shared<GenerationState>(1, 3, OnPiece())), sequence(request, 0, 7, limit, state) {}

  void take(std::string_view text) {
    for (const char c : text) take(TokenId{static_cast<unsigned char>(c)});
  }
  void take(TokenId id) { sequence.take({id, -1.5f}, id == kEnd, *tokenizer); }
  const GenerateResult& result() const { return state->answers[0].result; }

  std::shared_ptr<const Tokenizer> tokenizer = test::byte_tokenizer();
  std::shared_ptr<GenerationState> state;
  Sequence sequence;
};

TEST(Sequence, TextComesAsTokensAreTaken) {
  Fixture f(make_request("abc", 1));
  f.take("hello");
  EXPECT_EQ(f.result().text, "hello");
  EXPECT_EQ(f.result().ids.size(), 5u);
  EXPECT_TRUE(f.result().log_probs.empty());  // nobody asked
  f.take("\xc3");                             // the first half of a character
  EXPECT_EQ(f.result().text, "hello");
  f.take("\xa9");
  EXPECT_EQ(f.result().text, "hello\xc3\xa9");
  EXPECT_FALSE(f.sequence.done());
  EXPECT_EQ(f.sequence.standing().tokens, 3 + 7);
}

TEST(Sequence, EndsAtTheEndTokenWhichIsNoPartOfIt) {
  Fixture f(make_request("abc", 1));
  f.take("x\xc3");
  f.take(kEnd);
  EXPECT_TRUE(f.sequence.done());
  EXPECT_EQ(f.result().finish, FinishReason::stop);
  EXPECT_EQ(f.result().text, "x\xef\xbf\xbd");  // what is left of a character
  EXPECT_EQ(f.result().ids.size(), 2u);
  ASSERT_TRUE(f.result().end.has_value());
  EXPECT_EQ(f.result().end->id, kEnd);
  EXPECT_EQ(f.result().end->log_prob, -1.5f);
  EXPECT_TRUE(f.result().marks.empty());
}

TEST(Sequence, EndsAtItsLimitWithWhatWasHeldBack) {
  GenerateRequest request = make_request("abc", 1);
  request.stop = {"done"};
  Fixture f(request, 4);
  f.take("12do");
  EXPECT_TRUE(f.sequence.done());
  EXPECT_EQ(f.result().finish, FinishReason::length);
  EXPECT_EQ(f.result().text, "12do");
  EXPECT_EQ(f.result().answer_tokens, 4);
}

TEST(Sequence, EndsBeforeAStopString) {
  GenerateRequest request = make_request("abc", 1);
  request.stop = {"done"};
  request.log_probs = LogProbs::raw;
  Fixture f(request);
  f.take("well done");
  EXPECT_TRUE(f.sequence.done());
  EXPECT_EQ(f.result().finish, FinishReason::stop);
  EXPECT_EQ(f.result().text, "well ");
  EXPECT_EQ(f.result().ids.size(), 9u);
  EXPECT_EQ(f.result().log_probs.size(), 9u);
  EXPECT_FALSE(f.result().end.has_value());
}

TEST(Sequence, MarksWaitForTheTextBeforeThem) {
  GenerateRequest request = make_request("abc", 1);
  request.ignore_end = true;
  request.stop = {"done"};
  Fixture f(request);
  f.take(kEnd);
  ASSERT_EQ(f.result().marks.size(), 1u);
  EXPECT_EQ(f.result().marks[0].at, 0u);
  f.take("a do");
  f.take(kEnd);
  EXPECT_EQ(f.result().text, "a ");
  EXPECT_EQ(f.result().marks.size(), 1u);
  f.take("o");
  EXPECT_EQ(f.result().text, "a doo");
  ASSERT_EQ(f.result().marks.size(), 2u);
  EXPECT_EQ(f.result().marks[1].at, 4u);
  f.take("don");
  f.take(kEnd);  // within a stop string
  f.take("e");
  EXPECT_TRUE(f.sequence.done());
  EXPECT_EQ(f.result().text, "a doo");
  EXPECT_EQ(f.result().marks.size(), 2u);
}

TEST(Sequence, FeedsWhatThePlanSays) {
  KvCache cache(test::tiny_gqa(), 256, KvType::f32);
  const GenerateRequest request = make_request(std::string(100, 'p'), 1);
  const auto state = std::make_shared<GenerationState>(2, 100, OnPiece());
  Sequence first(request, 0, 7, 50, state), second(request, 1, 7, 50, state);
  ASSERT_TRUE(first.extend({.count = 60}, cache, nullptr));
  EXPECT_EQ(first.to_feed().size(), 60u);
  EXPECT_EQ(first.first_position(), 0);
  EXPECT_FALSE(first.is_fed());
  ASSERT_TRUE(second.extend({.count = 0}, cache, nullptr));
  EXPECT_TRUE(second.to_feed().empty());
  EXPECT_FALSE(second.is_fed());
  ASSERT_TRUE(first.extend({.count = 40}, cache, nullptr));
  EXPECT_EQ(first.first_position(), 60);
  EXPECT_TRUE(first.is_fed());
  ASSERT_TRUE(second.extend({.count = 1, .shares = 99, .source = 0}, cache, first.cache()));
  EXPECT_EQ(second.first_position(), 99);
  EXPECT_TRUE(second.is_fed());
  EXPECT_EQ(second.standing().fed, 100);
  EXPECT_EQ(second.standing().own_blocks, 1);
  EXPECT_EQ(cache.free_blocks(), 1);
  EXPECT_FALSE(first.extend({.count = 100}, cache, nullptr));
  second.drop_cache();
  EXPECT_EQ(second.standing().fed, 0);
  EXPECT_EQ(cache.free_blocks(), 2);
}

TEST(Sequence, EachAnswerHasItsOwnSeed) {
  EXPECT_EQ(answer_seed(5, 0), 5u);
  EXPECT_NE(answer_seed(5, 1), answer_seed(5, 2));
  EXPECT_NE(answer_seed(5, 1), answer_seed(6, 1));
  EXPECT_EQ(answer_seed(5, 3), answer_seed(5, 3));
}

}  // namespace
}  // namespace hadal
