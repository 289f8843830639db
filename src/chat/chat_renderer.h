// Conversations as a model sees them: rendered by its own chat template, and as token ids. Serving and training both go
// this way. What stands in the messages is text: it never becomes a mark of the template or another added token,
// however it is spelled, save that an assistant's own messages may hold <think> and </think>. Immutable; may be used
// from several threads.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_template.h"
#include "chat/conversation.h"
#include "chat/reply_parser.h"
#include "tokenizer/tokenizer.h"

namespace hadal::chat {

// What a model is asked with, and how its reply is read.
struct Prompt {
  std::vector<TokenId> ids;
  ReplyFormat reply = {};
};

class ChatRenderer {
 public:
  // With the tokenizer's own template, or with `source` where it is given. Error when there is none.
  explicit ChatRenderer(Tokenizer tokenizer, std::string_view source = {});

  // Error when the template refuses the conversation.
  RenderedText render(const Conversation& conversation) const;
  // The first `num_messages` of it; with `add_generation_prompt` instead of the conversation's.
  RenderedText render(const Conversation& conversation, size_t num_messages, bool add_generation_prompt) const;

  // The ids, with the begin token where the tokenizer's files ask for it, once.
  EncodedText encode(const RenderedText& text, std::span<const size_t> marks = {}) const;

  // Both, for a model that is to answer. The reply begins in the thoughts where the template opens them.
  Prompt prompt(const Conversation& conversation) const;

  bool can_think() const;  // its template speaks of thoughts

  const Tokenizer& tokenizer() const { return tokenizer_; }
  std::string_view source() const { return source_; }  // of the template

 private:
  Tokenizer tokenizer_;
  std::string source_;
  ChatTemplate template_;
  OrderedJson own_;  // the variables that come from the model's files
  ReplyFormat reply_;
};

}  // namespace hadal::chat
