// The sentences of quotes that answer a question, by rule.
#pragma once

#include <string>
#include <vector>

namespace hadal::research {

// Of quotes, best first: the sentence that answers best, and a second one where it adds words of the question. Never
// empty where there is a quote.
std::string answer_of(const std::string& question, const std::vector<std::string>& quotes);

// Whether a text repeats the question word for word: it speaks of the question, and seldom answers it.
bool echoes(const std::string& text, const std::string& question);

}  // namespace hadal::research
