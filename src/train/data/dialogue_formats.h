// The shapes in which dialogues are published, read into one: messages.
//
//   {"messages": [{"role", "content", "weight"}], "tools"}           OpenAI, Mistral; content may be a list of parts
//   {"conversations": [{"from", "value"}], "system", "tools"}        ShareGPT; from: human, gpt, system, ...
//   {"instruction", "input", "output", "system", "history"}          Alpaca; Dolly's "context" and "response" too
//   {"prompt", "completion"}                                         texts, or lists of messages
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "chat/conversation.h"

namespace hadal {

struct Dialogue {
  chat::Conversation conversation;
  std::string unusable;  // why a well-formed dialogue cannot be learnt from ("with a content part of ..."); "": it can
};

// Throws Error naming `where` for what is none of these; preference data is refused by name.
// The order of fields in `tools` and `tool_calls` is that of the line, as templates print them.
Dialogue read_dialogue(const OrderedJson& line, const std::string& where);

// The names of an object's fields for errors, at most a few and each cut: "a, b, c, ...".
std::string field_names(const Json& object);
std::string field_names(const OrderedJson& object);

// The field, which must be a text. Throws Error naming `where`.
std::string text_field(const Json& object, const char* key, const std::string& where);
std::string text_field(const OrderedJson& object, const char* key, const std::string& where);

}  // namespace hadal
