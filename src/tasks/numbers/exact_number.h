// Exact numbers as models and people write them: "1,000.99", "2 1/2", "\frac{1}{3}", "2.9842e4", "$18.00", "5 km/h".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::tasks {

inline constexpr size_t kMaxAnswerBytes = 4000;  // a longer text states no number

struct ExactNumber {
  std::string value;       // in lowest terms, "-29842" or "7/8": two numbers are equal where their values are
  bool worked_out = true;  // false: a fraction or power that makes a whole number, "1680/84"
};

// The whole text as one number: a sign, groups of three (by commas or spaces), decimals, fractions with / or LaTeX,
// mixed numbers, exponents (e4, *10^4, 2^10), brackets or $ around it, a currency or unit of at most three words beside
// it. Whatever else stands there, or an exponent beyond 4,000, gives nullopt. Linear time but for the arithmetic, whose
// numbers have at most some thousand digits; no recursion beyond fractions in fractions, four deep.
std::optional<ExactNumber> exact_number(std::string_view text);

// The number that a text states: its last one. None where its sentence offers two with "or", where the last one is
// part of a term ("5-3", "3, 4"), of a word ("A4") or written in a way that no number is ("1,00").
struct StatedNumber {
  std::optional<ExactNumber> number;
  std::string why;  // where there is none, in a few words
};
StatedNumber stated_number(std::string_view text);

// The value of `a op b` for whole numbers in digits and one of + - * /; "" for a division by zero.
std::string exact_result(std::string_view a, char op, std::string_view b);

}  // namespace hadal::tasks
