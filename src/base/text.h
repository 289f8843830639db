// Small work on text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

std::string lower_case(std::string text);  // of ASCII letters

// Without what stands at both ends of it, white space of ASCII unless named.
std::string_view trimmed(std::string_view text, std::string_view what = " \t\n\v\f\r");

// Between every `at`; "" and what ends with one give an empty last part.
std::vector<std::string> split(std::string_view text, char at);

// A cell of CSV, in quotes where it needs them.
std::string csv_field(std::string_view text);

// "1 file", "2 files", "0 files": `noun` stands for one.
std::string counted(int64_t count, std::string_view noun);

// `word` stands in the text as a word of its own, in either case: Q4_K is not in "x-Q4_K_M.gguf". Words are letters,
// digits and _.
bool has_word(std::string_view text, std::string_view word);

}  // namespace hadal
