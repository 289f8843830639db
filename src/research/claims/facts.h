// What of a text can be checked by looking: its numbers with their units, its dates, its names, and what it denies.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::research {

struct Word {
  std::string text;    // as it stands
  std::string folded;  // lower case of ASCII, without 's
  size_t begin = 0;
  bool starts_sentence = false;
};
// Runs of letters, digits and what binds them within ("Berners-Lee" is two, "3.40.1" and "1,204" one).
std::vector<Word> words_of(std::string_view text);

struct Number {
  std::string value;  // "1204", "58.5", "-179", "3.40.1"; "o:19" of an ordinal, "m:7" of a month
  std::string shown;  // as the text has it
  std::string unit;   // "km", "percent", "usd"; "" where none stands beside it
  size_t word = 0;    // of words_of(): where it begins
  size_t words = 1;
};
// 1,204 = 1204 = 1 204, fifty-seven = 57, 1.2 million = 1200000; a date gives its year, month and day.
std::vector<Number> numbers_of(std::string_view text, const std::vector<Word>& words);

// Words that a sentence takes for names: capitals within it, or anywhere in all letters.
std::vector<std::string> names_of(const std::vector<Word>& words);

bool is_denial(std::string_view folded);     // "not", "never", "without"
std::string unit_of(std::string_view word);  // "" where the word is no unit

}  // namespace hadal::research
