// The known name that a mistyped one probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hadal::market::factors {

// The one that fewest insertions, deletions, replacements and swaps of neighbours turn into `name`, letters' case
// counting little; the first of equals. "" where there are no names.
std::string nearest_name(std::string_view name, std::span<const std::string> names);

}  // namespace hadal::market::factors
