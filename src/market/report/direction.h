// Whether a text calls a number a gain or a loss.
#pragma once

#include <vector>

#include "market/report/mentions.h"

namespace hadal::market {

struct Direction {
  bool gain = false, loss = false;  // the words beside it; both: no figure is both
  bool negated = false;             // "not 5%", "did not lose 5%": what is denied is no figure
  bool against = false;             // "fell from 3 to 5", and of both: the numbers go the other way than the word
};

// Of each mention. Words count within the clause: before the number up to six words away, past "a total of" and its
// like, and for a second number that is joined to the first ("lost 5% and 3%"); behind it next to it, or after "was".
// "fell to 5%" says a level, "reduced the profit by 5%" a loss. Of a range ("from 3 to 5", "to 5 from 3") the mentions'
// multipliers must be settled.
std::vector<Direction> directions_of(const TokenText& text, const std::vector<Mention>& mentions);

}  // namespace hadal::market
