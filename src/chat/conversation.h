// A conversation as everything here knows it: the server's requests, the terminal, training's dialogues. What a model's
// template is given of it says to_json(); that is the same whoever asks, so what a model saw in training is what it is
// served with.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hadal::chat {

struct ToolCall {
  std::string id;         // "": the model's format has none
  std::string name;       // of the function
  std::string arguments;  // JSON, as the model wrote it

  bool operator==(const ToolCall&) const = default;
};

struct Message {
  std::string role;                           // system, user, assistant, tool; or what the template knows
  std::optional<std::string> content = {};    // none: beside tool calls alone
  std::optional<std::string> reasoning = {};  // what the assistant thought before it answered
  OrderedJson tool_calls = nullptr;           // a list as templates take it ([{"id", "type", "function"}]), or null
  std::optional<std::string> tool_call_id = {}, name = {};  // of a tool's result; of whoever speaks
  OrderedJson more = nullptr;  // further fields, which reach the template as they are: an object, or null
  bool learnt = true;          // training: false is context of the other messages

  std::string_view text() const { return content ? std::string_view(*content) : std::string_view(); }
};

struct Conversation {
  std::vector<Message> messages;
  OrderedJson tools = nullptr;        // the functions that may be called, a list of JSON schemas, or null
  OrderedJson options = nullptr;      // more variables of the template (enable_thinking, ...): an object, or null
  bool add_generation_prompt = true;  // end with what begins an answer; options may say otherwise
};

// The content of a message: a text, or a list of parts whose texts are joined. A part is a text, or an object with a
// "text" whose type is text, input_text, output_text or not given. Error naming `where` for anything else.
struct ContentText {
  std::string text;
  std::string other_part;  // the type of a part that is no text ("image_url"); "": there is none
};
ContentText content_text(const OrderedJson& content, std::string_view where);

// A field of a message beside role and content, by its name in the API: kept where Message has a place for it, else in
// `more`. Null is no value. An assistant's thoughts are `reasoning_content`, `reasoning` or `thinking`.
void set_field(Message& message, std::string_view name, const OrderedJson& value);

// A request's {"messages", "tools", "chat_template_kwargs"}; what else it holds is left alone. Developer is another
// name of the role system. Error naming `where` and the field that is wrong.
Conversation read_conversation(const OrderedJson& request, std::string_view where);

OrderedJson to_json(const Message& message);  // as templates take it
OrderedJson to_json(const ToolCall& call);    // an item of `tool_calls`; the arguments stay a text

}  // namespace hadal::chat
