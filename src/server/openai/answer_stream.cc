#include "server/openai/answer_stream.h"

#include <utility>

#include "assistant/assistant.h"

namespace hadal {

std::vector<chat::ReplyDelta> ReplyReader::push(std::string_view text, const std::vector<TextMark>& marks) {
  if (apart_) return read_piece(parser_, text, marks);
  std::string whole(text);
  if (is_chat_) whole = with_think_tags(format_, std::move(whole), marks);
  if (whole.empty()) return {};
  return {{.kind = chat::ReplyDelta::Kind::content, .text = std::move(whole)}};
}

LogProbReport::LogProbReport(const CompletionCall& call, const ChatBackend& backend)
    : asked_(call.generate.log_probs != LogProbs::none),
      is_chat_(call.is_chat),
      top_(call.generate.top_log_probs),
      bytes_of_([&backend](TokenId id) { return backend.token_bytes(id); }) {}

OrderedJson LogProbReport::next(std::span<const TokenLogProb> tokens) {
  if (!asked_) return nullptr;
  return is_chat_ ? chat_log_probs(tokens, bytes_of_) : text_log_probs(tokens, top_, bytes_of_, offset_);
}

AnswerStream::AnswerStream(const CompletionHead& head, const CompletionCall& call, const ChatBackend& backend,
                           Exchange& exchange)
    : head_(head),
      exchange_(exchange),
      answers_(call.generate.answers, Answer{ReplyReader(call), LogProbReport(call, backend)}) {}

OrderedJson AnswerStream::Answer::take_log_probs() {
  return log_probs.empty() ? OrderedJson(nullptr) : report.next(std::exchange(log_probs, {}));
}

bool AnswerStream::take(const AnswerPiece& piece) {
  Answer& answer = answers_[piece.answer];
  answer.log_probs.insert(answer.log_probs.end(), piece.log_probs.begin(), piece.log_probs.end());
  return send(piece.answer, answer.reply.push(piece.text, piece.marks));
}

bool AnswerStream::send(int i, const std::vector<chat::ReplyDelta>& deltas) {
  Answer& answer = answers_[i];
  const bool first = head_.kind == CompletionKind::chat && !std::exchange(answer.begun, true);
  if (first && !exchange_.send_event({first_chunk(head_, i)})) return false;
  for (const chat::ReplyDelta& delta : deltas) {
    const bool thought = delta.kind == chat::ReplyDelta::Kind::reasoning;
    OrderedJson log_probs = answer.take_log_probs();
    if (!exchange_.send_event({thought ? reasoning_chunk(head_, delta.text, i, std::move(log_probs))
                                       : text_chunk(head_, delta.text, i, std::move(log_probs))}))
      return false;
  }
  return !exchange_.client_gone();
}

void AnswerStream::finish(const std::vector<GenerateResult>& results) {
  for (int i = 0; i < static_cast<int>(results.size()); ++i) {
    send(i, answers_[i].reply.finish());
    exchange_.send_event({last_chunk(head_, results[i], i, answers_[i].take_log_probs())});
  }
}

std::string whole_answers(const CompletionHead& head, const CompletionCall& call, std::vector<GenerateResult> results,
                          const ChatBackend& backend) {
  std::vector<WholeAnswer> answers;
  for (GenerateResult& result : results) {
    WholeAnswer& answer = answers.emplace_back();
    answer.message.role = "assistant";
    answer.log_probs = LogProbReport(call, backend).next(result.log_probs);
    ReplyReader reply(call);
    for (const auto& deltas : {reply.push(result.text, result.marks), reply.finish()})
      for (const chat::ReplyDelta& delta : deltas) append(answer.message, delta);
    answer.result = std::move(result);
  }
  return whole_completion(head, std::move(answers));
}

}  // namespace hadal
