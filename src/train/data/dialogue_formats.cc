#include "train/data/dialogue_formats.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "train/data/source_report.h"

namespace hadal {
namespace {

constexpr const char* kKnown =
    "messages (role, content), conversations (from, value), instruction and output (input), prompt and completion";

template <typename AnyJson>
std::string names_of_fields(const AnyJson& object) {
  constexpr size_t kMost = 8;
  std::string out;
  size_t count = 0;
  for (const auto& [key, value] : object.items()) {
    if (++count > kMost) return out + ", ...";
    out += (out.empty() ? "" : ", ") + shortened(key, 40);
  }
  return out.empty() ? "none" : out;
}

template <typename AnyJson>
std::string text_of_field(const AnyJson& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) fail("{}: expected a field \"{}\", found {}", where, key, names_of_fields(object));
  if (!found->is_string()) fail("{}: \"{}\": expected a string, found {}", where, key, found->type_name());
  return found->template get<std::string>();
}

const OrderedJson* find(const OrderedJson& object, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto found = object.find(key);
    if (found != object.end() && !found->is_null()) return &*found;
  }
  return nullptr;
}

std::string optional_text(const OrderedJson& object, std::initializer_list<const char*> keys,
                          const std::string& where) {
  const OrderedJson* found = find(object, keys);
  if (!found) return "";
  if (!found->is_string()) fail("{}: \"{}\": expected a string, found {}", where, *keys.begin(), found->type_name());
  return found->get<std::string>();
}

// ShareGPT's names of speakers.
std::string role_of_speaker(const std::string& from, const std::string& where) {
  static constexpr std::array<std::pair<const char*, const char*>, 15> kRoles = {{{"human", "user"},
                                                                                  {"user", "user"},
                                                                                  {"gpt", "assistant"},
                                                                                  {"assistant", "assistant"},
                                                                                  {"chatgpt", "assistant"},
                                                                                  {"bing", "assistant"},
                                                                                  {"bard", "assistant"},
                                                                                  {"model", "assistant"},
                                                                                  {"ai", "assistant"},
                                                                                  {"bot", "assistant"},
                                                                                  {"system", "system"},
                                                                                  {"tool", "tool"},
                                                                                  {"observation", "tool"},
                                                                                  {"function_response", "tool"},
                                                                                  {"function_call", "function_call"}}};
  for (const auto& [name, role] : kRoles) {
    if (from == name) return role;
  }
  fail("{}: \"from\": expected human, gpt, system or tool, found \"{}\"", where, shortened(from, 40));
}

void read_content(const OrderedJson& item, const std::string& where, chat::Message& message, Dialogue& dialogue) {
  const auto content = item.contains("content") || !item.contains("value") ? item.find("content") : item.find("value");
  if (content != item.end() && !content->is_null()) {
    chat::ContentText read = chat::content_text(*content, where);
    message.content = std::move(read.text);
    if (!read.other_part.empty())
      dialogue.unusable = fmt::format("with a content part of the type \"{}\"", shortened(read.other_part, 40));
  } else if (!item.contains("tool_calls")) {
    if (content == item.end() && !item.contains("function_call"))
      fail("{}: expected a message with \"role\" and \"content\", found the fields {}", where, field_names(item));
    dialogue.unusable = "with a message without content";
  } else if (message.tool_calls.is_null()) {
    message.content = "";
  }
}

bool read_weight(const OrderedJson& item, const std::string& where) {
  const auto weight = item.find("weight");
  if (weight == item.end() || weight->is_null()) return true;
  if (weight->is_boolean()) return weight->get<bool>();
  if (!weight->is_number()) fail("{}: \"weight\": expected 0 or 1, found {}", where, weight->type_name());
  const double value = weight->get<double>();
  if (value != 0 && value != 1) fail("{}: \"weight\": expected 0 or 1, found {}", where, value);
  return value == 1;
}

void read_message(const OrderedJson& item, const std::string& where, Dialogue& dialogue) {
  if (!item.is_object()) fail("{}: messages: expected objects, found {}", where, item.type_name());
  chat::Message message;
  if (item.contains("role")) {
    message.role = text_field(item, "role", where);
    if (message.role == "developer") message.role = "system";  // OpenAI's newer name for it
  } else if (item.contains("from")) {
    message.role = role_of_speaker(text_field(item, "from", where), where);
  } else {
    fail("{}: expected a message with \"role\" and \"content\" (or \"from\" and \"value\"), found the fields {}", where,
         field_names(item));
  }
  for (const char* key : {"tool_calls", "tool_call_id", "name", "reasoning_content"}) {
    if (const OrderedJson* found = find(item, {key})) chat::set_field(message, key, *found);
  }
  read_content(item, where, message, dialogue);
  message.learnt = read_weight(item, where);
  if (message.role == "function_call" || find(item, {"function_call"}))
    dialogue.unusable = "with a function_call (write it as tool_calls)";
  dialogue.conversation.messages.push_back(std::move(message));
}

void read_messages(const OrderedJson& list, const char* key, const std::string& where, Dialogue& dialogue) {
  if (!list.is_array()) fail("{}: \"{}\": expected a list of messages, found {}", where, key, list.type_name());
  for (const OrderedJson& item : list) read_message(item, where, dialogue);
}

// Some files hold the list as a text of JSON.
void read_tools(const OrderedJson& line, const std::string& where, Dialogue& dialogue) {
  const OrderedJson* tools = find(line, {"tools"});
  if (find(line, {"functions"})) dialogue.unusable = "with functions (write them as tools)";
  if (!tools || tools->empty()) return;
  std::string text = tools->is_string() ? tools->get<std::string>() : tools->dump();
  if (text.find_first_not_of(" \t\r\n") == text.npos) return;
  OrderedJson parsed = parse_ordered_json(text, where + ": tools");
  if (!parsed.is_array()) fail("{}: \"tools\": expected a list, found {}", where, parsed.type_name());
  if (!parsed.empty()) dialogue.conversation.tools = std::move(parsed);
}

void read_alpaca(const OrderedJson& line, const std::string& where, Dialogue& dialogue) {
  if (const OrderedJson* history = find(line, {"history"})) {
    if (!history->is_array()) fail("{}: \"history\": expected a list, found {}", where, history->type_name());
    for (const OrderedJson& turn : *history) {
      if (!turn.is_array() || turn.size() != 2 || !turn[0].is_string() || !turn[1].is_string())
        fail("{}: \"history\": expected pairs of a question and an answer", where);
      dialogue.conversation.messages.push_back({"user", turn[0].get<std::string>()});
      dialogue.conversation.messages.push_back({"assistant", turn[1].get<std::string>()});
    }
  }
  const std::string instruction = text_field(line, "instruction", where);
  const std::string input = optional_text(line, {"input", "context"}, where);
  const std::string between = instruction.empty() || input.empty() ? "" : "\n\n";
  dialogue.conversation.messages.push_back({"user", instruction + between + input});
  dialogue.conversation.messages.push_back({"assistant", optional_text(line, {"output", "response"}, where)});
}

void read_completion(const OrderedJson& line, const std::string& where, Dialogue& dialogue) {
  const OrderedJson &prompt = *find(line, {"prompt"}), &completion = *find(line, {"completion", "response"});
  if (prompt.is_string() && completion.is_string()) {
    dialogue.conversation.messages.push_back({"user", prompt.get<std::string>()});
    dialogue.conversation.messages.push_back({"assistant", completion.get<std::string>()});
    return;
  }
  if (!prompt.is_array() || !completion.is_array()) {
    fail("{}: expected \"prompt\" and \"completion\" as two strings or two lists of messages, found {} and {}", where,
         prompt.type_name(), completion.type_name());
  }
  read_messages(prompt, "prompt", where, dialogue);
  for (chat::Message& message : dialogue.conversation.messages)
    message.learnt &= message.role != "assistant";  // the prompt is context
  read_messages(completion, "completion", where, dialogue);
}

}  // namespace

std::string field_names(const Json& object) { return names_of_fields(object); }
std::string field_names(const OrderedJson& object) { return names_of_fields(object); }

std::string text_field(const Json& object, const char* key, const std::string& where) {
  return text_of_field(object, key, where);
}
std::string text_field(const OrderedJson& object, const char* key, const std::string& where) {
  return text_of_field(object, key, where);
}

Dialogue read_dialogue(const OrderedJson& line, const std::string& where) {
  Dialogue dialogue;
  const std::string system = optional_text(line, {"system"}, where);
  if (!system.empty()) dialogue.conversation.messages.push_back({"system", system});
  const bool judged = line.contains("label") && line["label"].is_boolean();
  if (const OrderedJson* messages = find(line, {"messages"})) {
    read_messages(*messages, "messages", where, dialogue);
  } else if (line.contains("chosen") || line.contains("rejected") || (judged && line.contains("completion"))) {
    fail(
        "{}: this is preference data ({}), which compares answers; Hadal learns from answers: give the good ones as "
        "one of {}",
        where, judged ? "completion, label" : "chosen, rejected", kKnown);
  } else if (const OrderedJson* turns = find(line, {"conversations", "conversation"})) {
    read_messages(*turns, "conversations", where, dialogue);
  } else if (find(line, {"instruction"}) && find(line, {"output", "response"})) {
    read_alpaca(line, where, dialogue);
  } else if (find(line, {"prompt"}) && find(line, {"completion", "response"})) {
    read_completion(line, where, dialogue);
  } else {
    fail("{}: expected a dialogue, found the fields {}; known are {}{}", where, field_names(line), kKnown,
         line.contains("text")       ? "; lines with \"text\" are kind = \"text\""
         : line.contains("solution") ? "; question, solution and answer are kind = \"math\""
                                     : "");
  }
  read_tools(line, where, dialogue);
  if (dialogue.conversation.messages.empty()) dialogue.unusable = "without messages";
  return dialogue;
}

}  // namespace hadal
