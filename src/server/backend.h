// What the server needs of a model, and nothing more: the tests put a small one behind it, `hadal serve` the engine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assistant/assistant.h"

namespace hadal {

// All methods may be called from many threads at once and throw Error for what the request cannot have.
class ChatBackend {
 public:
  virtual ~ChatBackend() = default;

  // The token ids that the model sees for these inputs, and how its reply to a conversation is to be read.
  virtual chat::Prompt chat_prompt(const chat::Conversation& conversation) const = 0;
  virtual std::vector<TokenId> text_prompt(std::string_view text) const = 0;

  // Blocks until the answers to `request.prompt` are complete and gives them by their number; calls on_piece as
  // GenerateRequest says of on_text.
  virtual std::vector<GenerateResult> generate(const GenerateRequest& request, const OnPiece& on_piece) = 0;

  virtual bool can_think() const = 0;  // its template speaks of thoughts

  virtual std::string token_bytes(TokenId id) const = 0;  // of a special token its name

  virtual int64_t max_context() const = 0;  // tokens of prompt and answer together
};

// An engine with its assistant; both must outlive it.
class EngineBackend : public ChatBackend {
 public:
  EngineBackend(Engine& engine, const Assistant& assistant) : engine_(engine), assistant_(assistant) {}
  chat::Prompt chat_prompt(const chat::Conversation& conversation) const override;
  std::vector<TokenId> text_prompt(std::string_view text) const override;
  std::vector<GenerateResult> generate(const GenerateRequest& request, const OnPiece& on_piece) override;
  bool can_think() const override { return assistant_.can_think(); }
  std::string token_bytes(TokenId id) const override;
  int64_t max_context() const override;

 private:
  Engine& engine_;
  const Assistant& assistant_;
};

}  // namespace hadal
