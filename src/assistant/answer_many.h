// Many conversations answered at once, as evaluations ask them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "assistant/assistant.h"

namespace hadal {

struct AnswerManyOptions {
  GenerateRequest request;  // of each; its prompt is filled in, and its seed is drawn from this one's by its index
  int64_t parallel = 16;    // conversations at once, at least 1
  // Where it becomes true, nothing more is asked, and answers in flight are cut off and not reported.
  const std::atomic<bool>* stop = nullptr;
};

// The answers that the request asks for, or why there are none (the conversation is longer than the context): one
// failure is not the others'. (C++23's std::expected, which clang 14, the fuzzers' compiler, does not know.)
class Answered {
 public:
  explicit Answered(std::vector<Answer> answers) : is_(std::move(answers)) {}
  explicit Answered(std::string why) : is_(std::move(why)) {}
  explicit operator bool() const { return is_.index() == 0; }
  const std::vector<Answer>& operator*() const { return std::get<0>(is_); }
  const std::vector<Answer>* operator->() const { return &std::get<0>(is_); }
  const std::string& error() const { return std::get<1>(is_); }

 private:
  std::variant<std::vector<Answer>, std::string> is_;
};

// Answers the last message of each conversation and calls on_answer(index, answers) as they come, in any order, on this
// thread. Returns when all are answered or it was stopped.
void answer_many(const Assistant& assistant, const std::vector<chat::Conversation>& conversations,
                 const AnswerManyOptions& options,
                 const std::function<void(size_t index, const Answered& answers)>& on_answer);

// An answer as verifiers read it (tasks/task.h): its text with <think> and </think> where they are special tokens, too,
// and a <think> before thoughts that the prompt has opened and that did not end. `format` is the tokenizer's.
std::string tagged_reply(const chat::ReplyFormat& format, const Answer& answer);

}  // namespace hadal
