// Several answers to one question, and the one that most of them agree on (self-consistency: Wang et al. 2022).
#pragma once

#include <cstddef>
#include <span>

#include "cli/chat_model.h"

namespace hadal {

struct Votes {
  size_t winner =
      0;  // of the replies: the first that gives the winning answer, or the first of all where none gives one
  size_t agree = 0;  // replies that give this answer
  size_t of = 0;     // all replies, those without an answer too
};

// Answers are found and compared as verifiers do (tasks::reply_answer, tasks::same_answer); a reply that was cut off
// gives none. At least one reply.
Votes count_votes(std::span<const ChatModel::Answer> replies);

}  // namespace hadal
