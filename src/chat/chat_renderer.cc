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

}  // namespace

ChatRenderer::ChatRenderer(Tokenizer tokenizer, std::string_view source)
    : tokenizer_(std::move(tokenizer)), template_(template_source(tokenizer_, source)) {
  own_["bos_token"] = token_text(tokenizer_, tokenizer_.bos());
  own_["eos_token"] = token_text(tokenizer_, tokenizer_.eos());
}

RenderedText ChatRenderer::render(const OrderedJson& messages, const ChatContext& context) const {
  if (!messages.is_array()) fail("messages: expected a list, found a value of type {}", messages.type_name());
  OrderedJson given = OrderedJson::object(), own = own_;
  own["add_generation_prompt"] = context.add_generation_prompt;
  if (!context.kwargs.is_null() && !context.kwargs.is_object()) {
    fail("chat_template_kwargs: expected an object, found a value of type {}", context.kwargs.type_name());
  }
  constexpr size_t kMaxVariables = 256;
  if (context.kwargs.size() > kMaxVariables) {
    fail("chat_template_kwargs: expected at most {} variables, found {}", kMaxVariables, context.kwargs.size());
  }
  for (const auto& [name, value] : context.kwargs.items()) {
    if (name == "add_generation_prompt" && value.is_boolean()) {
      own[name] = value;
    } else if (name == "messages" || name == "tools" || own.contains(name)) {
      fail("chat_template_kwargs: \"{}\" is not a variable that may be set here", name.substr(0, 60));
    } else {
      given[name] = value;
    }
  }
  given["messages"] = messages;
  if (!context.tools.is_null()) given["tools"] = context.tools;
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

}  // namespace hadal::chat
