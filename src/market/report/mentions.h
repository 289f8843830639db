// The numbers that a text says, in digits and English words, with their units; and its dates.
#pragma once

#include <string_view>
#include <vector>

#include "market/report/tokens.h"

namespace hadal::market {

// A number says figures that, times `scale`, differ from `value` by `half` at most: half of the last digit written, of
// whole numbers in words .5, of parts (a third, 2 1/2) see half_of_part().
struct Mention {
  size_t first = 0, last = 0;  // its tokens
  size_t next = 0;             // the token behind its unit
  bool is_number = false;      // neither this nor a date: what no figure can say
  double value = 0, half = 0;
  double scale = 1;         // 100: per cent; 10,000: basis points
  double multiplier = 1;    // that stands behind digits and is in `value` already: 5 million
  double shared = 1;        // the multiplier of its range's end, which may be its own too: 3 to 5 million
  bool is_ordinal = false;  // says a count
  int sign = 0;             // that is written: -1, 1
  double over = 0;          // of 12/18: 18, and `value` is 12; each may be a count, or both one share
  DateParts date = {};      // a month or more; or a year that may be a number as well
  bool has_date() const { return date.year > 0 || date.month > 0; }
};

// In their order. What is no number: "one" as a pronoun, "first" and "second" but in a date, as "the first of 40" or in
// twenty-first, the numbers of a list's items, "half" and "quarter" as times, zero behind "above" and its like.
std::vector<Mention> read_mentions(const TokenText& text);

}  // namespace hadal::market
