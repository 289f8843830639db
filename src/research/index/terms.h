// Text as the terms that are searched: lower case, without accents, stemmed by Porter's rules of 1980; pairs of
// characters where Chinese, Japanese or Korean is written without spaces.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::research {

struct Term {
  std::string text;
  size_t begin = 0, end = 0;  // bytes of the text
};

// In the order of the text. "1,204" is 1204, "3.12.0" one term, soft hyphens are left out.
std::vector<Term> terms_of(std::string_view text);

std::string porter_stem(std::string_view word);  // of lower-case ASCII letters; others come back as they are

// Words that say little of what a text is about: articles, pronouns, auxiliary verbs, question words. Takes a stem.
bool is_stop_term(std::string_view term);

}  // namespace hadal::research
