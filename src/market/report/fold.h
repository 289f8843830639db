// Characters as a reader sees them.
#pragma once

#include <cstddef>

namespace hadal::market {

// What fold() says of characters that have no ASCII of their own.
inline constexpr char kNothing = 0;   // has no width
inline constexpr char kLetter = 1;    // of an alphabet
inline constexpr char kOddDigit = 2;  // raised, lowered, in a circle, Chinese, Roman: a number that is not read
inline constexpr char kFraction = 3;
inline constexpr char kPermille = 4, kPermyriad = 5;
inline constexpr char kNamed = 6;
inline constexpr char kSymbol = 7;

// The ASCII character that a reader takes `c` for: letters small, digits of any script, dashes, blanks and marks of
// full width, and letters of other alphabets that look the same; or one of the above.
char fold(char32_t c);

// Of U+00BD and its like: the value; 0 for another character.
double vulgar_fraction(char32_t c);

// U+00A0 and the thin blanks, which may stand between groups of digits.
bool is_narrow_blank(char32_t c);

}  // namespace hadal::market
