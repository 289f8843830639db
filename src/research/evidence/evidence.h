// From passages to quotes, without a model: what a question asks for, which passages bear an answer, and when none
// does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "research/index.h"

namespace hadal::research {

// A question taken apart by rule.
struct SubQuestion {
  std::string text;                  // "How many moons has Saturn?"
  std::vector<std::string> queries;  // for search; the first one is the question's own content words
};
std::vector<SubQuestion> split_question(std::string_view question);

// Words that carry meaning, folded to lower case and stemmed; stop words are left out.
std::vector<std::string> content_words(std::string_view text);

inline constexpr size_t kMaxQuoteWords = 100;

struct Quote {
  int64_t document = 0;  // of the index
  Span span;
  double score = 0;  // 0 to 1: share of the question that it covers, by weight
  size_t sub_question = 0;
};

struct Evidence {
  std::vector<Quote> quotes;         // best first, no two overlapping
  std::vector<bool> found;           // by sub-question: covered well enough to be shown as an answer
  std::vector<std::string> missing;  // words of the question that no quote holds
};
Evidence gather(const Index& index, std::string_view question, const std::vector<SubQuestion>& parts,
                size_t max_quotes);

// Quotes of one sub-question that state other numbers for the same thing.
struct Conflict {
  size_t sub_question = 0;
  std::vector<size_t> quotes;  // of Evidence::quotes
};
std::vector<Conflict> conflicts(const Index& index, const Evidence& evidence);

}  // namespace hadal::research
