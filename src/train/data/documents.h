// Documents: what a source of a recipe holds, one text or one dialogue each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "train/data/source_report.h"
#include "train/run/recipe.h"

namespace hadal {

struct ChatMessage {
  std::string role, content;
  bool learnt = true;          // false ("weight": 0): context of the other messages, learnt under no mask
  OrderedJson more = nullptr;  // other fields that chat templates read (tool_calls, tool_call_id, name), or null
};

struct Document {
  std::string text;                   // or
  std::vector<ChatMessage> messages;  // a dialogue
  OrderedJson tools = nullptr;        // of a dialogue: the functions it may call, as chat templates take them, or null
  bool validation = false;            // training never sees it
  int64_t line = 0;                   // of its file, where it begins

  std::string content() const;  // the text, or all messages in lines
};

// Calls `take` for each document that the source's filters let through, in file order; `report` (or null) counts what
// is left out, and why. Throws Error naming the file and the line that is missing, malformed or lacks a field; with
// on_bad_line = "skip" such lines are left out. Stops when `take` returns false.
void for_each_document(const SourceSpec& source, const std::function<bool(Document&&)>& take,
                       SourceReport* report = nullptr);

}  // namespace hadal
