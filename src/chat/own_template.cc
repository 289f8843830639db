#include "chat/own_template.h"

namespace hadal::chat {

const char* const kBosText = "<｜begin▁of▁sentence｜>";
const char* const kEosText = "<｜end▁of▁sentence｜>";

std::vector<std::string> chat_specials() {
  return {kBosText, kEosText, "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"};
}

namespace {

// Jinja that other engines read too. An answer's opening is left to `begin`, the generation prompt's to `open`.
std::string turns(const std::string& begin, const std::string& open) {
  return "{{ bos_token }}"
         "{% for message in messages %}"
         "{% if message['role'] == 'system' %}{{ message['content'] }}"
         "{% elif message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}"
         "{% elif message['role'] == 'assistant' %}" +
         begin +
         "{% else %}{{ raise_exception('expected the roles system, user and assistant, found ' + message['role']) }}"
         "{% endif %}{% endfor %}"
         "{% if add_generation_prompt %}" +
         open + "{% endif %}";
}

}  // namespace

std::string chat_template_text(bool thinking) {
  if (!thinking) return turns("{{ '<｜Assistant｜>' + message['content'] + eos_token }}", "{{ '<｜Assistant｜>' }}");
  return "{% set think = thinking | default(enable_thinking | default(true)) %}" +
         turns("{{ '<｜Assistant｜></think>' + message['content'].split('</think>')[-1] + eos_token }}",
               "{{ '<｜Assistant｜>' }}{% if think %}{{ '<think>' }}{% else %}{{ '</think>' }}{% endif %}");
}

}  // namespace hadal::chat
