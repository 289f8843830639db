#include "assistant/assistant.h"

#include "base/error.h"

namespace hadal {
namespace {

ChatTemplate load_template(const Tokenizer& tokenizer) {
  if (tokenizer.chat_template().empty()) {
    fail("this model has no chat template, so it cannot hold a conversation; use hadal generate, or a model made for chat");
  }
  return ChatTemplate(tokenizer.chat_template());
}

std::string token_text(const Tokenizer& tokenizer, TokenId id) {
  if (id < 0) return "";
  const TokenId ids[] = {id};
  return tokenizer.decode(ids);
}

}  // namespace

Assistant::Assistant(Engine& engine) : engine_(engine), template_(load_template(engine.tokenizer())) {}

std::vector<TokenId> Assistant::prompt(const std::vector<Message>& messages) const {
  if (messages.empty()) fail("messages: expected at least one message, found none");
  const Tokenizer& tokenizer = engine_.tokenizer();
  OrderedJson context;
  context["messages"] = OrderedJson::array();
  for (const Message& message : messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant" && message.role != "tool") {
      fail("messages: role: expected system, user, assistant or tool, found \"{}\"", message.role);
    }
    context["messages"].push_back({{"role", message.role}, {"content", message.content}});
  }
  context["add_generation_prompt"] = true;
  context["bos_token"] = token_text(tokenizer, tokenizer.bos());
  context["eos_token"] = token_text(tokenizer, tokenizer.eos());
  const std::string text = template_.render(context);
  std::vector<TokenId> ids = tokenizer.encode(text, /*special=*/true);
  // Templates often write the begin token themselves, and the tokenizer adds one too: once is right.
  if (tokenizer.bos() >= 0 && ids.size() >= 2 && ids[0] == tokenizer.bos() && ids[1] == tokenizer.bos()) ids.erase(ids.begin());
  return ids;
}

GenerateResult Assistant::answer(const std::vector<Message>& messages, GenerateRequest request, const OnText& on_text) const {
  request.prompt = prompt(messages);
  return engine_.generate(request, on_text);
}

}  // namespace hadal
