#include "engine/steps/think_budget.h"

namespace hadal {

std::optional<TokenId> ThinkBudget::forced() const {
  if (!thinking_ || may_begin() || !limit_ || taken_ < *limit_) return std::nullopt;
  return end_;
}

TokenRole ThinkBudget::take(TokenId token) {
  if (!thinking_) return TokenRole::plain;
  const bool is_forced = forced() == token;  // a given token may stand in its place
  thinking_ = token != end_ && (!may_begin() || token == begin_);
  if (is_forced) return TokenRole::forced;
  if (!thinking_) return TokenRole::plain;
  ++taken_;
  return TokenRole::thought;
}

}  // namespace hadal
