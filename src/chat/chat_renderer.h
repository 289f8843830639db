// Conversations as a model sees them: rendered by its own chat template, and as token ids. Serving and training both go
// this way. What stands in the messages is text: it never becomes a mark of the template or another added token,
// however it is spelled, save that an assistant's own messages may hold <think> and </think>. Immutable; may be used
// from several threads.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace hadal::chat {

// What a conversation has beside its messages.
struct ChatContext {
  OrderedJson tools = nullptr;        // a list, or null
  OrderedJson kwargs = nullptr;       // more variables of the template (chat_template_kwargs): an object, or null
  bool add_generation_prompt = true;  // end with what begins an answer; kwargs may say otherwise
};

class ChatRenderer {
 public:
  // With the tokenizer's own template, or with `source` where it is given. Error when there is none.
  explicit ChatRenderer(Tokenizer tokenizer, std::string_view source = {});

  // `messages`: a list of objects with role, content and whatever else the template knows (name, tool_calls,
  // reasoning_content). Error when the template refuses them.
  RenderedText render(const OrderedJson& messages, const ChatContext& context = {}) const;

  // The ids, with the begin token where the tokenizer's files ask for it, once.
  EncodedText encode(const RenderedText& text, std::span<const size_t> marks = {}) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  Tokenizer tokenizer_;
  ChatTemplate template_;
  OrderedJson own_;  // the variables that come from the model's files
};

}  // namespace hadal::chat
