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

Answer read_answer(const chat::ReplyFormat& format, GenerateResult result) {
  Answer answer{{"assistant"}, std::move(result)};
  chat::ReplyParser parser(format);
  for (const auto& deltas : {read_piece(parser, answer.result.text, answer.result.marks), parser.finish()})
    for (const chat::ReplyDelta& delta : deltas) append(answer.message, delta);
  if (!answer.message.content && answer.message.tool_calls.is_null()) answer.message.content = "";
  return answer;
}

Assistant::Assistant(Engine& engine) : engine_(engine), renderer_(engine.tokenizer()) {}

chat::Prompt Assistant::prompt(const chat::Conversation& conversation) const {
  constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};
  if (conversation.messages.empty()) fail("messages: expected at least one message, found none");
  for (const chat::Message& message : conversation.messages) {
    if (std::ranges::find(kRoles, message.role) == kRoles.end())
      fail("messages: role: expected system, user, assistant or tool, found \"{}\"", brief(message.role));
  }
  return renderer_.prompt(conversation);
}

Answer Assistant::answer(const chat::Conversation& conversation, GenerateRequest request,
                         const OnDelta& on_delta) const {
  chat::Prompt prompt = this->prompt(conversation);
  request.prompt = std::move(prompt.ids);
  chat::ReplyParser parser(prompt.reply);
  const auto tell = [&](const std::vector<chat::ReplyDelta>& deltas) {
    return !on_delta || std::ranges::all_of(deltas, on_delta);
  };
  const auto on_piece = [&](const AnswerPiece& piece) { return tell(read_piece(parser, piece.text, piece.marks)); };
  GenerateResult result = std::move(engine_.generate_all(request, on_piece).front());
  tell(parser.finish());
  return read_answer(prompt.reply, std::move(result));
}

PendingAnswer Assistant::submit(const chat::Conversation& conversation, GenerateRequest request) const {
  chat::Prompt prompt = this->prompt(conversation);
  request.prompt = std::move(prompt.ids);
  return {engine_.submit(request), std::move(prompt.reply)};
}

}  // namespace hadal
