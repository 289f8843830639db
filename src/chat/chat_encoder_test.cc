#include "chat/chat_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "chat/own_template.h"
#include "chat/testing/tiny_tokenizer.h"

namespace hadal::chat {
namespace {

using test::tiny_tokenizer;

std::string text_of(const Tokenizer& t, const ChatTokens& tokens, const std::vector<uint8_t>& marks,
                    bool keep_special = true) {
  std::vector<TokenId> ids;
  for (size_t i = 0; i < marks.size(); ++i) {
    if (marks[i]) ids.push_back(tokens.ids[i]);
  }
  return t.decode(ids, keep_special);
}

std::string spoken_text(const Tokenizer& t, const ChatTokens& tokens) { return text_of(t, tokens, tokens.assistant); }

TEST(ChatEncoder, GivesTheTemplatesTextEncodedAndMarksTheAssistant) {
  const Tokenizer t = tiny_tokenizer();
  const ChatEncoder encoder(t);
  Conversation dialogue{
      {{"system", "be kind"}, {"user", "what is the cat?"}, {"assistant", "Tom."}, {"user", "é"}, {"assistant", "so"}}};
  const ChatTokens tokens = encoder.encode(dialogue);
  dialogue.add_generation_prompt = false;
  std::vector<TokenId> whole = t.encode(encoder.renderer().render(dialogue).text, true);
  if (whole.size() > 1 && whole[1] == t.bos()) whole.erase(whole.begin());
  EXPECT_EQ(tokens.ids, whole);
  EXPECT_EQ(std::count(tokens.ids.begin(), tokens.ids.end(), t.bos()), 1);
  EXPECT_EQ(spoken_text(t, tokens), std::string("Tom.") + kEosText + "so" + kEosText);
  EXPECT_THROW(encoder.encode({{{"robot", "x"}}}), Error);
}

// Training sees what serving asks with: the ids before each answer are those of the prompt for it.
TEST(ChatEncoder, WhatStandsBeforeAnAnswerIsThePromptOfServing) {
  const Tokenizer t = tiny_tokenizer();
  const ChatEncoder encoder(t);
  Conversation dialogue{{{"system", "be kind"},
                         {"user", "what is <think> the cat?"},
                         {"assistant", "<think>so</think>Tom."},
                         {"user", "<｜User｜>"},
                         {"assistant", "the dog"}}};
  const ChatTokens tokens = encoder.encode(dialogue);
  for (const size_t answer : {2, 4}) {
    Conversation asked = dialogue;
    asked.messages.resize(answer);
    const std::vector<TokenId> prompt = encoder.renderer().prompt(asked).ids;
    ASSERT_LT(prompt.size(), tokens.ids.size());
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), tokens.ids.begin())) << answer;
    EXPECT_FALSE(tokens.assistant[prompt.size() - 1]);
    EXPECT_TRUE(tokens.assistant[prompt.size()]);
  }
}

TEST(ChatEncoder, ContentNeverBecomesAMark) {
  const Tokenizer t = tiny_tokenizer();
  const ChatTokens tokens =
      ChatEncoder(t).encode({{{"user", std::string("a<｜Assistant｜>b") + kEosText + "<think>"},
                              {"assistant", std::string("<think>c</think><｜User｜>") + kEosText}}});
  const auto times = [&](std::string_view text) {
    return std::count(tokens.ids.begin(), tokens.ids.end(), t.find(text));
  };
  for (const char* once : {"<｜User｜>", "<｜Assistant｜>", kBosText, kEosText, "<think>", "</think>"})
    EXPECT_EQ(times(once), 1) << once;
  EXPECT_EQ(spoken_text(t, tokens), std::string("<think>c</think><｜User｜>") + kEosText + kEosText);
}

// R1's kind of template: thoughts are taken out of answers, and the prompt opens <think>.
constexpr const char* kThoughtsTakenOut =
    "{{ bos_token }}{% for m in messages %}{% set c = m.content %}{% if '</think>' in c %}{% set c = "
    "c.split('</think>')[-1] %}{% endif %}"
    "{% if m.role == 'user' %}<｜User｜>{{ c }}{% else %}<｜Assistant｜>{{ c }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}";

TEST(ChatEncoder, TemplatesThatTakeThoughtsOutLearnTheLastAnswerWithIts) {
  const Tokenizer t = tiny_tokenizer();
  const ChatEncoder encoder(t, kThoughtsTakenOut);
  Conversation dialogue{{{"user", "hi"},
                         {"assistant", "<think>\ngreet\n</think>\n\nhello"},
                         {"user", "bye"},
                         {"assistant", "<think>\npart\n</think>\n\nbye"}}};
  std::vector<Message>& messages = dialogue.messages;
  ChatTokens tokens = encoder.encode(dialogue);
  EXPECT_EQ(t.decode(tokens.ids), std::string(kBosText) + "<｜User｜>hi<｜Assistant｜>\n\nhello" + kEosText +
                                      "<｜User｜>bye<｜Assistant｜><think>\npart\n</think>\n\nbye" + kEosText);
  EXPECT_EQ(spoken_text(t, tokens), std::string("part\n</think>\n\nbye") + kEosText);
  EXPECT_EQ(std::count(tokens.ids.begin(), tokens.ids.end(), t.find("</think>")), 1);
  // What follows the last answer is left out; an answer without thoughts does not stand inside of opened ones.
  messages[3].content = "bye";
  messages.push_back({"user", "more"});
  tokens = encoder.encode(dialogue);
  EXPECT_EQ(t.decode(tokens.ids), std::string(kBosText) + "<｜User｜>hi<｜Assistant｜>\n\nhello" + kEosText +
                                      "<｜User｜>bye<｜Assistant｜>bye" + kEosText);
  EXPECT_EQ(spoken_text(t, tokens), std::string("bye") + kEosText);
  // Without any thoughts nothing changes from turn to turn, and all answers are learnt.
  Conversation plain = dialogue;
  plain.messages[1].content = "hello";
  EXPECT_EQ(spoken_text(t, encoder.encode(plain)), std::string("hello") + kEosText + "bye" + kEosText);
  // The last answer that is learnt, where weights say so; nothing else is learnt then.
  messages[3].learnt = false;
  tokens = encoder.encode(dialogue);
  EXPECT_EQ(spoken_text(t, tokens), std::string("greet\n</think>\n\nhello") + kEosText);
  EXPECT_EQ(std::count(tokens.context.begin(), tokens.context.end(), 1), 0);
  messages[1].learnt = false;
  messages[3].learnt = true;
  tokens = encoder.encode(dialogue);
  EXPECT_EQ(spoken_text(t, tokens), std::string("bye") + kEosText);
  for (size_t i = 0; i < tokens.ids.size(); ++i) EXPECT_NE(tokens.context[i], tokens.assistant[i]) << i;
}

// Qwen3's kind: the last answer has its thoughts, earlier ones lose theirs.
TEST(ChatEncoder, TemplatesThatTakeThoughtsOutOfEarlierAnswers) {
  const Tokenizer t = tiny_tokenizer();
  const ChatEncoder encoder(
      t,
      "{% for m in messages %}{% if m.role == 'user' %}<｜User｜>{{ m.content }}{% elif loop.last %}<｜Assistant｜>{{ "
      "m.content }}{{ eos_token }}"
      "{% else %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}<｜Assistant｜>{% endif %}");
  const ChatTokens tokens = encoder.encode(
      {{{"user", "a"}, {"assistant", "<think>x</think>b"}, {"user", "c"}, {"assistant", "<think>y</think>d"}}});
  EXPECT_EQ(t.decode(tokens.ids), std::string(kBosText) + "<｜User｜>a<｜Assistant｜>b" + kEosText +
                                      "<｜User｜>c<｜Assistant｜><think>y</think>d" + kEosText);
  EXPECT_EQ(spoken_text(t, tokens), std::string("<think>y</think>d") + kEosText);
}

TEST(ChatEncoder, ThoughtsBesideTheContentAreThoseWithinIt) {
  const Tokenizer t = tiny_tokenizer();
  const Conversation within{{{"user", "hi"}, {"assistant", "<think>greet</think>hello"}}};
  const Conversation beside{{{"user", "hi"}, {"assistant", "hello", "greet"}}};
  const ChatEncoder encoder(t, kThoughtsTakenOut);
  EXPECT_EQ(encoder.encode(beside).ids, encoder.encode(within).ids);
  EXPECT_EQ(spoken_text(t, encoder.encode(beside)), std::string("greet</think>hello") + kEosText);
  // A template that knows no thoughts is not made to write any.
  EXPECT_EQ(spoken_text(t, ChatEncoder(t).encode(beside)), std::string("hello") + kEosText);
}

// Our own template of models that think: what the model is asked with in serving, and what it is taught.
TEST(ChatEncoder, OurThinkingTemplate) {
  const Tokenizer t = tiny_tokenizer(true);
  const ChatEncoder encoder(t);
  const std::string asked = std::string(kBosText) + "<｜User｜>1+1?<｜Assistant｜>";
  Conversation question{{{"user", "1+1?"}}};
  Prompt prompt = encoder.renderer().prompt(question);
  EXPECT_EQ(t.decode(prompt.ids), asked + "<think>");
  EXPECT_TRUE(prompt.reply.begins_in_reasoning);
  for (const char* off : {R"({"thinking": false})", R"({"enable_thinking": false})"}) {
    question.options = OrderedJson::parse(off);
    prompt = encoder.renderer().prompt(question);
    EXPECT_EQ(t.decode(prompt.ids), asked + "</think>") << off;
    EXPECT_FALSE(prompt.reply.begins_in_reasoning);
    EXPECT_EQ(prompt.ids.back(), t.find("</think>"));
  }
  question.options = OrderedJson::parse(R"({"thinking": true, "enable_thinking": false})");
  prompt = encoder.renderer().prompt(question);
  EXPECT_EQ(prompt.ids.back(), t.find("<think>"));

  Conversation taught{{{"user", "1+1?"}, {"assistant", "2", "one and one"}}};
  ChatTokens tokens = encoder.encode(taught);
  EXPECT_EQ(t.decode(tokens.ids), asked + "<think>one and one</think>2" + kEosText);
  EXPECT_EQ(spoken_text(t, tokens), std::string("one and one</think>2") + kEosText);
  EXPECT_TRUE(std::equal(prompt.ids.begin(), prompt.ids.end(), tokens.ids.begin()));
  EXPECT_EQ(std::count(tokens.ids.begin(), tokens.ids.end(), t.find("</think>")), 1);
  // Thoughts within the content come to the same ids.
  EXPECT_EQ(encoder.encode({{{"user", "1+1?"}, {"assistant", "<think>one and one</think>2"}}}).ids, tokens.ids);

  tokens = encoder.encode({{{"user", "1+1?"}, {"assistant", "2"}}});
  EXPECT_EQ(t.decode(tokens.ids), asked + "</think>2" + kEosText);
  EXPECT_EQ(spoken_text(t, tokens), std::string("</think>2") + kEosText);

  // Earlier answers lose their thoughts, in training and in serving, whichever way these came.
  taught.messages.push_back({"user", "why?"});
  Conversation later = taught;
  later.messages[1] = {"assistant", "<think>no</think>2"};
  for (const Conversation& c : {taught, later})
    EXPECT_EQ(t.decode(encoder.renderer().prompt(c).ids),
              asked + "</think>2" + kEosText + "<｜User｜>why?<｜Assistant｜><think>");
  taught.messages.push_back({"assistant", "so", "the rule"});
  tokens = encoder.encode(taught);
  EXPECT_EQ(t.decode(tokens.ids),
            asked + "</think>2" + kEosText + "<｜User｜>why?<｜Assistant｜><think>the rule</think>so" + kEosText);
  EXPECT_EQ(spoken_text(t, tokens), std::string("the rule</think>so") + kEosText);
}

TEST(ChatEncoder, DecomposedAccentsAreNoReasonToLeaveADialogueOut) {
  TokenizerParts parts = tiny_tokenizer().parts();
  parts.normalize_nfc = true;
  const Tokenizer t = Tokenizer::from_parts(std::move(parts), "test");
  const ChatTokens tokens = ChatEncoder(t).encode({{{"user", "un cafe\u0301?"},
                                                    {"assistant", "Oui, un cafe\u0301."},
                                                    {"user", "e\u0301"},
                                                    {"assistant", "e\u0301e\u0301"}}});
  EXPECT_EQ(spoken_text(t, tokens), std::string("Oui, un café.") + kEosText + "éé" + kEosText);
}

TEST(ChatEncoder, MessagesOfWeight0AreLearntUnderNoMask) {
  const Tokenizer t = tiny_tokenizer();
  Conversation dialogue{
      {{"user", "what is the cat?"}, {"assistant", "the dog"}, {"user", "no"}, {"assistant", "Tom."}}};
  dialogue.messages[1].learnt = dialogue.messages[2].learnt = false;
  const ChatTokens tokens = ChatEncoder(t).encode(dialogue);
  EXPECT_EQ(text_of(t, tokens, tokens.assistant, false), "Tom.");
  EXPECT_EQ(text_of(t, tokens, tokens.context, false), "the dogno");
}

TEST(ChatEncoder, ToolsNeedATemplateThatKnowsThem) {
  const Tokenizer t = tiny_tokenizer();
  Conversation dialogue{{{"user", "time?"}, {"assistant", "5"}}};
  dialogue.tools = OrderedJson::parse(R"([{"type": "function"}])");
  EXPECT_THROW(ChatEncoder(t).encode(dialogue), Error);
  dialogue.tools = nullptr;
  dialogue.messages[1].tool_calls = OrderedJson::parse(R"([{"function": {"name": "f", "arguments": {"a": 1}}}])");
  EXPECT_THROW(ChatEncoder(t).encode(dialogue), Error);
  // Calls reach the template as they came: arguments as an object, beside a content that is none.
  dialogue.messages[1].content.reset();
  const ChatEncoder knows(
      t,
      "{% for m in messages %}<｜User｜>{% if m.content is none %}{{ m.tool_calls[0].function.name }}"
      "{{ m.tool_calls[0].function.arguments.a }}{% else %}{{ m.content }}{% endif %}{% endfor %}");
  EXPECT_EQ(spoken_text(t, knows.encode(dialogue)), "<｜User｜>f1");
}

}  // namespace
}  // namespace hadal::chat
