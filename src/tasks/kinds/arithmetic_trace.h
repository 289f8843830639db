// Ways to the result of a sum, difference, product or exact division, in steps that each look at a few digits.
//
// Numbers stand with their lowest digit first, so that equal places align; a column's two-digit result holds the digit
// and what it carries. Only the answer is in the usual order.
//
//   347+86   743+680                                347-86   743-680
//            7+6+0=13,4+8+1=13,3+0+1=04                      17-6-0=11,14-8-0=06,13-0-1=12     a ten is lent to each
//            334                                             162                               column; 0x: it is used
//
//   347*86   743*68
//            7*6+00=42,4*6+04=28,3*6+02=20:2|802     what is added: the carry and the digit of the sum so far;
//            7*8+08=64,4*8+06=38,3*8+05=29           the next line begins behind the bar
//            24892
//
//   1870/34  1870/430                                long division: what is left, 18 at first, then the divisor taken
//            810 1:84=14,13=07,00=09!0               away until a ten is missing in the last column, then a digit of
//            781 1:74=13,83=15,10=11 2:34=09,...!5   the quotient; the dividend's next digit comes in front of the rest
//            071 1:04=06,...
#pragma once

#include <string>
#include <string_view>

namespace hadal::tasks {

// Whole numbers in digits, without leading zeros. Divisions leave no rest. The last line is the result with its lowest
// digit first; of a division each line ends with a digit of the quotient.
std::string arithmetic_steps(std::string_view a, char op, std::string_view b);

}  // namespace hadal::tasks
