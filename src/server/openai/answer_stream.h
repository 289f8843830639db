// The answers of one request: as events while they come, or whole.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/reply_parser.h"
#include "server/backend.h"
#include "server/exchange.h"
#include "server/openai/log_probs.h"
#include "server/openai/openai_reply.h"
#include "server/openai/openai_request.h"

namespace hadal {

// The deltas of a reply, as it comes. Text completions, and chats whose thoughts are not to be told apart, are all
// content; in these the thoughts stand in their tags.
class ReplyReader {
 public:
  explicit ReplyReader(const CompletionCall& call)
      : format_(call.reply), parser_(call.reply), is_chat_(call.is_chat), apart_(call.is_chat && call.apart) {}

  std::vector<chat::ReplyDelta> push(std::string_view text, const std::vector<TextMark>& marks);
  std::vector<chat::ReplyDelta> finish() { return apart_ ? parser_.finish() : std::vector<chat::ReplyDelta>(); }

 private:
  chat::ReplyFormat format_;
  chat::ReplyParser parser_;
  bool is_chat_, apart_;
};

// What is reported of the log-probabilities of an answer's tokens.
class LogProbReport {
 public:
  LogProbReport(const CompletionCall& call, const ChatBackend& backend);

  OrderedJson next(std::span<const TokenLogProb> tokens);  // of those that come next; null where nothing was asked

 private:
  bool asked_, is_chat_;
  int top_;
  TokenBytes bytes_of_;
  int64_t offset_ = 0;
};

// All must outlive it. Used by one thread at a time.
class AnswerStream {
 public:
  AnswerStream(const CompletionHead& head, const CompletionCall& call, const ChatBackend& backend, Exchange& exchange);

  bool take(const AnswerPiece& piece);  // false: the client is gone
  void finish(const std::vector<GenerateResult>& results);

 private:
  struct Answer {
    ReplyReader reply;
    LogProbReport report;
    std::vector<TokenLogProb> log_probs = {};  // they go out with the text of their tokens, or with the end
    bool begun = false;

    OrderedJson take_log_probs();
  };
  bool send(int answer, const std::vector<chat::ReplyDelta>& deltas);

  const CompletionHead& head_;
  Exchange& exchange_;
  std::vector<Answer> answers_;
};

// The body of the reply that is not streamed.
std::string whole_answers(const CompletionHead& head, const CompletionCall& call, std::vector<GenerateResult> results,
                          const ChatBackend& backend);

}  // namespace hadal
