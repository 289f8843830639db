// What a model is asked. Pages come as JSON texts within a message: they cannot end it, and a tokenizer takes no mark
// of a chat template out of a message's content.
#pragma once

#include <string>
#include <vector>

#include "chat/conversation.h"
#include "research/slots.h"

namespace hadal::research {

struct ShownQuote {
  std::string title, text;
};

chat::Conversation plan_prompt(const std::string& question);
chat::Conversation judge_prompt(const std::string& question, const std::vector<std::string>& sentences);
chat::Conversation gap_prompt(const std::string& question, const std::vector<ShownQuote>& quotes);
chat::Conversation write_prompt(const std::string& question, const std::vector<ShownQuote>& quotes);

// The same question, once more, after a reply that did not fit.
chat::Conversation asked_again(chat::Conversation conversation);

int64_t reply_tokens(Slot slot);  // that a reply may have, beside its thoughts

// Where the context is not known, 4,096 tokens are taken for it.
bool fits_context(const Writer& writer, const chat::Conversation& conversation, int64_t reply);

// How many of the quotes, from the first one on, the context takes beside a reply of `reply` tokens; the prompt is made
// by `make`. 0: not even one.
template <typename Make>
size_t quotes_that_fit(const Writer& writer, int64_t reply, const std::vector<ShownQuote>& quotes, const Make& make) {
  for (size_t count = quotes.size(); count > 0; --count) {
    const std::vector<ShownQuote> some(quotes.begin(), quotes.begin() + static_cast<int64_t>(count));
    if (fits_context(writer, make(some), reply)) return count;
  }
  return 0;
}

}  // namespace hadal::research
