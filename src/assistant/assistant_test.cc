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
  EXPECT_EQ(assistant.prompt({{{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello"}, {"user", "Who?"}}}).ids,
            expected);
}

TEST_F(AssistantTest, AnswersAndStreams) {
  const auto engine = make_engine(true);
  const Assistant assistant(*engine);
  GenerateRequest request;
  request.max_tokens = 30;
  request.sampling.seed = 9;
  std::string streamed;
  const Answer answer = assistant.answer({{{"user", "Hi"}}}, request, [&](const chat::ReplyDelta& delta) {
    streamed += delta.text;
    return true;
  });
  const GenerateResult& result = answer.result;
  EXPECT_EQ(streamed, result.text);
  EXPECT_EQ(answer.message.content, result.text);
  EXPECT_EQ(result.prompt_tokens, 4);
  request.prompt = {256, 'H', 'i', 258};
  EXPECT_EQ(engine->generate(request).ids, result.ids);
}

// Special tokens stand between bytes of the text, in any piece of it.
TEST_F(AssistantTest, SpecialTokensTakeTheirPlacesInTheReply) {
  using Kind = chat::ReplyDelta::Kind;
  const chat::ReplyFormat format{.marks = {{7, "<think>"}, {8, "</think>"}}};
  chat::ReplyParser whole(format);
  EXPECT_EQ(read_piece(whole, "hm</think>yes", {{{0, 7}, {10, 8}, {10, 99}}}),
            (std::vector<chat::ReplyDelta>{{Kind::reasoning, "hm</think>"}, {Kind::content, "yes"}}));
  chat::ReplyParser pieces(format);
  EXPECT_TRUE(read_piece(pieces, "", {{{0, 7}}}).empty());
  EXPECT_EQ(read_piece(pieces, "hm", {}), (std::vector<chat::ReplyDelta>{{Kind::reasoning, "hm"}}));
  EXPECT_EQ(read_piece(pieces, "yes", {{{0, 8}}}), (std::vector<chat::ReplyDelta>{{Kind::content, "yes"}}));
}

// Where the template opens the thoughts a reply begins in them; the special token that ends them is no text.
TEST_F(AssistantTest, AReplyBeginsInTheThoughtsThatTheTemplateOpened) {
  TokenizerParts parts = test::byte_tokenizer(true).parts();
  const auto end = static_cast<TokenId>(parts.tokens.size() + 1);
  for (const char* tag : {"<think>", "</think>"}) {
    parts.tokens.emplace_back(tag);
    parts.types.push_back(TokenType::control);
  }
  parts.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}<think>";
  Engine engine(test::make_model(test::byte_config()),
                std::make_shared<const Tokenizer>(Tokenizer::from_parts(std::move(parts), "test")), EngineOptions{});
  const Assistant assistant(engine);
  GenerateRequest request;
  request.max_tokens = 3;
  request.sampling.temperature = 0;
  request.sampling.logit_bias = {{'x', 100.0f}};
  Answer answer = assistant.answer({{{"user", "Hi"}}}, request);
  EXPECT_EQ(answer.result.text, "xxx");
  EXPECT_EQ(answer.message.reasoning, "xxx");
  EXPECT_EQ(answer.message.content, "");
  request.sampling.logit_bias = {{end, 100.0f}};
  answer = assistant.answer({{{"user", "Hi"}}}, request);
  EXPECT_EQ(answer.result.marks.size(), 3u);
  EXPECT_FALSE(answer.message.reasoning.has_value());
  EXPECT_EQ(answer.message.content, "");
}

TEST_F(AssistantTest, RefusesWhatItCannotRender) {
  const auto engine = make_engine(true);
  const Assistant assistant(*engine);
  EXPECT_THROW(assistant.prompt({}), Error);
  EXPECT_THROW(assistant.prompt({{{"wizard", "Hi"}}}), Error);
  const auto plain = make_engine(false);
  EXPECT_THROW(Assistant{*plain}, Error);
}

}  // namespace
}  // namespace hadal
