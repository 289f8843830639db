// How a model that is trained here writes a conversation: DeepSeek-V3's turns, with its tokens' names; or V3.1's, whose
// answers follow thoughts.
#pragma once

#include <string>
#include <vector>

namespace hadal::chat {

extern const char* const kBosText;
extern const char* const kEosText;
std::vector<std::string> chat_specials();  // bos, eos, user, assistant, <think>, </think>

// With `thinking` an answer is asked for with <think>, or with </think> where the template's variable `thinking` (or
// `enable_thinking`, which other engines set) is false. Answers that were given stand behind </think>, without their
// thoughts.
std::string chat_template_text(bool thinking);

}  // namespace hadal::chat
