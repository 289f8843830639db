#include "assistant/answer_many.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "weights/testing/test_folder.h"

namespace hadal {
namespace {

class AnswerManyTest : public ::testing::Test {
 protected:
  AnswerManyTest()
      : engine_(test::make_model(test::byte_config()), std::make_shared<const Tokenizer>(test::byte_tokenizer()),
                EngineOptions{}),
        assistant_(engine_) {
    options_.request.sampling.temperature = 0;
    options_.request.max_tokens = 6;
    options_.parallel = 3;
  }
  Engine engine_;
  Assistant assistant_;
  AnswerManyOptions options_;
};

std::vector<chat::Conversation> questions(int count) {
  std::vector<chat::Conversation> all;
  for (int i = 0; i < count; ++i) all.push_back({{{"user", "Question " + std::to_string(i)}}});
  return all;
}

TEST_F(AnswerManyTest, EachIsAnsweredOnceAsAlone) {
  const auto all = questions(10);
  std::set<size_t> answered;
  answer_many(assistant_, all, options_, [&](size_t i, const Answered& answer) {
    EXPECT_TRUE(answered.insert(i).second);
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->size(), 1u);
    EXPECT_EQ(answer->front().result.ids, assistant_.answer(all[i], options_.request).result.ids);
  });
  EXPECT_EQ(answered.size(), 10u);
}

TEST_F(AnswerManyTest, SeveralAnswersToEachDependOnItsPlaceAndTheSeedAlone) {
  options_.request.sampling.temperature = 1;
  options_.request.sampling.seed = 5;
  options_.request.answers = 3;
  const std::vector<chat::Conversation> all(4, questions(1).front());
  std::set<std::vector<TokenId>> different;
  std::vector<std::vector<TokenId>> first(4), again(4);
  for (auto* ids : {&first, &again}) {
    answer_many(assistant_, all, options_, [&](size_t i, const Answered& answers) {
      ASSERT_TRUE(answers);
      ASSERT_EQ(answers->size(), 3u);
      for (const Answer& answer : *answers) {
        different.insert(answer.result.ids);
        (*ids)[i].insert((*ids)[i].end(), answer.result.ids.begin(), answer.result.ids.end());
      }
    });
    options_.parallel = 1;
  }
  EXPECT_EQ(first, again);
  EXPECT_EQ(different.size(), 12u);
}

TEST_F(AnswerManyTest, AConversationThatIsRefusedIsNotTheOthersFailure) {
  auto all = questions(4);
  all[2] = {{{"user", std::string(100000, 'x')}}};
  all[3] = {};
  int answered = 0, refused = 0;
  answer_many(assistant_, all, options_, [&](size_t i, const Answered& answer) {
    (answer ? answered : refused) += 1;
    EXPECT_EQ(static_cast<bool>(answer), i < 2);
    if (!answer) {
      EXPECT_NE(answer.error(), "");
    }
  });
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(refused, 2);
}

TEST_F(AnswerManyTest, StoppedItAsksNothingMore) {
  std::atomic<bool> stop = false;
  options_.stop = &stop;
  size_t answered = 0;
  answer_many(assistant_, questions(1000), options_, [&](size_t, const Answered&) {
    ++answered;
    stop = true;
  });
  EXPECT_GE(answered, 1u);
  EXPECT_LE(answered, 3u);  // those that were ready at that moment
}

TEST(TaggedReply, ShowsTheTagsOfThoughts) {
  const chat::ReplyFormat special{.marks = {{300, "<think>"}, {301, "</think>"}, {302, "<tool_call>"}}};
  chat::ReplyFormat opened = special;
  opened.begins_in_reasoning = true;
  const auto tagged = [&](const chat::ReplyFormat& format, std::string text, std::vector<TextMark> marks) {
    GenerateResult result;
    result.text = std::move(text);
    result.marks = std::move(marks);
    return tagged_reply(special, read_answer(format, std::move(result)));
  };
  EXPECT_EQ(tagged(special, "7", {}), "7");
  EXPECT_EQ(tagged(opened, "3+4 7", {{4, 301}}), "3+4 </think>7");
  EXPECT_EQ(tagged(opened, "3+4 7 8", {{4, 301}, {6, 301}}), "3+4 </think>7 </think>8");
  EXPECT_EQ(tagged(opened, "7", {}), "<think>7");
  EXPECT_EQ(tagged(special, "3+47", {{0, 300}, {3, 301}}), "<think>3+4</think>7");
  EXPECT_EQ(tagged(special, "3+4", {{0, 300}}), "<think>3+4");
  EXPECT_EQ(tagged(special, "7", {{0, 300}, {0, 301}, {1, 302}}), "<think></think>7");
  const chat::ReplyFormat plain{.begins_in_reasoning = true};  // the tags are text there
  EXPECT_EQ(tagged(plain, "3+4</think>7", {}), "3+4</think>7");
  EXPECT_EQ(tagged(plain, "3+4", {}), "<think>3+4");
}

}  // namespace
}  // namespace hadal
