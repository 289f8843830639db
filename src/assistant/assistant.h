// A conversation with a model: renders it with the model's own chat template and streams the reply, taken apart into
// thoughts, answer and calls of tools.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/chat_renderer.h"
#include "engine/engine.h"

namespace hadal {

// What a reply grew by. Return false to cancel. Called as OnText is.
using OnDelta = std::function<bool(const chat::ReplyDelta&)>;

struct Answer {
  chat::Message message;  // of the assistant; its content is there unless it is calls alone
  GenerateResult result;
};

inline constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>";
// A text whose tags of thinking, where they are special tokens, stand in their places again.
std::string with_think_tags(const chat::ReplyFormat& format, std::string text, std::span<const TextMark> marks);

// What a piece of an answer (or a whole one) adds to its reply: its text, with its special tokens in their places.
std::vector<chat::ReplyDelta> read_piece(chat::ReplyParser& parser, std::string_view text,
                                         std::span<const TextMark> marks);

// Fills in how an answer in this format tells its thoughts, and a budget for them where the request has none: three
// quarters of the tokens that the answer may have by max_tokens and the context. The rest is left for what follows
// them. A budget of the request's own is cut to what leaves room in the context for that: 64 tokens, or a quarter of
// what the prompt leaves, if that is less. Where </think> is no token of the model's, thoughts cannot be counted or
// ended.
void limit_thoughts(GenerateRequest& request, const chat::ReplyFormat& format, int64_t max_context);

// The variables of a template that say whether to think: `thinking` and `enable_thinking`, as DeepSeek and Qwen call
// them. What the conversation's options say already stays.
void set_thinking(chat::Conversation& conversation, bool enabled);

// A complete answer to a prompt that asks for this format.
Answer read_answer(const chat::ReplyFormat& format, GenerateResult result);

// An answer on its way; a handle as Generation is.
struct PendingAnswer {
  Generation generation;
  chat::ReplyFormat format;
  Answer wait() { return std::move(wait_all().at(0)); }  // as Generation's
  std::vector<Answer> wait_all();                        // of a request for several answers, by their number
};

class Assistant {
 public:
  explicit Assistant(Engine& engine);  // Error when the model has no chat template

  // The token ids that the model sees for this conversation, ready for its answer, and how that is to be read.
  chat::Prompt prompt(const chat::Conversation& conversation) const;

  bool can_think() const { return renderer_.can_think(); }

  // Answers the last message. `request.prompt` and what limit_thoughts() fills in are filled in here; the rest of it is
  // used as it is. The model's end token stops the answer.
  Answer answer(const chat::Conversation& conversation, GenerateRequest request, const OnDelta& on_delta = {}) const;

  // The same, without waiting for it.
  PendingAnswer submit(const chat::Conversation& conversation, GenerateRequest request) const;

 private:
  chat::ReplyFormat fill_in(GenerateRequest& request, const chat::Conversation& conversation) const;

  Engine& engine_;
  chat::ChatRenderer renderer_;
};

}  // namespace hadal
