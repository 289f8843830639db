#include "chat/conversation.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal::chat {
namespace {

Conversation read(const char* text) { return read_conversation(OrderedJson::parse(text), "chat.json"); }

std::string error_of(const char* text) {
  try {
    read(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Conversation, IsReadFromARequest) {
  const Conversation conversation = read(R"({
    "model": "any", "temperature": 7, "tools": [{"type": "function"}],
    "chat_template_kwargs": {"enable_thinking": false},
    "messages": [{"role": "developer", "content": "s"},
                 {"role": "user", "content": [{"type": "text", "text": "h"}, "i"], "name": "Ann"},
                 {"role": "assistant", "content": null, "reasoning_content": "hm", "refusal": null,
                  "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
                 {"role": "tool", "content": "5", "tool_call_id": "1"},
                 {"role": "assistant", "thinking": "so", "citations": [1]}]})");
  ASSERT_EQ(conversation.messages.size(), 5u);
  EXPECT_EQ(conversation.messages[0].role, "system");
  EXPECT_EQ(conversation.messages[1].content, "hi");
  EXPECT_EQ(conversation.messages[1].name, "Ann");
  EXPECT_EQ(conversation.messages[2].reasoning, "hm");
  EXPECT_FALSE(conversation.messages[2].content.has_value());
  EXPECT_EQ(conversation.messages[2].tool_calls[0]["id"], "1");
  EXPECT_EQ(conversation.messages[3].tool_call_id, "1");
  EXPECT_EQ(conversation.messages[4].reasoning, "so");
  EXPECT_EQ(conversation.messages[4].content, "");
  EXPECT_EQ(conversation.tools.size(), 1u);
  EXPECT_EQ(conversation.options["enable_thinking"], false);
  EXPECT_TRUE(conversation.add_generation_prompt);
}

// What a template is given: the fields of the API, further ones as they came, and none that were not there.
TEST(Conversation, AMessageReachesTheTemplateWithAllItsFields) {
  for (const char* text : {
           R"({"role":"user","content":"hi"})",
           R"({"role":"user","content":"","name":"Ann"})",
           R"({"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"b":1,"a":2}}}]})",
           R"({"role":"tool","content":"5","tool_call_id":"1","name":"f"})",
           R"({"role":"assistant","content":"x","reasoning_content":"","citations":[1,{"z":0,"a":1}]})",
           R"({"role":"user","content":"x","name":7})",
       }) {
    const OrderedJson list = OrderedJson::array({OrderedJson::parse(text)});
    const Conversation conversation = read_conversation({{"messages", list}}, "x");
    EXPECT_EQ(to_json(conversation.messages[0]).dump(), text);
  }
}

TEST(Conversation, PartsAreJoinedWhoeverAsks) {
  const auto text = [](const char* json) { return content_text(OrderedJson::parse(json), "x").text; };
  EXPECT_EQ(text(R"("a")"), "a");
  EXPECT_EQ(text(R"(["a", {"type": "text", "text": "b"}, {"text": "c"}, {"type": "input_text", "text": "d"}])"),
            "abcd");
  EXPECT_EQ(text("[]"), "");
  EXPECT_EQ(content_text(OrderedJson::parse(R"([{"type": "image_url"}, "a"])"), "x").other_part, "image_url");
  for (const char* wrong : {"5", "{}", "[5]", R"([{"type": 5}])", R"([{"type": "text"}])", R"([{"text": 5}])"})
    EXPECT_THROW(content_text(OrderedJson::parse(wrong), "x"), Error) << wrong;
}

TEST(Conversation, SaysWhereARequestIsWrong) {
  EXPECT_NE(error_of("[]").find("chat.json: expected an object"), std::string::npos);
  EXPECT_NE(error_of("{}").find("messages: expected a list of at least one message"), std::string::npos);
  EXPECT_NE(error_of(R"({"messages": []})").find("at least one"), std::string::npos);
  EXPECT_NE(error_of(R"({"messages": [{"role": "user"}, 5]})").find("messages[1]"), std::string::npos);
  EXPECT_NE(error_of(R"({"messages": [{"content": "x"}]})").find("\"role\""), std::string::npos);
  EXPECT_NE(error_of(R"({"messages": [{"role": "user", "content": 5}]})").find("\"content\""), std::string::npos);
  EXPECT_NE(error_of(R"({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})").find("image_url"),
            std::string::npos);
}

TEST(Conversation, ACallIsAnItemOfToolCalls) {
  EXPECT_EQ(to_json(ToolCall{"7", "f", "{\"a\":1}"}).dump(),
            R"({"id":"7","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}})");
  EXPECT_FALSE(to_json(ToolCall{"", "f", "{}"}).contains("id"));
}

}  // namespace
}  // namespace hadal::chat
