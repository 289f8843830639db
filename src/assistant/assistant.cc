#include "assistant/assistant.h"

#include "base/error.h"

namespace hadal {

Assistant::Assistant(Engine& engine) : engine_(engine), renderer_(engine.tokenizer()) {}

std::vector<TokenId> Assistant::prompt(const std::vector<Message>& messages, const chat::ChatContext& context) const {
  if (messages.empty()) fail("messages: expected at least one message, found none");
  OrderedJson list = OrderedJson::array();
  for (const Message& message : messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant" && message.role != "tool") {
      fail("messages: role: expected system, user, assistant or tool, found \"{}\"", brief(message.role));
    }
    list.push_back({{"role", message.role}, {"content", message.content}});
    if (!message.more.is_null()) list.back().update(message.more);
  }
  return renderer_.encode(renderer_.render(list, context)).ids;
}

GenerateResult Assistant::answer(const std::vector<Message>& messages, GenerateRequest request, const OnText& on_text,
                                 const chat::ChatContext& context) const {
  request.prompt = prompt(messages, context);
  return engine_.generate(request, on_text);
}

Generation Assistant::submit(const std::vector<Message>& messages, GenerateRequest request,
                             const chat::ChatContext& context) const {
  request.prompt = prompt(messages, context);
  return engine_.submit(request);
}

}  // namespace hadal
