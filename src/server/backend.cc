#include "server/backend.h"

namespace hadal {

std::vector<TokenId> EngineBackend::chat_prompt(const std::vector<Message>& messages,
                                                const chat::ChatContext& context) const {
  return assistant_.prompt(messages, context);
}

std::vector<TokenId> EngineBackend::text_prompt(std::string_view text) const {
  return engine_.tokenizer().encode(text, /*special=*/true);
}

GenerateResult EngineBackend::generate(const GenerateRequest& request, const OnText& on_text) {
  return engine_.generate(request, on_text);
}

int64_t EngineBackend::max_context() const { return engine_.max_context(); }

}  // namespace hadal
