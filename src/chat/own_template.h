// How a model that is trained here writes a conversation: DeepSeek-V3's turns, with its tokens' names.
#pragma once

#include <string>
#include <vector>

namespace hadal::chat {

extern const char* const kBosText;
extern const char* const kEosText;
std::vector<std::string> chat_specials();  // bos, eos, user, assistant, <think>, </think>
std::string chat_template_text();

}  // namespace hadal::chat
