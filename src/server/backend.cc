#include "server/backend.h"

namespace hadal {

chat::Prompt EngineBackend::chat_prompt(const chat::Conversation& conversation) const {
  return assistant_.prompt(conversation);
}

std::vector<TokenId> EngineBackend::text_prompt(std::string_view text) const {
  return engine_.tokenizer().encode(text, /*special=*/true);
}

std::vector<GenerateResult> EngineBackend::generate(const GenerateRequest& request, const OnPiece& on_piece) {
  return engine_.generate_all(request, on_piece);
}

std::string EngineBackend::token_bytes(TokenId id) const {
  return engine_.tokenizer().decode({&id, 1}, /*keep_special=*/true);
}

int64_t EngineBackend::max_context() const { return engine_.max_context(); }

}  // namespace hadal
