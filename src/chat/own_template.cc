#include "chat/own_template.h"

namespace hadal::chat {

const char* const kBosText = "<｜begin▁of▁sentence｜>";
const char* const kEosText = "<｜end▁of▁sentence｜>";

std::vector<std::string> chat_specials() {
  return {kBosText, kEosText, "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"};
}

std::string chat_template_text() {
  return "{{ bos_token }}"
         "{% for message in messages %}"
         "{% if message['role'] == 'system' %}{{ message['content'] }}"
         "{% elif message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}"
         "{% elif message['role'] == 'assistant' %}{{ '<｜Assistant｜>' + message['content'] + eos_token }}"
         "{% else %}{{ raise_exception('expected the roles system, user and assistant, found ' + message['role']) }}"
         "{% endif %}{% endfor %}"
         "{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}";
}

}  // namespace hadal::chat
