// What a request says of thoughts: whether the model is to think, and how long. DeepSeek's `thinking`, OpenAI's
// `reasoning_effort`, and a budget in tokens.
#pragma once

#include <cstdint>
#include <optional>

#include "base/json_fwd.h"

namespace hadal {

struct ThinkingCall {
  std::optional<bool> enabled = {};        // none: as the model's template does
  bool required = false;                   // a model that cannot think is not what was asked for
  std::optional<int64_t> max_tokens = {};  // the budget; none: that of limit_thoughts()
  double share = 1;                        // of the budget
};

// Pure: ApiError (400) naming the field.
ThinkingCall read_thinking(const Json& body);

}  // namespace hadal
