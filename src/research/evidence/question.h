// What a question asks for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "research/index/terms.h"

namespace hadal::research {

enum class AnswerKind { any, person, time, number, place };
AnswerKind answer_kind(std::string_view question);

// Words that begin with a capital letter or hold a digit, but not as the first word of a sentence: what a text must
// name to speak of the same thing.
std::vector<std::string> named_terms(std::string_view text);

// Where the text states something of this kind that the question does not hold itself.
bool states(std::string_view text, AnswerKind kind, const std::vector<std::string>& question_terms);

// What "how many ..." counts: "moon" of "How many known moons has Saturn?"; "" where the question asks nothing so.
std::string counted_term(std::string_view question);
// Whether the text says a number of them that the question does not hold: 1 for "274 known moons", 2 where a name of
// the question goes before: "Saturn has 274 known moons". 0: it does not.
int counts(std::string_view text, const std::string& counted, std::string_view question);

struct Figure {
  std::string value;  // "1204"
  std::string unit;   // the term behind it, or "%"; "" where there is none
};
std::vector<Figure> figures_in(std::string_view text);

}  // namespace hadal::research
