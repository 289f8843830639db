// LaTeX and typography of an answer, as the plain signs that numbers are read from.
#pragma once

#include <string>
#include <string_view>

namespace hadal::tasks {

inline constexpr char kFraction = '\x02';      // stands for \frac and its kin; its two arguments follow
inline constexpr char kForeignDigit = '\x01';  // a digit of another script, full-width ones included: no number for us

// "$\left(\dfrac{1}{3}\right)$" -> "({F}{1}{3})" with F = kFraction; "12{,}000" -> "12,000"; "−" -> "-"; "½" -> " 1/2";
// "10⁴" -> "10^4". Dollar signs, other currencies and what only moves things about are dropped, \text{...} gives its
// words. Letters stay. Linear time.
std::string plain_math(std::string_view text);

}  // namespace hadal::tasks
