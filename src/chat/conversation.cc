#include "chat/conversation.h"

#include <fmt/format.h>

#include "base/error.h"

namespace hadal::chat {
namespace {

bool is_text_type(std::string_view type) { return type == "text" || type == "input_text" || type == "output_text"; }

const OrderedJson* find(const OrderedJson& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string string_field(const OrderedJson& object, const char* name, std::string_view where) {
  const OrderedJson* value = find(object, name);
  if (value == nullptr) fail("{}: expected a field \"{}\", found none", where, name);
  if (!value->is_string()) fail("{}: \"{}\": expected a string, found {}", where, name, value->type_name());
  return value->get<std::string>();
}

// The member of a message that has this name; null where there is none.
std::optional<std::string>* text_member(Message& message, std::string_view name) {
  if (name == "reasoning_content" || name == "reasoning" || name == "thinking") return &message.reasoning;
  if (name == "tool_call_id") return &message.tool_call_id;
  return name == "name" ? &message.name : nullptr;
}

Message read_message(const OrderedJson& item, const std::string& where) {
  if (!item.is_object()) fail("{}: expected an object with role and content, found {}", where, item.type_name());
  Message message{.role = string_field(item, "role", where)};
  if (message.role == "developer") message.role = "system";
  for (const auto& [name, value] : item.items()) {
    if (name != "role" && name != "content") set_field(message, name, value);
  }
  if (const OrderedJson* content = find(item, "content")) {
    ContentText read = content_text(*content, where);
    if (!read.other_part.empty()) fail("{}: content: expected parts of type text, found {}", where, read.other_part);
    message.content = std::move(read.text);
  } else if (message.tool_calls.is_null()) {
    message.content = "";
  }
  return message;
}

}  // namespace

ContentText content_text(const OrderedJson& content, std::string_view where) {
  if (content.is_string()) return {content.get<std::string>(), ""};
  if (!content.is_array()) {
    fail("{}: \"content\": expected a string or a list of parts, found {}", where, content.type_name());
  }
  ContentText out;
  for (const OrderedJson& part : content) {
    if (part.is_string()) {
      out.text += part.get_ref<const std::string&>();
      continue;
    }
    if (!part.is_object()) fail("{}: content: expected parts with a \"type\", found {}", where, part.type_name());
    const std::string type = part.contains("type") ? string_field(part, "type", where) : "text";
    if (is_text_type(type))
      out.text += string_field(part, "text", where);
    else
      out.other_part = type;
  }
  return out;
}

void set_field(Message& message, std::string_view name, const OrderedJson& value) {
  if (value.is_null()) return;
  std::optional<std::string>* member = text_member(message, name);
  if (member != nullptr && value.is_string())
    *member = value.get<std::string>();
  else if (name == "tool_calls")
    message.tool_calls = value;
  else
    message.more[std::string(name)] = value;
}

Conversation read_conversation(const OrderedJson& request, std::string_view where) {
  if (!request.is_object()) {
    fail("{}: expected an object with \"messages\", found a value of type {}", where, request.type_name());
  }
  const OrderedJson* messages = find(request, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty())
    fail("{}: messages: expected a list of at least one message", where);
  Conversation conversation;
  for (size_t i = 0; i < messages->size(); ++i)
    conversation.messages.push_back(read_message((*messages)[i], fmt::format("{}: messages[{}]", where, i)));
  if (const OrderedJson* tools = find(request, "tools")) conversation.tools = *tools;
  if (const OrderedJson* options = find(request, "chat_template_kwargs")) conversation.options = *options;
  return conversation;
}

OrderedJson to_json(const Message& message) {
  OrderedJson json = {{"role", message.role}, {"content", nullptr}};
  if (message.content) json["content"] = *message.content;
  if (!message.tool_calls.is_null()) json["tool_calls"] = message.tool_calls;
  if (message.tool_call_id) json["tool_call_id"] = *message.tool_call_id;
  if (message.name) json["name"] = *message.name;
  if (message.reasoning) json["reasoning_content"] = *message.reasoning;
  if (message.more.is_object()) json.update(message.more);
  return json;
}

OrderedJson to_json(const ToolCall& call) {
  OrderedJson json = OrderedJson::object();
  if (!call.id.empty()) json["id"] = call.id;
  json["type"] = "function";
  json["function"] = {{"name", call.name}, {"arguments", call.arguments}};
  return json;
}

}  // namespace hadal::chat
