#include "cli/votes.h"

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "tasks/answer.h"
#include "tasks/measures.h"
#include "tasks/task.h"

namespace hadal {

Votes count_votes(std::span<const ChatModel::Answer> replies) {
  HADAL_CHECK(!replies.empty());
  std::vector<std::optional<std::string>> answers;
  for (const ChatModel::Answer& reply : replies)
    answers.push_back(reply.cut ? std::nullopt : tasks::reply_answer(reply.message.text()).text);
  const tasks::Vote vote = tasks::majority_vote(answers, tasks::same_answer);
  return {vote.winner.value_or(0), vote.votes, replies.size()};
}

}  // namespace hadal
