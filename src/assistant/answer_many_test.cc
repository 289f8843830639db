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
    EXPECT_EQ(answer->result.ids, assistant_.answer(all[i], options_.request).result.ids);
  });
  EXPECT_EQ(answered.size(), 10u);
}

TEST_F(AnswerManyTest, AConversationThatIsRefusedIsNotTheOthersFailure) {
  auto all = questions(4);
  all[2] = {{{"user", std::string(100000, 'x')}}};
  all[3] = {};
  int answered = 0, refused = 0;
  answer_many(assistant_, all, options_, [&](size_t i, const Answered& answer) {
    (answer ? answered : refused) += 1;
    EXPECT_EQ(answer.has_value(), i < 2);
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

}  // namespace
}  // namespace hadal
