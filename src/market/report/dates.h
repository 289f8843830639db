// Dates as people write them: 5 March 2014, March 5th, the fifth of March, March 2014, and years.
#pragma once

#include "market/report/tokens.h"

namespace hadal::market {

struct Mention;

struct DatePhrase {
  DateParts parts;
  size_t next;  // the token behind it; where it should begin, if there is none
};
DatePhrase read_date(const TokenText& text, size_t i);

// The year that a number of four digits may be, by the words around it: "in 2014", "2012 to 2014"; 0 where it is none.
int year_in_context(const TokenText& text, size_t i, const Mention* before);

// Whether the parts that are written are those of `date`.
bool says_date(const DateParts& written, const DateParts& date);

}  // namespace hadal::market
