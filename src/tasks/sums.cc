#include "tasks/sums.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/hash.h"

namespace hadal::tasks {
namespace {

constexpr const char* kSmall[] = {"zero",     "one",     "two",     "three",     "four",     "five",    "six",
                                  "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
                                  "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr const char* kTens[] = {"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};

// {0} and {1} are the numbers; "+" stands for the sign or the word.
constexpr const char* kAddDigits[] = {"What is {0} + {1}?",
                                      "What is {0} + {1}?",
                                      "What is {0} plus {1}?",
                                      "What's {0} + {1}?",
                                      "{0} + {1}",
                                      "{0} + {1} = ?",
                                      "{0}+{1}",
                                      "{0} plus {1}",
                                      "How much is {0} + {1}?",
                                      "How much is {0} plus {1}?",
                                      "Add {0} and {1}.",
                                      "Please add {0} and {1}.",
                                      "Can you add {0} and {1}?",
                                      "Calculate {0} + {1}.",
                                      "What is the sum of {0} and {1}?",
                                      "what is {0}+{1}?",
                                      "Tell me what {0} plus {1} is.",
                                      "What do you get when you add {0} to {1}?",
                                      "Could you work out {0} + {1} for me?",
                                      "I have {0} apples and I get {1} more. How many apples do I have now?",
                                      "There are {0} boys and {1} girls in a school. How many children are there?"};
constexpr const char* kAddWords[] = {"What is {0} plus {1}?",
                                     "What is {0} plus {1}?",
                                     "What's {0} plus {1}?",
                                     "{2} plus {1}",
                                     "How much is {0} plus {1}?",
                                     "Add {0} and {1}.",
                                     "Please add {0} and {1}.",
                                     "Can you add {0} and {1}?",
                                     "What is the sum of {0} and {1}?",
                                     "Tell me what {0} plus {1} is.",
                                     "What do {0} and {1} make together?",
                                     "I have {0} apples and I get {1} more. How many apples do I have now?"};
constexpr const char* kSubtractDigits[] = {"What is {0} - {1}?",
                                           "What is {0} minus {1}?",
                                           "{0} - {1}",
                                           "{0} - {1} = ?",
                                           "How much is {0} minus {1}?",
                                           "Calculate {0} - {1}.",
                                           "Take {1} away from {0}.",
                                           "I have {0} apples and give away {1}. How many are left?"};
constexpr const char* kSubtractWords[] = {"What is {0} minus {1}?", "How much is {0} minus {1}?", "{2} minus {1}",
                                          "Take {1} away from {0}.",
                                          "I have {0} apples and give away {1}. How many are left?"};

std::string capital(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

template <size_t N>
std::string pick(Rng& rng, const char* const (&forms)[N], const std::string& a, const std::string& b) {
  return fmt::format(fmt::runtime(forms[rng.below(N)]), a, b, capital(a));
}

std::string write(int n, bool words) { return words ? number_words(n) : std::to_string(n); }

// One step of the working: "40 + 30 = 70" or "forty plus thirty is seventy".
std::string step(int a, int b, bool subtract, bool words) {
  const int result = subtract ? a - b : a + b;
  if (words)
    return fmt::format("{} {} {} is {}", number_words(a), subtract ? "minus" : "plus", number_words(b),
                       number_words(result));
  return fmt::format("{} {} {} = {}", a, subtract ? "-" : "+", b, result);
}

std::string working(const Sum& sum, bool words) {
  const int a = sum.a, b = sum.b;
  if (a < 10 && b < 10) return step(a, b, sum.subtract, words);
  if (sum.subtract) {  // tens first, then units
    if (b < 10 || b % 10 == 0) return step(a, b, true, words);
    const int rest = a - b / 10 * 10;
    return step(a, b / 10 * 10, true, words) + ", and " + step(rest, b % 10, true, words);
  }
  const int tens = a / 10 * 10 + b / 10 * 10, units = a % 10 + b % 10;
  if (a < 10 || b < 10) return step(a % 10, b % 10, false, words) + ", and " + step(tens, units, false, words);
  return step(a / 10 * 10, b / 10 * 10, false, words) + ", " + step(a % 10, b % 10, false, words) + ", and " +
         step(tens, units, false, words);
}

Sum draw(Rng& rng, bool held_out) {
  for (;;) {
    Sum sum;
    const double kind = held_out ? 1.0 : rng.uniform();
    sum.subtract = kind < 0.15;
    sum.a = static_cast<int>(10 + rng.below(90));
    sum.b = static_cast<int>(10 + rng.below(90));
    if (kind < 0.07 || (kind >= 0.15 && kind < 0.30)) sum.b = static_cast<int>(rng.below(10));
    if (kind >= 0.30 && kind < 0.40) sum.a = static_cast<int>(rng.below(10)), sum.b = static_cast<int>(rng.below(10));
    if (!sum.subtract && kind >= 0.15 && kind < 0.22) std::swap(sum.a, sum.b);
    if (sum.subtract && sum.a < sum.b) std::swap(sum.a, sum.b);
    if (is_held_out(sum.a, sum.b) == held_out) return sum;
  }
}

}  // namespace

bool is_held_out(int a, int b) {
  if (a < 10 || a > 99 || b < 10 || b > 99) return false;
  if (a > b) std::swap(a, b);
  return mix(static_cast<uint64_t>(a) * 1000 + static_cast<uint64_t>(b) + 77) % 10 == 0;
}

std::string number_words(int n) {
  HADAL_CHECK(n >= 0 && n < 1000, "number {}", n);
  if (n < 20) return kSmall[n];
  if (n < 100) return n % 10 == 0 ? kTens[n / 10] : fmt::format("{}-{}", kTens[n / 10], kSmall[n % 10]);
  const std::string hundreds = fmt::format("{} hundred", kSmall[n / 100]);
  return n % 100 == 0 ? hundreds : hundreds + " and " + number_words(n % 100);
}

SumDialogue make_sum(Rng& rng, bool held_out) {
  SumDialogue d;
  d.sum = draw(rng, held_out);
  const bool ask_words = rng.uniform() < 0.35;
  const std::string a = write(d.sum.a, ask_words), b = write(d.sum.b, ask_words);
  if (d.sum.subtract)
    d.question = ask_words ? pick(rng, kSubtractWords, a, b) : pick(rng, kSubtractDigits, a, b);
  else
    d.question = ask_words ? pick(rng, kAddWords, a, b) : pick(rng, kAddDigits, a, b);
  bool answer_words = ask_words;
  if (rng.uniform() < 0.1) {  // asked for in the other form
    answer_words = !ask_words;
    const char last = d.question.back();
    d.question += (last == '?' || last == '.') && d.question.find("= ?") == std::string::npos ? " " : ". ";
    d.question += answer_words ? "Answer in words." : "Answer in digits.";
  }
  d.answer = capital(working(d.sum, answer_words)) + ". The answer is " + write(d.sum.result(), answer_words) + ".";
  return d;
}

}  // namespace hadal::tasks
