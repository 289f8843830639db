#include "train/data/chat_tokens.h"

#include <algorithm>

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

ChatEncoder::ChatEncoder(const Tokenizer& tokenizer) : renderer_(tokenizer) {}

RenderedText ChatEncoder::rendered(std::span<const ChatMessage> messages, bool generation_prompt,
                                   const OrderedJson& tools) const {
  const std::string_view source = renderer_.tokenizer().chat_template();
  OrderedJson list = OrderedJson::array();
  for (const auto& message : messages) {
    OrderedJson& item = list.emplace_back(OrderedJson{{"role", message.role}, {"content", message.content}});
    if (message.more.is_object()) item.update(message.more);
    if (item.contains("tool_calls") && source.find("tool_calls") == source.npos) {
      fail("the model's chat template knows no tool_calls");
    }
  }
  if (!tools.is_null() && source.find("tools") == source.npos) fail("the model's chat template knows no tools");
  chat::ChatContext context;
  context.tools = tools;
  context.add_generation_prompt = generation_prompt;
  return renderer_.render(list, context);
}

std::string ChatEncoder::render(std::span<const ChatMessage> messages, bool generation_prompt,
                                const OrderedJson& tools) const {
  return rendered(messages, generation_prompt, tools).text;
}

namespace {

constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>";

// Whether an answer has thoughts that the template did not write.
bool lost_thoughts(std::string_view answer, std::string_view written) {
  return answer.find(kThinkEnd) != answer.npos && written.find(kThinkEnd) == written.npos;
}

std::string_view without_spaces_before(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text;
}

// The answer as it goes on from a prompt that may have opened the thoughts already.
std::string_view continuation(std::string_view prompt, std::string_view answer) {
  const size_t end = prompt.find_last_not_of(" \t\r\n") + 1;
  const std::string_view begun = without_spaces_before(answer);
  if (!prompt.substr(0, end).ends_with(kThink)) return answer;
  if (begun.starts_with(kThink)) answer = begun.substr(kThink.size());
  return end < prompt.size() ? without_spaces_before(answer) : answer;
}

size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// Where the answer of `after` begins, `before` being the prompt for it; the two part early where the prompt opens
// thoughts that the answer has not. Nothing when they differ in what was said before.
std::optional<size_t> answer_begin(const RenderedText& before, std::string_view after) {
  const size_t common = common_prefix(before.text, after);
  if (common == before.text.size()) return common;
  const size_t content_end = before.content.empty() ? 0 : before.content.back().end;
  if (common < content_end) return std::nullopt;
  const size_t opened = before.text.rfind(kThink);
  return opened != std::string::npos && opened >= content_end ? std::min(common, opened) : common;
}

}  // namespace

// Nothing where the template does not write the answers one after the other, and whole.
std::optional<ChatEncoder::Dialogue> ChatEncoder::all_answers(std::span<const ChatMessage> messages,
                                                              const OrderedJson& tools) const {
  Dialogue dialogue{rendered(messages, false, tools), {}};
  const std::string& whole = dialogue.text.text;
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool assistant = messages[i].role == "assistant";
    if (!assistant && messages[i].learnt) continue;
    const RenderedText before = rendered(messages.first(i), assistant, tools);
    const std::string after = render(messages.first(i + 1), false, tools);
    const std::optional<size_t> begin = answer_begin(before, after);
    if (!whole.starts_with(after) || !begin) return std::nullopt;
    if (assistant && lost_thoughts(messages[i].content, std::string_view(after).substr(*begin))) return std::nullopt;
    dialogue.turns.push_back({*begin, after.size(), assistant, !messages[i].learnt});
  }
  return dialogue;
}

ChatEncoder::Dialogue ChatEncoder::last_answer(std::span<const ChatMessage> messages, const OrderedJson& tools) const {
  size_t n = messages.size();
  while (n > 0 && (messages[n - 1].role != "assistant" || !messages[n - 1].learnt)) --n;
  if (n == 0) fail("the chat template changes earlier turns, and the dialogue has no answer that is learnt");
  const std::string& answer = messages[n - 1].content;
  const RenderedText before = rendered(messages.first(n - 1), true, tools);
  RenderedText after = rendered(messages.first(n), false, tools);
  std::optional<size_t> begin = answer_begin(before, after.text);  // of what the assistant says
  if (!begin) fail("the chat template changes what stands before the last answer; it cannot be trained on");
  if (lost_thoughts(answer, std::string_view(after.text).substr(*begin))) {
    if (after.content.empty() || after.content.back().end <= *begin) {
      fail("the chat template leaves nothing of the last answer, so what ends an answer is not known");
    }
    const std::string end = after.text.substr(after.content.back().end);
    after = before;
    begin = before.text.size();
    after.text += continuation(before.text, answer);
    if (after.text.size() > *begin) after.content.push_back({*begin, after.text.size(), true});
    after.text += end;
  }
  Dialogue dialogue{std::move(after), {}};
  const bool all_learnt = std::ranges::all_of(messages.first(n), &ChatMessage::learnt);
  if (!all_learnt) dialogue.turns.push_back({0, *begin, false, true});
  dialogue.turns.push_back({*begin, dialogue.text.text.size(), true, false});
  return dialogue;
}

ChatTokens ChatEncoder::encode(std::span<const ChatMessage> messages, const OrderedJson& tools) const {
  std::optional<Dialogue> dialogue = all_answers(messages, tools);
  if (!dialogue) dialogue = last_answer(messages, tools);
  std::vector<size_t> marks;
  for (const Turn& turn : dialogue->turns) marks.insert(marks.end(), {turn.begin, turn.end});
  EncodedText encoded = renderer_.encode(dialogue->text, marks);
  ChatTokens out;
  out.assistant.resize(encoded.ids.size());
  out.context.resize(encoded.ids.size());
  for (size_t t = 0; t < dialogue->turns.size(); ++t) {
    const Turn& turn = dialogue->turns[t];
    for (size_t i = encoded.marks[2 * t]; i < encoded.marks[2 * t + 1]; ++i) {
      out.assistant[i] = turn.assistant && !turn.context;
      out.context[i] = turn.context;
    }
  }
  out.ids = std::move(encoded.ids);
  return out;
}

}  // namespace hadal
