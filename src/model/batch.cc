#include "model/model.h"

namespace hadal {

void Batch::append(std::span<const int32_t> tokens, int64_t first_position, KvSequence* state) {
  if (offsets.empty()) offsets.push_back(0);
  HADAL_CHECK(offsets.size() == 1 || states.empty() == (state == nullptr), "a state for some sequences of a batch");
  ids.insert(ids.end(), tokens.begin(), tokens.end());
  for (size_t i = 0; i < tokens.size(); ++i)
    positions.push_back(static_cast<int32_t>(first_position) + static_cast<int32_t>(i));
  offsets.push_back(static_cast<int32_t>(ids.size()));
  if (state != nullptr) states.push_back(state);
}

}  // namespace hadal
