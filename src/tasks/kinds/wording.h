// Questions from patterns: "[Make|Reach] {target} from {numbers}[.| exactly.]".
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/rng.h"
#include "tasks/task.h"

namespace hadal::tasks {

// A place in a list of `count` patterns, drawn evenly from those of `wordings`. The last quarter (rounded up) is held
// out.
size_t draw_place(size_t count, Wordings wordings, Rng& rng);
std::string_view draw_pattern(std::span<const std::string_view> patterns, Wordings wordings, Rng& rng);

// Draws one of the alternatives of each [a|b|c] and puts a slot's text where its {name} stands. Brackets do not nest;
// an alternative may be empty, and may hold slots. What stands in a slot's text is left as it is. A slot that is not
// given, or a bracket without its end, aborts.
std::string fill_pattern(std::string_view pattern,
                         std::initializer_list<std::pair<std::string_view, std::string_view>> slots, Rng& rng);

// "Bova lo kirum": words of letters drawn at random, of 2 to 9 letters, some of them capitalised.
std::string made_up_words(size_t count, Rng& rng);
std::string made_up_name(Rng& rng);  // "Kirum": 4 to 9 letters

}  // namespace hadal::tasks
