// Dialogues as token ids, rendered by the model's own chat template exactly as the engine renders them, with the tokens
// marked that the assistant says (its text and the token that ends its turn).
//
// Most templates write a dialogue's turns one after the other, and all its answers are learnt. Some write earlier turns
// differently once there are later ones (they take the thoughts out of earlier answers), or take thoughts out of every
// answer. Such a dialogue is learnt on its last answer, as the model would give it: the prompt that the template makes
// of what stands before it, the whole answer with its thoughts, and what the template writes behind an answer. Where
// the prompt opens <think> already, the answer does not repeat it. What follows the last answer is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chat/chat_renderer.h"
#include "tokenizer/tokenizer.h"
#include "train/data/documents.h"

namespace hadal {

// DeepSeek-V3's turns with its tokens' names, for tokenizers that are trained here.
extern const char* const kBosText;
extern const char* const kEosText;
std::vector<std::string> chat_specials();  // bos, eos, user, assistant, <think>, </think>
std::string chat_template_text();

struct ChatTokens {
  std::vector<TokenId> ids;
  std::vector<uint8_t> assistant;  // of each id: 1 where the assistant speaks
  std::vector<uint8_t> context;    // of each id: 1 in messages that are not learnt
};

class ChatEncoder {
 public:
  explicit ChatEncoder(const Tokenizer& tokenizer);  // Error when it has no chat template
  ChatTokens encode(std::span<const ChatMessage> messages, const OrderedJson& tools = nullptr) const;
  std::string render(std::span<const ChatMessage> messages, bool generation_prompt,
                     const OrderedJson& tools = nullptr) const;

 private:
  struct Turn {
    size_t begin, end;  // bytes
    bool assistant, context;
  };
  struct Dialogue {
    RenderedText text;
    std::vector<Turn> turns;  // of the assistant, and of what is not learnt; ascending
  };
  RenderedText rendered(std::span<const ChatMessage> messages, bool generation_prompt, const OrderedJson& tools) const;
  std::optional<Dialogue> all_answers(std::span<const ChatMessage> messages, const OrderedJson& tools) const;
  Dialogue last_answer(std::span<const ChatMessage> messages, const OrderedJson& tools) const;

  chat::ChatRenderer renderer_;
};

// Bytes of the text each token stands for; specials count `special_bytes` ? their own text : 0.
std::vector<uint32_t> token_lengths(const Tokenizer& tokenizer, bool special_bytes);

}  // namespace hadal
