// Sources of kind `reason`: dialogues with thoughts that the tasks of tasks/task.h make up by seed. Dialogue i depends
// on the source's keys, i and the half of the items alone, so that all threads make them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "chat/conversation.h"
#include "tasks/task.h"
#include "train/run/recipe.h"

namespace hadal {

struct ReasonDialogue {
  OrderedJson item;
  chat::Conversation
      conversation;  // the question, in a wording that training may see; the thoughts, where it has any, and the answer
};

// The kind is drawn by the source's shares. An item without a trace of at most max_thinking_bytes gets other draws of
// its branches, then gives way to another item of its kind. Throws Error naming the source and the kind where many
// items have none. A share of `without_thinking` has no thoughts.
ReasonDialogue make_reason_dialogue(const SourceSpec& source, tasks::Split split, int64_t i);

// Calls `take` with dialogues 0 to `count` - 1, in order, made by the shared pool; false when `take` returned false,
// which ends it.
bool for_each_reason_dialogue(const SourceSpec& source, tasks::Split split, int64_t count,
                              const std::function<bool(ReasonDialogue&&)>& take);

// Makes a dialogue of each kind. Throws Error, with the recipe's line, for a kind that gives none.
void check_reason_source(const SourceSpec& source);

// Of the keys, and of some dialogues: another one when the tasks make others of the same keys.
std::string reason_source_key(const SourceSpec& source);

}  // namespace hadal
