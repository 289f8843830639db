// Where to look next, by rule: what strong passages name, and the links of the pages that they stand on.
#pragma once

#include <string>
#include <vector>

#include "research/evidence/evidence.h"
#include "research/run/library.h"
#include "research/run/search.h"

namespace hadal::research {

// Names in the best quotes that the question does not hold, each with the words that are missing. At most `limit`.
std::vector<Query> hop_queries(const Library& library, const Evidence& evidence, const std::string& question,
                               size_t limit);

// Links on the pages of the best quotes, to the same host, whose text shares a word with what is missing; best first.
std::vector<std::string> hop_links(const Library& library, const Evidence& evidence,
                                   const std::vector<SubQuestion>& missing, const Search& search, size_t limit);

}  // namespace hadal::research
