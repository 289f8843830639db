// A conversation with a model: renders it with the model's own chat template and streams the answer.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "chat/chat_renderer.h"
#include "engine/engine.h"

namespace hadal {

struct Message {
  std::string role;  // system, user, assistant, tool
  std::string content;
  OrderedJson more =
      nullptr;  // further fields for the template (name, tool_calls, reasoning_content): an object, or null
};

class Assistant {
 public:
  explicit Assistant(Engine& engine);  // Error when the model has no chat template

  // The token ids that the model sees for this conversation, ready for its answer.
  std::vector<TokenId> prompt(const std::vector<Message>& messages, const chat::ChatContext& context = {}) const;

  // Answers the last message. `request.prompt` is filled in here; the rest of it is used as it is. The model's end
  // token stops the answer.
  GenerateResult answer(const std::vector<Message>& messages, GenerateRequest request, const OnText& on_text = {},
                        const chat::ChatContext& context = {}) const;

  // The same, without waiting for it.
  Generation submit(const std::vector<Message>& messages, GenerateRequest request,
                    const chat::ChatContext& context = {}) const;

 private:
  Engine& engine_;
  chat::ChatRenderer renderer_;
};

}  // namespace hadal
