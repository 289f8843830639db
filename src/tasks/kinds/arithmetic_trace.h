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
//   1870/34  1870/430                                long division: how often the divisor was subtracted, and what is
//            0:810                                   left; then the next digit of the dividend is put in front
//            0:781,1:351,2:911,...
#pragma once

#include <string>
#include <string_view>

namespace hadal::tasks {

// Whole numbers in digits, without leading zeros. Divisions leave no rest. The last line is the result with its lowest
// digit first; of a division the last count of each line is a digit of the quotient.
std::string arithmetic_steps(std::string_view a, char op, std::string_view b);

}  // namespace hadal::tasks
