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

// A tokenizer with the tags, special tokens or text, and a template that opens thoughts unless told otherwise.
Tokenizer thinking_tokenizer(TokenType type) {
  TokenizerParts parts = test::byte_tokenizer(true).parts();
  for (const char* tag : {"<think>", "</think>"}) {
    parts.tokens.emplace_back(tag);
    parts.types.push_back(type);
  }
  parts.chat_template =
      "{% for m in messages %}{{ m.content }}{% endfor %}{% if thinking | default(true) %}<think>{% endif %}";
  return Tokenizer::from_parts(std::move(parts), "test");
}

// Where the template opens the thoughts a reply begins in them; the special token that ends them is no text.
TEST_F(AssistantTest, AReplyBeginsInTheThoughtsThatTheTemplateOpened) {
  const Tokenizer tokenizer = thinking_tokenizer(TokenType::control);
  Engine engine(test::make_model(test::byte_config()), std::make_shared<const Tokenizer>(tokenizer), EngineOptions{});
  const Assistant assistant(engine);
  EXPECT_TRUE(assistant.can_think());
  GenerateRequest request;
  request.max_tokens = 3;
  request.think_tokens = 3;
  request.sampling.temperature = 0;
  request.sampling.logit_bias = {{'x', 100.0f}};
  Answer answer = assistant.answer({{{"user", "Hi"}}}, request);
  EXPECT_EQ(answer.result.text, "xxx");
  EXPECT_EQ(answer.message.reasoning, "xxx");
  EXPECT_EQ(answer.message.content, "");
  request.sampling.logit_bias = {{tokenizer.find("</think>"), 100.0f}};
  answer = assistant.answer({{{"user", "Hi"}}}, request);
  EXPECT_EQ(answer.result.marks.size(), 3u);
  EXPECT_FALSE(answer.message.reasoning.has_value());
  EXPECT_EQ(answer.message.content, "");
}

TEST(LimitThoughts, LeavesRoomForAnAnswerInTheContext) {
  const auto budget = [](size_t prompt, std::optional<int64_t> asked, int64_t max_tokens) {
    GenerateRequest request;
    request.prompt.assign(prompt, 'q');
    request.think_tokens = asked;
    request.max_tokens = max_tokens;
    limit_thoughts(request, {}, 1024);
    return request.think_tokens;
  };
  EXPECT_EQ(budget(24, {}, 0), 750);
  EXPECT_EQ(budget(24, {}, 100), 75);
  EXPECT_EQ(budget(24, 936, 0), 936);
  EXPECT_EQ(budget(24, 937, 0), 936);
  EXPECT_EQ(budget(24, 90, 100), 90) << "max_tokens is the caller's to choose";
  EXPECT_EQ(budget(1004, 768, 0), 15);
  EXPECT_EQ(budget(1024, 768, 0), 0);
  EXPECT_EQ(budget(1030, {}, 0), 0);
}

// Also behind a quotation mark, where a </think> that the model writes would be spoken of.
TEST_F(AssistantTest, ThoughtsEndWithTheirBudget) {
  for (const TokenType type : {TokenType::control, TokenType::user_defined}) {
    const Tokenizer tokenizer = thinking_tokenizer(type);
    Engine engine(test::make_model(test::byte_config()), std::make_shared<const Tokenizer>(tokenizer), EngineOptions{});
    const Assistant assistant(engine);
    GenerateRequest request;
    request.max_tokens = 8;
    request.sampling.temperature = 0;
    request.sampling.logit_bias = {{'"', 100.0f}};
    chat::Conversation conversation{{{"user", "Hi"}}};
    std::string thoughts, text;
    Answer answer = assistant.answer(conversation, request, [&](const chat::ReplyDelta& delta) {
      (delta.kind == chat::ReplyDelta::Kind::reasoning ? thoughts : text) += delta.text;
      return true;
    });
    EXPECT_EQ(answer.message.reasoning, R"("""""")") << "three quarters of 8";
    EXPECT_EQ(answer.message.content, "\"");
    EXPECT_EQ(thoughts, *answer.message.reasoning);
    EXPECT_EQ(text, *answer.message.content);
    EXPECT_EQ(answer.result.think_tokens, 6);
    EXPECT_EQ(answer.result.forced, 6);
    request.think_tokens = 2;
    answer = assistant.submit(conversation, request).wait();
    EXPECT_EQ(answer.message.reasoning, "\"\"");
    EXPECT_EQ(answer.message.content, std::string(5, '"'));
    set_thinking(conversation, false);
    answer = assistant.answer(conversation, request);
    EXPECT_FALSE(answer.message.reasoning.has_value());
    EXPECT_EQ(answer.message.content, std::string(8, '"'));
    EXPECT_EQ(answer.result.think_tokens, 0);
    EXPECT_EQ(answer.result.forced, -1);
  }
}

TEST_F(AssistantTest, WhatTheConversationSaysOfThinkingStays) {
  chat::Conversation conversation;
  conversation.options = {{"thinking", true}};
  set_thinking(conversation, false);
  EXPECT_EQ(conversation.options, OrderedJson({{"thinking", true}, {"enable_thinking", false}}));
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
