#include "assistant/assistant.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace hadal {

std::vector<chat::ReplyDelta> read_piece(chat::ReplyParser& parser, std::string_view text,
                                         std::span<const TextMark> marks) {
  std::vector<chat::ReplyDelta> out;
  const auto add = [&](std::vector<chat::ReplyDelta> deltas) {
    for (chat::ReplyDelta& delta : deltas) out.push_back(std::move(delta));
  };
  size_t at = 0;
  for (const TextMark& mark : marks) {
    if (mark.at > at) add(parser.push(text.substr(at, mark.at - at)));
    at = mark.at;
    add(parser.push_mark(mark.id));
  }
  if (at < text.size()) add(parser.push(text.substr(at)));
  return out;
}

std::string with_think_tags(const chat::ReplyFormat& format, std::string text, std::span<const TextMark> marks) {
  for (auto mark = marks.rbegin(); mark != marks.rend(); ++mark) {
    const auto tag = std::ranges::find(format.marks, mark->id, [](const auto& known) { return known.first; });
    if (tag != format.marks.end() && (tag->second == kThink || tag->second == kThinkEnd))
      text.insert(mark->at, tag->second);
  }
  return text;
}

void limit_thoughts(GenerateRequest& request, const chat::ReplyFormat& format, int64_t max_context) {
  constexpr int64_t kAnswerRoom = 64;
  request.think_begin = format.begins_in_reasoning ? -1 : format.think_begin;
  const bool may_think = format.begins_in_reasoning || format.think_begin >= 0;
  request.think_end = may_think ? format.think_end : -1;
  const int64_t left = std::max<int64_t>(max_context - std::ssize(request.prompt), 0);
  const int64_t most = request.max_tokens > 0 ? std::min(left, request.max_tokens) : left;
  request.think_tokens = std::min(request.think_tokens.value_or(most * 3 / 4), left - std::min(left / 4, kAnswerRoom));
}

void set_thinking(chat::Conversation& conversation, bool enabled) {
  if (conversation.options.is_null()) conversation.options = OrderedJson::object();
  for (const char* name : {"thinking", "enable_thinking"})
    if (!conversation.options.contains(name)) conversation.options[name] = enabled;
}

Answer read_answer(const chat::ReplyFormat& format, GenerateResult result) {
  Answer answer{{"assistant"}, std::move(result)};
  chat::ReplyParser parser(format);
  for (const auto& deltas : {read_piece(parser, answer.result.text, answer.result.marks), parser.finish()})
    for (const chat::ReplyDelta& delta : deltas) append(answer.message, delta);
  if (!answer.message.content && answer.message.tool_calls.is_null()) answer.message.content = "";
  return answer;
}

std::vector<Answer> PendingAnswer::wait_all() {
  std::vector<Answer> answers;
  for (GenerateResult& result : generation.wait()) answers.push_back(read_answer(format, std::move(result)));
  return answers;
}

Assistant::Assistant(Engine& engine) : engine_(engine), renderer_(engine.tokenizer()) {}

chat::Prompt Assistant::prompt(const chat::Conversation& conversation) const {
  constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};
  if (conversation.messages.empty()) fail("messages: expected at least one message, found none");
  for (const chat::Message& message : conversation.messages) {
    if (std::ranges::find(kRoles, message.role) == kRoles.end())
      fail("messages: role: expected system, user, assistant or tool, found \"{}\"", brief(message.role));
  }
  chat::Prompt prompt = renderer_.prompt(conversation);
  for (TokenId* id : {&prompt.reply.think_begin, &prompt.reply.think_end})
    if (*id >= engine_.model().config.vocab) *id = -1;  // a tokenizer may have more tokens than its model
  return prompt;
}

chat::ReplyFormat Assistant::fill_in(GenerateRequest& request, const chat::Conversation& conversation) const {
  chat::Prompt prompt = this->prompt(conversation);
  request.prompt = std::move(prompt.ids);
  limit_thoughts(request, prompt.reply, engine_.max_context());
  return std::move(prompt.reply);
}

Answer Assistant::answer(const chat::Conversation& conversation, GenerateRequest request,
                         const OnDelta& on_delta) const {
  const chat::ReplyFormat format = fill_in(request, conversation);
  chat::ReplyParser parser(format);
  const auto tell = [&](const std::vector<chat::ReplyDelta>& deltas) {
    return !on_delta || std::ranges::all_of(deltas, on_delta);
  };
  const auto on_piece = [&](const AnswerPiece& piece) { return tell(read_piece(parser, piece.text, piece.marks)); };
  GenerateResult result = std::move(engine_.generate_all(request, on_piece).front());
  tell(parser.finish());
  return read_answer(format, std::move(result));
}

PendingAnswer Assistant::submit(const chat::Conversation& conversation, GenerateRequest request) const {
  chat::ReplyFormat format = fill_in(request, conversation);
  return {engine_.submit(request), std::move(format)};
}

}  // namespace hadal
