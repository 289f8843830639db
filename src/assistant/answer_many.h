// Many conversations answered at once, as evaluations ask them.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "assistant/assistant.h"

namespace hadal {

struct AnswerManyOptions {
  GenerateRequest request;  // of each; its prompt is filled in
  int64_t parallel = 16;    // answers at once, at least 1
  // Where it becomes true, nothing more is asked, and answers in flight are cut off and not reported.
  const std::atomic<bool>* stop = nullptr;
};

// The answer, or why there is none (the conversation is longer than the context): one failure is not the others'.
using Answered = std::expected<Answer, std::string>;

// Answers the last message of each conversation and calls on_answer(index, answer) as they come, in any order, on this
// thread. Returns when all are answered or it was stopped.
void answer_many(const Assistant& assistant, const std::vector<chat::Conversation>& conversations,
                 const AnswerManyOptions& options,
                 const std::function<void(size_t index, const Answered& answer)>& on_answer);

}  // namespace hadal
