// Documents: what a source of a recipe holds, one text or one dialogue each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chat/conversation.h"
#include "train/data/source_report.h"
#include "train/run/recipe.h"

namespace hadal {

struct Document {
  std::string text;                 // or
  chat::Conversation conversation;  // which has messages; those of weight 0 are not learnt
  bool validation = false;          // training never sees it
  int64_t line = 0;                 // of its file, where it begins

  std::string content() const;  // the text, or all messages in lines
  std::string words() const;    // the same, with the thoughts behind it
};

// Calls `take` for each document that the source's filters let through, in file order; `report` (or null) counts what
// is left out, and why. Throws Error naming the file and the line that is missing, malformed or lacks a field; with
// on_bad_line = "skip" such lines are left out. Stops when `take` returns false.
void for_each_document(const SourceSpec& source, const std::function<bool(Document&&)>& take,
                       SourceReport* report = nullptr);

}  // namespace hadal
