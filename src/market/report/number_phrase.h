// Numbers, parts and units in English words.
#pragma once

#include "market/report/tokens.h"

namespace hadal::market {

// How near a figure is to a part (a third, 2 1/2) that says it: a hundredth of it, and half of its second digit.
double half_of_part(double value);

// All return the token behind what they read as `next`; where they began, if there is nothing.

struct NumberPhrase {
  enum { none, number, unsaid } kind = none;  // unsaid: a number that cannot be compared: hundreds, doubled
  double value = 0, half = 0.5;
  size_t next = 0;
  bool ordinal = false;
};
// twelve; one hundred and five; two and a half; five point four; two thirds; half a million; a dozen
NumberPhrase read_phrase(const TokenText& text, size_t i);

struct OrdinalPhrase {
  int value;
  size_t next;
};
OrdinalPhrase read_ordinal(const TokenText& text, size_t i);  // fifth, twenty-first

struct PartPhrase {
  double value;
  size_t next;
};
PartPhrase read_and_part(const TokenText& text, size_t i);  // and a half; and three quarters

struct UnitPhrase {
  double scale;
  size_t next;
};
// %, per cent, percentage points, basis points, permille: how many of them are one.
UnitPhrase read_unit(const TokenText& text, size_t i);

}  // namespace hadal::market
