#include "chat/chat_encoder.h"

#include <algorithm>

#include "base/error.h"

namespace hadal::chat {
namespace {

constexpr std::string_view kThink = "<think>", kThinkEnd = "</think>";

constexpr std::string_view kSpaces = " \t\r\n";

std::string_view without_spaces_before(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text;
}

// Whether an answer has thoughts that the template did not write.
bool lost_thoughts(std::string_view answer, std::string_view written) {
  const size_t end = answer.find(kThinkEnd);
  if (end == answer.npos) return false;
  std::string_view thoughts = without_spaces_before(answer.substr(0, end));
  if (thoughts.starts_with(kThink)) thoughts = without_spaces_before(thoughts.substr(kThink.size()));
  thoughts = thoughts.substr(0, thoughts.find_last_not_of(kSpaces) + 1);
  return written.find(kThinkEnd) == written.npos || written.find(thoughts) == written.npos;
}

// The answer as it goes on from a prompt that may have opened the thoughts already.
std::string_view continuation(std::string_view prompt, std::string_view answer) {
  const size_t end = prompt.find_last_not_of(kSpaces) + 1;
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

// The whole answer: with the thoughts that stand beside it, where the template speaks of thoughts at all.
std::string ChatEncoder::answer_of(const Message& message) const {
  std::string answer(message.text());
  if (!message.reasoning || renderer_.source().find(kThinkEnd) == std::string_view::npos) return answer;
  return std::string(kThink) + *message.reasoning + std::string(kThinkEnd) + answer;
}

// Nothing where the template does not write the answers one after the other, and whole.
std::optional<ChatEncoder::Turns> ChatEncoder::all_answers(const Conversation& dialogue) const {
  const std::vector<Message>& messages = dialogue.messages;
  Turns out{renderer_.render(dialogue, messages.size(), false), {}};
  const std::string& whole = out.text.text;
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool assistant = messages[i].role == "assistant";
    if (!assistant && messages[i].learnt) continue;
    const RenderedText before = renderer_.render(dialogue, i, assistant);
    const std::string after = renderer_.render(dialogue, i + 1, false).text;
    const std::optional<size_t> begin = answer_begin(before, after);
    if (!whole.starts_with(after) || !begin) return std::nullopt;
    if (assistant && lost_thoughts(answer_of(messages[i]), std::string_view(after).substr(*begin))) return std::nullopt;
    out.turns.push_back({*begin, after.size(), assistant, !messages[i].learnt});
  }
  return out;
}

ChatEncoder::Turns ChatEncoder::last_answer(const Conversation& dialogue) const {
  const std::vector<Message>& messages = dialogue.messages;
  size_t n = messages.size();
  while (n > 0 && (messages[n - 1].role != "assistant" || !messages[n - 1].learnt)) --n;
  if (n == 0) fail("the chat template changes earlier turns, and the dialogue has no answer that is learnt");
  const std::string answer = answer_of(messages[n - 1]);
  const RenderedText before = renderer_.render(dialogue, n - 1, true);
  RenderedText after = renderer_.render(dialogue, n, false);
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
  Turns out{std::move(after), {}};
  const bool all_learnt = std::ranges::all_of(std::span(messages).first(n), &Message::learnt);
  if (!all_learnt) out.turns.push_back({0, *begin, false, true});
  out.turns.push_back({*begin, out.text.text.size(), true, false});
  return out;
}

// A template that does not speak of them would leave them out without a word.
void ChatEncoder::check_tools(const Conversation& dialogue) const {
  const std::string_view source = renderer_.source();
  const auto calls = [](const Message& message) { return !message.tool_calls.is_null(); };
  if (std::ranges::any_of(dialogue.messages, calls) && source.find("tool_calls") == source.npos)
    fail("the model's chat template knows no tool_calls");
  if (!dialogue.tools.is_null() && source.find("tools") == source.npos)
    fail("the model's chat template knows no tools");
}

ChatTokens ChatEncoder::encode(const Conversation& dialogue) const {
  check_tools(dialogue);
  std::optional<Turns> found = all_answers(dialogue);
  if (!found) found = last_answer(dialogue);
  std::vector<size_t> marks;
  for (const Turn& turn : found->turns) marks.insert(marks.end(), {turn.begin, turn.end});
  EncodedText encoded = renderer_.encode(found->text, marks);
  ChatTokens out;
  out.assistant.resize(encoded.ids.size());
  out.context.resize(encoded.ids.size());
  for (size_t t = 0; t < found->turns.size(); ++t) {
    const Turn& turn = found->turns[t];
    for (size_t i = encoded.marks[2 * t]; i < encoded.marks[2 * t + 1]; ++i) {
      out.assistant[i] = turn.assistant && !turn.context;
      out.context[i] = turn.context;
    }
  }
  out.ids = std::move(encoded.ids);
  return out;
}

}  // namespace hadal::chat
