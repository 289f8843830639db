// A backend for the server's tests: "tokens" are bytes, and the answer repeats the prompt's last message a byte at a
// time. "refuse", "refuse a field" and "break" make it fail at once, a byte 1 fails in mid-answer.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "server/backend.h"

namespace hadal {

class EchoBackend : public ChatBackend {
 public:
  chat::Prompt chat_prompt(const chat::Conversation& chat) const override {
    if (chat.options.is_object() && chat.options.contains("refuse"))
      fail("chat_template_kwargs: \"refuse\" is refused");
    return {text_prompt(chat.messages.back().text())};
  }
  std::vector<TokenId> text_prompt(std::string_view text) const override { return {text.begin(), text.end()}; }
  int64_t max_context() const override { return context; }

  GenerateResult generate(const GenerateRequest& request, const OnPiece& on_piece) override {
    ++started;
    std::string prompt(request.prompt.begin(), request.prompt.end());
    if (prompt == "refuse") fail("the engine refuses");
    if (prompt == "refuse a field") fail("logit_bias: expected token ids from 0 to 9, found 10");
    if (prompt == "break") throw std::runtime_error("the engine broke");
    std::this_thread::sleep_for(std::chrono::milliseconds(first_token_ms));
    GenerateResult result;
    result.prompt_tokens = request.prompt.size();
    for (char c : prompt) {
      if (c == '\x01') fail("the engine failed in mid-answer");
      if (request.max_tokens && result.answer_tokens >= request.max_tokens) {
        result.finish = FinishReason::length;
        break;
      }
      result.text += c;
      ++result.answer_tokens;
      std::this_thread::sleep_for(std::chrono::milliseconds(token_ms));
      if (on_piece && !on_piece({.text = std::string(1, c)})) {
        result.finish = FinishReason::cancelled;
        ++cancelled;
        break;
      }
    }
    ++finished;
    return result;
  }

  int64_t context = 100;
  int first_token_ms = 0, token_ms = 0;
  std::atomic<int> started{0}, finished{0}, cancelled{0};
};

}  // namespace hadal
