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

// What a piece of an answer (or a whole one) adds to its reply: its text, with its special tokens in their places.
std::vector<chat::ReplyDelta> read_piece(chat::ReplyParser& parser, std::string_view text,
                                         std::span<const TextMark> marks);

// A complete answer to a prompt that asks for this format.
Answer read_answer(const chat::ReplyFormat& format, GenerateResult result);

// An answer on its way; a handle as Generation is.
struct PendingAnswer {
  Generation generation;
  chat::ReplyFormat format;
  Answer wait() { return read_answer(format, std::move(generation.wait().at(0))); }  // as Generation's
};

class Assistant {
 public:
  explicit Assistant(Engine& engine);  // Error when the model has no chat template

  // The token ids that the model sees for this conversation, ready for its answer, and how that is to be read.
  chat::Prompt prompt(const chat::Conversation& conversation) const;

  // Answers the last message. `request.prompt` is filled in here; the rest of it is used as it is. The model's end
  // token stops the answer.
  Answer answer(const chat::Conversation& conversation, GenerateRequest request, const OnDelta& on_delta = {}) const;

  // The same, without waiting for it.
  PendingAnswer submit(const chat::Conversation& conversation, GenerateRequest request) const;

 private:
  Engine& engine_;
  chat::ChatRenderer renderer_;
};

}  // namespace hadal
