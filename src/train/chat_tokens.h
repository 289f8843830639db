// Dialogues as token ids, rendered by the model's own chat template exactly as the engine renders them, with the tokens
// marked that the assistant says (its text and the token that ends its turn).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"
#include "train/documents.h"

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
  const Tokenizer& tokenizer_;
  ChatTemplate template_;
  std::string bos_, eos_;
  std::vector<uint32_t> lengths_;  // of each token's text in bytes
};

// Bytes of the text each token stands for; specials count `special_bytes` ? their own text : 0.
std::vector<uint32_t> token_lengths(const Tokenizer& tokenizer, bool special_bytes);

}  // namespace hadal
