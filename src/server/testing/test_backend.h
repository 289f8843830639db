// A backend for the server's tests: "tokens" are bytes, and the answer repeats the prompt's last message a byte at a
// time. As a model that thinks it has its thoughts opened and ends them with ">", unless it is told not to think.
// "refuse", "refuse a field" and "break" make it fail at once, a byte 1 fails in mid-answer.
#pragma once

#include <algorithm>
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
    chat::Prompt prompt{text_prompt(chat.messages.back().text())};
    if (!thinks) return prompt;
    prompt.reply.think_end = '>';
    prompt.reply.begins_in_reasoning = !chat.options.is_object() || chat.options.value("thinking", true);
    return prompt;
  }
  std::vector<TokenId> text_prompt(std::string_view text) const override { return {text.begin(), text.end()}; }
  int64_t max_context() const override { return context; }
  bool can_think() const override { return thinks; }

  // Of several answers, each grows by a byte in turn. Each byte has the log-probability -0.5.
  std::vector<GenerateResult> generate(const GenerateRequest& request, const OnPiece& on_piece) override {
    ++started;
    if (thinks) asked = request;
    std::string prompt(request.prompt.begin(), request.prompt.end());
    if (prompt == "refuse") fail("the engine refuses");
    if (prompt == "refuse a field") fail("logit_bias: expected token ids from 0 to 9, found 10");
    if (prompt == "break") throw std::runtime_error("the engine broke");
    std::this_thread::sleep_for(std::chrono::milliseconds(first_token_ms));
    std::vector<GenerateResult> results(request.answers);
    for (GenerateResult& result : results) result.prompt_tokens = request.prompt.size();
    for (char c : prompt) {
      if (c == '\x01') fail("the engine failed in mid-answer");
      const bool cut = request.max_tokens && results[0].answer_tokens >= request.max_tokens;
      for (GenerateResult& result : results)
        if (cut) result.finish = FinishReason::length;
      if (cut) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(token_ms));
      bool go_on = true;
      for (int i = 0; i < request.answers; ++i) go_on &= grow(results[i], i, c, request, on_piece);
      if (!go_on) break;
    }
    ++finished;
    return results;
  }
  std::string token_bytes(TokenId id) const override { return {static_cast<char>(id)}; }

  int64_t context = 100;
  bool thinks = false;
  GenerateRequest asked;  // the last one, of a model that thinks
  int first_token_ms = 0, token_ms = 0;
  std::atomic<int> started{0}, finished{0}, cancelled{0};

 private:
  bool grow(GenerateResult& result, int answer, char c, const GenerateRequest& request, const OnPiece& on_piece) {
    AnswerPiece piece{.answer = answer, .text = std::string(1, c), .marks = {}, .ids = {c}, .log_probs = {}};
    if (request.log_probs != LogProbs::none) {  // and "?" those below it
      TokenLogProb token{.id = c, .log_prob = -0.5F, .top = {}};
      for (int i = 0; i < request.top_log_probs; ++i)
        token.top.push_back({i == 0 ? c : '?', -0.5F - static_cast<float>(i)});
      piece.log_probs.push_back(token);
      result.log_probs.push_back(token);
    }
    result.text += c;
    result.ids.push_back(c);
    const bool thought = std::ranges::find(result.ids, request.think_end) == result.ids.end();
    if (request.think_end >= 0 && thought) ++result.think_tokens;
    ++result.answer_tokens;
    if (!on_piece || on_piece(piece)) return true;
    result.finish = FinishReason::cancelled;
    ++cancelled;
    return false;
  }
};

}  // namespace hadal
