// Dialogues as token ids for training, rendered by the model's own chat template exactly as they are for serving, with
// the tokens marked that the assistant says (its text and the token that ends its turn).
//
// Most templates write a dialogue's turns one after the other, and all its answers are learnt. Some write earlier turns
// differently once there are later ones (they take the thoughts out of earlier answers), or take thoughts out of every
// answer, whether these stand in its content or beside it (reasoning_content). Such a dialogue is learnt on its last
// answer, as the model would give it: the prompt that the template makes of what stands before it, the whole answer
// with its thoughts, and what the template writes behind an answer. Where the prompt opens <think> already, the answer
// does not repeat it. What follows the last answer is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat_renderer.h"
#include "tokenizer/tokenizer.h"

namespace hadal::chat {

struct ChatTokens {
  std::vector<TokenId> ids;
  std::vector<uint8_t> assistant;  // of each id: 1 where the assistant speaks
  std::vector<uint8_t> context;    // of each id: 1 in messages that are not learnt
};

class ChatEncoder {
 public:
  // With the tokenizer's own template, or with `source` where it is given. Error when there is none.
  explicit ChatEncoder(Tokenizer tokenizer, std::string_view source = {}) : renderer_(std::move(tokenizer), source) {}

  // Error when the template refuses the dialogue, or does not know the tools or tool calls that it has.
  ChatTokens encode(const Conversation& dialogue) const;

  const ChatRenderer& renderer() const { return renderer_; }

 private:
  struct Turn {
    size_t begin, end;  // bytes
    bool assistant, context;
  };
  struct Turns {
    RenderedText text;
    std::vector<Turn> turns;  // of the assistant, and of what is not learnt; ascending
  };
  std::string answer_of(const Message& message) const;
  void check_tools(const Conversation& dialogue) const;
  std::optional<Turns> all_answers(const Conversation& dialogue) const;
  Turns last_answer(const Conversation& dialogue) const;

  ChatRenderer renderer_;
};

}  // namespace hadal::chat
