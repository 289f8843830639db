// Small work on text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

std::string lower_case(std::string text);  // of ASCII letters

// Between every `at`; "" and what ends with one give an empty last part.
std::vector<std::string> split(std::string_view text, char at);

// `word` stands in the text as a word of its own, in either case: Q4_K is not in "x-Q4_K_M.gguf". Words are letters,
// digits and _.
bool has_word(std::string_view text, std::string_view word);

}  // namespace hadal
