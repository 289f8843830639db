// A chat template, rendered over a conversation.
#include "chat/chat_template.h"

#include "base/error.h"
#include "fuzz.h"

HADAL_FUZZER(input) {
  using namespace hadal;
  static const OrderedJson context = OrderedJson::parse(R"({
    "messages": [{"role": "system", "content": "Be \u00e9."}, {"role": "user", "content": "Hi <x> "},
                 {"role": "assistant", "content": "",
                  "tool_calls": [{"function": {"name": "f", "arguments": {"x": [1, 2.5, true]}}}]},
                 {"role": "tool", "content": "{\"y\": 1}"}, {"role": "assistant", "content": "<think>a</think>b"}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>", "n": -3})");
  const RenderedText text = chat::ChatTemplate(input).render(context);
  size_t end = 0;
  for (const auto& part : text.content) {
    HADAL_CHECK(part.begin >= end && part.end > part.begin && part.end <= text.text.size());
    end = part.end;
  }
}
