#include "assistant/assistant.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "weights/testing/test_folder.h"

namespace hadal {
namespace {

class AssistantTest : public ::testing::Test {
 protected:
  static std::unique_ptr<Engine> make_engine(bool chat) {
    std::shared_ptr<Model> model = test::make_model(test::byte_config());
    return std::make_unique<Engine>(model, std::make_shared<const Tokenizer>(test::byte_tokenizer(chat)),
                                    EngineOptions{});
  }
  static std::vector<TokenId> bytes(std::string_view text) {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
};

TEST_F(AssistantTest, RendersTheConversationWithTheModelsTemplate) {
  const auto engine = make_engine(true);
  const Assistant assistant(*engine);
  std::vector<TokenId> expected = {256};  // once, though both the template and the tokenizer put it there
  const auto add = [&](const std::vector<TokenId>& ids) { expected.insert(expected.end(), ids.begin(), ids.end()); };
  add(bytes("Be brief.Hi"));
  add({258});
  add(bytes("Hello"));
  add({257});
  add(bytes("Who?"));
  add({258});
  EXPECT_EQ(assistant.prompt({{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello"}, {"user", "Who?"}}),
            expected);
}

TEST_F(AssistantTest, AnswersAndStreams) {
  const auto engine = make_engine(true);
  const Assistant assistant(*engine);
  GenerateRequest request;
  request.max_tokens = 30;
  request.sampling.seed = 9;
  std::string streamed;
  const auto result = assistant.answer({{"user", "Hi"}}, request, [&](std::string_view piece) {
    streamed += piece;
    return true;
  });
  EXPECT_EQ(streamed, result.text);
  EXPECT_EQ(result.prompt_tokens, 4);
  request.prompt = {256, 'H', 'i', 258};
  EXPECT_EQ(engine->generate(request).ids, result.ids);
}

TEST_F(AssistantTest, RefusesWhatItCannotRender) {
  const auto engine = make_engine(true);
  const Assistant assistant(*engine);
  EXPECT_THROW(assistant.prompt({}), Error);
  EXPECT_THROW(assistant.prompt({{"wizard", "Hi"}}), Error);
  const auto plain = make_engine(false);
  EXPECT_THROW(Assistant{*plain}, Error);
}

}  // namespace
}  // namespace hadal
