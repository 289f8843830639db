#include "tasks/numbers/exact_number.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/rng.h"

namespace hadal::tasks {
namespace {

std::string value(std::string_view text) {
  const auto found = exact_number(text);
  return found ? found->value : "none";
}

std::string stated(std::string_view text) {
  const StatedNumber found = stated_number(text);
  return found.number ? found.number->value : found.why;
}

TEST(ExactNumber, ReadsWhatPeopleWrite) {
  const std::pair<const char*, const char*> kCases[] = {{"5", "5"},
                                                        {"-5", "-5"},
                                                        {"+5", "5"},
                                                        {"\u22125", "-5"},
                                                        {"- 5", "-5"},
                                                        {"007", "7"},
                                                        {"0", "0"},
                                                        {"-0", "0"},
                                                        {"1,000", "1000"},
                                                        {"1 000", "1000"},
                                                        {"12{,}000,000", "12000000"},
                                                        {"12,\\!000", "12000"},
                                                        {"1\u202f000", "1000"},
                                                        {"1,000.50", "2001/2"},
                                                        {".5", "1/2"},
                                                        {"5.", "5"},
                                                        {"0.875", "7/8"},
                                                        {"1/2", "1/2"},
                                                        {"-6/4", "-3/2"},
                                                        {"2 1/2", "5/2"},
                                                        {"-2 1/2", "-5/2"},
                                                        {"2\u00bd", "5/2"},
                                                        {"2\\frac12", "5/2"},
                                                        {"\\frac{10}{9}", "10/9"},
                                                        {"-\\dfrac{10}{9}", "-10/9"},
                                                        {"\\tfrac1{3}", "1/3"},
                                                        {"$\\left( \\cfrac{1}{3} \\right)$", "1/3"},
                                                        {"\\frac{\\frac{1}{2}}{3}", "1/6"},
                                                        {"\\frac{1{,}000}{-3}", "-1000/3"},
                                                        {"3 000/7", "3000/7"},
                                                        {"2.9842e4", "29842"},
                                                        {"29842E-1", "14921/5"},
                                                        {"3*10^4", "30000"},
                                                        {"3 \\times 10^{-2}", "3/100"},
                                                        {"10\u2074", "10000"},
                                                        {"2^{10}", "1024"},
                                                        {"-2^2", "-4"},
                                                        {"(7)", "7"},
                                                        {"\\boxed{7}", "7"},
                                                        {"**7**", "7"},
                                                        {"\\$18.00", "18"},
                                                        {"\u20ac5", "5"},
                                                        {"5 \u20ac", "5"},
                                                        {"USD 5", "5"},
                                                        {"US$5", "5"},
                                                        {"5 m^2", "5"},
                                                        {"5m\u00b2", "5"},
                                                        {"5 km/h", "5"},
                                                        {"5\\text{ cubic metres}", "5"},
                                                        {"5%", "5"},
                                                        {"5\\,\\mathrm{cm}", "5"},
                                                        {"2 apples.", "2"},
                                                        {"72^\\circ", "72"},
                                                        {"72^{\\circ}", "72"}};
  for (const auto& [text, expected] : kCases) EXPECT_EQ(value(text), expected) << text;
}

TEST(ExactNumber, RefusesWhatIsNone) {
  for (const char* text : {"",
                           "-",
                           "x",
                           "NaN",
                           "inf",
                           "three",
                           "1,00",
                           "1,0000",
                           "12,34",
                           "1.2.3",
                           "1,000,00",
                           "0,000",
                           "--5",
                           "5-3",
                           "5 3",
                           "1/0",
                           "1/2/3",
                           "1/",
                           "\\frac{1}{0}",
                           "\\frac{1}",
                           "\\frac",
                           "\\frac{1}{x}",
                           "5 or 6",
                           "5 or so",
                           "5 is right",
                           "A5",
                           "5 6 apples",
                           "\uff17",
                           "7\uff17",
                           "\u0667",
                           "1e999999999",
                           "2^999999999",
                           "10^99999",
                           "5 a b c d",
                           "2e+",
                           "5e5e5",
                           "0^0",
                           "0^-1",
                           "((5)",
                           "{",
                           "$",
                           "1..2",
                           "3x",
                           "2\\pi",
                           "2\u03c0",
                           "\\sqrt{9}",
                           "\u221a9",
                           "\\pm 5",
                           "\u00b15",
                           "2516_8",
                           "\\frac{\\frac{\\frac{\\frac{\\frac11}1}1}1}1"})
    EXPECT_EQ(value(text), "none") << text;
}

TEST(ExactNumber, SaysWhatIsNotWorkedOut) {
  for (const char* text : {"1680/84", "4/1", "2^3", "\\frac{4}{2}", "7^1"})
    EXPECT_FALSE(exact_number(text)->worked_out) << text;
  for (const char* text : {"20", "7/8", "14/16", "1e3", "10^3", "2 1/2", "2^{-1}", "20.0"})
    EXPECT_TRUE(exact_number(text)->worked_out) << text;
}

TEST(StatedNumber, IsTheLastOfASentence) {
  const std::pair<const char*, const char*> kCases[] = {{"so the number is 10 which is 1,000.99m\u00b2", "100099/100"},
                                                        {"k = \\frac{1}{3}", "1/3"},
                                                        {"10 - 4 = 6", "6"},
                                                        {"From 3 to 5, so -2", "-2"},
                                                        {"it falls by - 3", "-3"},
                                                        {"COVID-19", "19"},
                                                        {"There are 12 of them, or 1 dozen", "two answers"},
                                                        {"12 or 13", "two answers"},
                                                        {"1/2 or 0.5", "1/2"},
                                                        {"either 12, or maybe 13 apples", "two answers"},
                                                        {"5-3", "not one number"},
                                                        {"3, 4", "not one number"},
                                                        {"3 + 4", "not one number"},
                                                        {"AZYUK2A", "no number"},
                                                        {"x2", "no number"},
                                                        {"three", "no number"},
                                                        {"it is 3x", "written as no number is"},
                                                        {"0x10", "written as no number is"},
                                                        {"\\sqrt{9} = 3", "3"},
                                                        {"\\sqrt{9}", "not one number"},
                                                        {"2\\sqrt{3}", "not one number"},
                                                        {"\\pm 5", "not one number"},
                                                        {"f(0) = \\frac{14}{3}", "14/3"},
                                                        {"5m2 in all", "5"},
                                                        {"it is 1,00", "written as no number is"},
                                                        {"it is \uff17", "written as no number is"},
                                                        {"5 \\text{ m}^2", "5"},
                                                        {"the 3rd day brings 15.", "15"},
                                                        {"#### 72", "72"},
                                                        {"He pays $1,234.50 in all", "2469/2"}};
  for (const auto& [text, expected] : kCases) EXPECT_EQ(stated(text), expected) << text;
}

// An oracle of fractions in 128 bits.
std::string fraction_text(__int128 above, __int128 below) {
  if (below < 0) above = -above, below = -below;
  __int128 a = above < 0 ? -above : above, b = below;
  while (b != 0) a = std::exchange(b, a % b);
  const auto text = [](__int128 n) {
    std::string digits = n < 0 ? "-" : "";
    std::string reversed;
    for (__int128 rest = n < 0 ? -n : n; rest > 0 || reversed.empty(); rest /= 10)
      reversed += static_cast<char>('0' + static_cast<int>(rest % 10));
    return digits.append(reversed.rbegin(), reversed.rend());
  };
  return below / a == 1 ? text(above / a) : text(above / a) + "/" + text(below / a);
}

std::string grouped(int64_t n, const char* separator) {
  std::string digits = std::to_string(n);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), separator);
  return digits;
}

TEST(ExactNumber, AgreesWithFractionsIn128Bits) {
  for (uint64_t i = 0; i < 20000; ++i) {
    Rng rng(11, i);
    const auto draw = [&](uint64_t digits) {
      uint64_t limit = 1;
      for (uint64_t k = 0; k <= rng.below(digits); ++k) limit *= 10;
      return static_cast<int64_t>(rng.below(limit));
    };
    const int64_t a = draw(8), b = draw(8), c = draw(6) + 1, places = static_cast<int64_t>(rng.below(7));
    const bool negative = rng.below(2) == 0;
    const int64_t sign = negative ? -1 : 1;
    int64_t scale = 1;
    for (int64_t k = 0; k < places; ++k) scale *= 10;
    const std::string minus = negative ? (rng.below(2) ? "-" : "\u2212") : "";
    const char* const kSeparators[] = {"", ",", " ", "{,}", "\\,", ",\\!"};
    const std::string whole = grouped(a, kSeparators[rng.below(std::size(kSeparators))]);
    std::string decimals = std::to_string(b % scale);
    decimals.insert(0, static_cast<size_t>(places) - (places ? decimals.size() : 0), '0');
    ASSERT_EQ(value(minus + whole), fraction_text(sign * a, 1)) << whole;
    if (places > 0) {
      ASSERT_EQ(value(minus + whole + "." + decimals),
                fraction_text(sign * (static_cast<__int128>(a) * scale + b % scale), scale));
    }
    ASSERT_EQ(value(minus + std::to_string(b) + "/" + std::to_string(c)), fraction_text(sign * b, c));
    ASSERT_EQ(value(minus + "\\frac{" + whole + "}{" + std::to_string(c) + "}"), fraction_text(sign * a, c));
    if (b % c != 0)
      ASSERT_EQ(value(minus + std::to_string(a) + " " + std::to_string(b % c) + "/" + std::to_string(c)),
                fraction_text(sign * (static_cast<__int128>(a) * c + b % c), c));
    ASSERT_EQ(value(minus + std::to_string(a) + "e" + std::to_string(places)),
              fraction_text(sign * static_cast<__int128>(a) * scale, 1));
    ASSERT_EQ(value(minus + std::to_string(a) + "*10^{-" + std::to_string(places) + "}"),
              fraction_text(sign * a, scale));
    ASSERT_EQ(exact_result(std::to_string(a), '*', std::to_string(b)), fraction_text(static_cast<__int128>(a) * b, 1));
    ASSERT_EQ(exact_result(std::to_string(a), '-', std::to_string(b)), fraction_text(a - b, 1));
    ASSERT_EQ(exact_result(std::to_string(b), '/', std::to_string(c)), fraction_text(b, c));
  }
  EXPECT_EQ(exact_result("5", '/', "0"), "");
}

TEST(ExactNumber, TakesHostileTexts) {
  const std::string huge(4000, '9');
  EXPECT_EQ(value(huge), huge);
  EXPECT_EQ(value(huge + "9"), "none");
  std::string brackets, fractions, list, groups;
  for (int i = 0; i < 1300; ++i) brackets += "({[", list += "1 ", groups += "1,2";
  for (int i = 0; i < 600; ++i) fractions += "\\frac{";
  for (const std::string& text :
       {brackets, fractions, list, groups, std::string(4000, '^'), "1" + std::string(3999, '/'), std::string(4000, '-'),
        std::string(4000, '.'), std::string(4000, '\\'), std::string("1\0002", 3),
        std::string("\xff\xfe\xf0"
                    "5")}) {
    exact_number(text);
    stated_number(text);
  }
  EXPECT_EQ(value("1e4000").size(), 4001u);
  EXPECT_EQ(value("1e4001"), "none");
  EXPECT_EQ(stated("the answer is 1e999999999"), "written as no number is");
  EXPECT_EQ(stated_number(std::string(4001, 'x')).why, "more than 4,000 characters");
}

// Random texts of the signs that numbers are made of: nothing is read twice, and what is read is a number.
TEST(ExactNumber, TakesRandomTexts) {
  constexpr std::string_view kParts[] = {"1",   "0",  "23", "000", ",",      ".",      "-",      "/",      "^",
                                         "{",   "}",  "(",  ")",   " ",      "e",      "*",      "\\frac", "\\boxed",
                                         "10^", "or", "=",  "$",   "\uff17", "\u00bd", "\u00b2", "\\",     "x"};
  for (uint64_t i = 0; i < 20000; ++i) {
    Rng rng(12, i);
    std::string text;
    for (uint64_t parts = rng.below(30); parts > 0; --parts) text += kParts[rng.below(std::size(kParts))];
    if (const auto found = exact_number(text)) {
      EXPECT_EQ(value(found->value), found->value) << text;
      EXPECT_EQ(stated(text), found->value) << text;
    }
    if (const auto found = stated_number(text); found.number)
      EXPECT_EQ(value(found.number->value), found.number->value);
  }
}

}  // namespace
}  // namespace hadal::tasks
