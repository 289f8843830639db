// LaTeX and typography of an answer, as the plain signs that numbers are read from.
#pragma once

#include <string>
#include <string_view>

namespace hadal::tasks {

inline constexpr char kFraction = '\x02';  // stands for \frac and its kin; its two arguments follow
inline constexpr char kForeign =
    '\x01';  // what makes no number with digits beside it: other scripts' digits, roots, pi, +-

// "$\left(\dfrac{1}{3}\right)$" -> "({F}{1}{3})" with F = kFraction; "12{,}000" -> "12,000"; "−" -> "-"; "½" -> " 1/2";
// "10⁴" -> "10^4". Degrees, dollar signs, other currencies and what only moves things about are dropped, \text{...}
// gives its words. Letters stay. Linear time.
std::string plain_math(std::string_view text);

}  // namespace hadal::tasks
