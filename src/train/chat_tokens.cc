#include "train/chat_tokens.h"

#include "base/error.h"

namespace hadal {

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

std::vector<uint32_t> token_lengths(const Tokenizer& tokenizer, bool special_bytes) {
  std::vector<uint32_t> lengths(static_cast<size_t>(tokenizer.vocab_size()));
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (special_bytes || !tokenizer.is_special(id))
      lengths[i] = static_cast<uint32_t>(tokenizer.decode({&id, 1}).size());
  }
  return lengths;
}

ChatEncoder::ChatEncoder(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), template_(tokenizer.chat_template()), lengths_(token_lengths(tokenizer, true)) {
  if (tokenizer.chat_template().empty()) {
    fail("the tokenizer has no chat template, which dialogues need; use a tokenizer whose files hold one");
  }
  const TokenId bos = tokenizer.bos(), eos = tokenizer.eos();
  if (bos >= 0) bos_ = tokenizer.decode({&bos, 1});
  if (eos >= 0) eos_ = tokenizer.decode({&eos, 1});
}

std::string ChatEncoder::render(std::span<const ChatMessage> messages, bool generation_prompt,
                                const OrderedJson& tools) const {
  const std::string_view source = tokenizer_.chat_template();
  OrderedJson list = OrderedJson::array();
  for (const auto& message : messages) {
    OrderedJson& item = list.emplace_back(OrderedJson{{"role", message.role}, {"content", message.content}});
    if (message.more.is_object()) item.update(message.more);
    if (item.contains("tool_calls") && source.find("tool_calls") == source.npos) {
      fail("the model's chat template knows no tool_calls");
    }
  }
  if (!tools.is_null() && source.find("tools") == source.npos) fail("the model's chat template knows no tools");
  OrderedJson context;
  if (!tools.is_null()) context["tools"] = tools;
  context["messages"] = std::move(list);
  context["add_generation_prompt"] = generation_prompt;
  context["bos_token"] = bos_;
  context["eos_token"] = eos_;
  return template_.render(context).text;
}

ChatTokens ChatEncoder::encode(std::span<const ChatMessage> messages, const OrderedJson& tools) const {
  struct Range {
    size_t begin, end;  // bytes
    bool assistant, context;
  };
  const std::string whole = render(messages, false, tools);
  std::vector<Range> ranges;  // of the assistant's turns, and of what is not learnt
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool assistant = messages[i].role == "assistant";
    if (!assistant && messages[i].learnt) continue;
    const std::string before = render(messages.first(i), assistant, tools),
                      after = render(messages.first(i + 1), false, tools);
    if (!whole.starts_with(after) || !after.starts_with(before)) {
      fail("the chat template changes earlier turns when later ones are added; such a template cannot be trained on");
    }
    ranges.push_back({before.size(), after.size(), assistant, !messages[i].learnt});
  }
  ChatTokens out;
  out.ids = tokenizer_.encode(whole, true);
  // The tokenizer may add bos by itself; the template has already written one.
  if (out.ids.size() > 1 && out.ids[0] == tokenizer_.bos() && out.ids[1] == tokenizer_.bos())
    out.ids.erase(out.ids.begin());
  const bool added = !out.ids.empty() && out.ids[0] == tokenizer_.bos() && (bos_.empty() || !whole.starts_with(bos_));
  size_t position = 0, turn = 0;
  for (size_t i = 0; i < out.ids.size(); ++i) {
    while (turn < ranges.size() && position >= ranges[turn].end) ++turn;
    const bool inside = turn < ranges.size() && position >= ranges[turn].begin;
    out.assistant.push_back(inside && ranges[turn].assistant && !ranges[turn].context);
    out.context.push_back(inside && ranges[turn].context);
    if (i > 0 || !added) position += lengths_[static_cast<size_t>(out.ids[i])];
  }
  if (position != whole.size()) {
    fail(
        "the tokenizer changes the text of a dialogue ({} bytes become {}), so the assistant's part cannot be told "
        "apart",
        whole.size(), position);
  }
  return out;
}

}  // namespace hadal
