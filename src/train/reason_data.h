// The dialogues of a recipe's sources of kind `reason`, as lines that a source of kind `chat` reads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace hadal {

struct Recipe;

struct ReasonDataOptions {
  int64_t items = 0;             // in all, shared among the sources by their documents; 0: all documents
  std::optional<uint64_t> seed;  // instead of the sources' own
};

// Calls `take` with each line, {"item", "messages"}, in order, until it returns false: those that are trained on, none
// of what is held out. With more items than documents a source goes on. Throws Error when the recipe has no such
// source.
void for_each_reason_line(const Recipe& recipe, const ReasonDataOptions& options,
                          const std::function<bool(const std::string&)>& take);

}  // namespace hadal
