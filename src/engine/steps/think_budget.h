// Counts the thoughts of one answer and says when they must end. GenerateRequest has the rules.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/generation.h"

namespace hadal {

enum class TokenRole {
  plain,    // of the answer, or the end of the thoughts
  thought,  // of the thoughts
  forced,   // the end of the thoughts, which was not sampled
};

class ThinkBudget {
 public:
  explicit ThinkBudget(const GenerateRequest& request)
      : begin_(request.think_begin),
        end_(request.think_end),
        limit_(request.think_tokens),
        thinking_(request.think_end >= 0) {}

  // The token that comes next, whatever the model would say.
  std::optional<TokenId> forced() const;
  // The next token of the answer.
  TokenRole take(TokenId token);

 private:
  bool may_begin() const { return taken_ == 0 && begin_ >= 0; }  // whether there are thoughts is not known yet

  TokenId begin_, end_;
  std::optional<int64_t> limit_;
  bool thinking_;
  int64_t taken_ = 0;  // tokens of the thoughts
};

}  // namespace hadal
