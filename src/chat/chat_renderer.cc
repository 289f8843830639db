#include "chat/chat_renderer.h"

#include <array>

#include "base/error.h"

namespace hadal::chat {
namespace {

std::string_view template_source(const Tokenizer& tokenizer, std::string_view given) {
  if (!given.empty()) return given;
  if (tokenizer.chat_template().empty()) {
    fail(
        "this model has no chat template, so it cannot hold a conversation; use hadal generate, or a model made for "
        "chat");
  }
  return tokenizer.chat_template();
}

std::string token_text(const Tokenizer& tokenizer, TokenId id) {
  return id < 0 ? std::string() : tokenizer.decode(std::array{id});
}

// Options of the request become variables of the template, but for those that are not its to set.
void take_options(const OrderedJson& options, OrderedJson& given, OrderedJson& own) {
  if (!options.is_null() && !options.is_object()) {
    fail("chat_template_kwargs: expected an object, found a value of type {}", options.type_name());
  }
  constexpr size_t kMaxVariables = 256;
  if (options.size() > kMaxVariables) {
    fail("chat_template_kwargs: expected at most {} variables, found {}", kMaxVariables, options.size());
  }
  for (const auto& [name, value] : options.items()) {
    if (name == "add_generation_prompt" && value.is_boolean()) {
      own[name] = value;
    } else if (name == "messages" || name == "tools" || own.contains(name)) {
      fail("chat_template_kwargs: \"{}\" is not a variable that may be set here", name.substr(0, 60));
    } else {
      given[name] = value;
    }
  }
}

// Whether the text ends with the template's own <think>, and white space at most behind it.
bool opens_thoughts(const RenderedText& text) {
  constexpr std::string_view kOpen = "<think>";
  const size_t end = text.text.find_last_not_of(" \t\r\n") + 1;
  const size_t content_end = text.content.empty() ? 0 : text.content.back().end;
  return std::string_view(text.text).substr(0, end).ends_with(kOpen) && end - kOpen.size() >= content_end;
}

}  // namespace

ChatRenderer::ChatRenderer(Tokenizer tokenizer, std::string_view source)
    : tokenizer_(std::move(tokenizer)),
      source_(template_source(tokenizer_, source)),
      template_(source_),
      reply_(reply_format(tokenizer_)) {
  own_["bos_token"] = token_text(tokenizer_, tokenizer_.bos());
  own_["eos_token"] = token_text(tokenizer_, tokenizer_.eos());
}

RenderedText ChatRenderer::render(const Conversation& conversation) const {
  return render(conversation, conversation.messages.size(), conversation.add_generation_prompt);
}

RenderedText ChatRenderer::render(const Conversation& conversation, size_t num_messages,
                                  bool add_generation_prompt) const {
  OrderedJson given = OrderedJson::object(), own = own_;
  own["add_generation_prompt"] = add_generation_prompt;
  take_options(conversation.options, given, own);
  OrderedJson& messages = given["messages"] = OrderedJson::array();
  for (size_t i = 0; i < num_messages; ++i) messages.push_back(to_json(conversation.messages[i]));
  if (!conversation.tools.is_null()) given["tools"] = conversation.tools;
  return template_.render(given, own);
}

EncodedText ChatRenderer::encode(const RenderedText& text, std::span<const size_t> marks) const {
  EncodedText out = tokenizer_.encode_rendered(text, marks);
  // Templates often write the begin token themselves, and the tokenizer adds one too: once is right.
  const TokenId bos = tokenizer_.bos();
  if (bos >= 0 && out.ids.size() >= 2 && out.ids[0] == bos && out.ids[1] == bos) {
    out.ids.erase(out.ids.begin());
    for (size_t& mark : out.marks) mark -= mark > 0 ? 1 : 0;
  }
  return out;
}

bool ChatRenderer::can_think() const {
  return source_.find("<think>") != source_.npos || source_.find("</think>") != source_.npos;
}

Prompt ChatRenderer::prompt(const Conversation& conversation) const {
  const RenderedText text = render(conversation);
  Prompt prompt{encode(text).ids, reply_};
  prompt.reply.begins_in_reasoning = opens_thoughts(text);
  prompt.reply.tools = conversation.tools.is_array() && !conversation.tools.empty();
  return prompt;
}

}  // namespace hadal::chat
