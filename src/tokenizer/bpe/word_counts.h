// Counts the pre-tokens of a stream of texts on all threads, in bounded memory. The result does not depend on the
// number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/pre_tokenizer.h"

namespace hadal {

struct WordCount {
  std::string word;
  int64_t count;
};

// Returns the words in order of their bytes, without those of one byte. A word above kMaxWordBytes (of a text without
// spaces: DNA, some Chinese and Thai) is counted as pieces of at most kPieceBytes, split between characters: merges are
// learnt within the pieces, and short pieces keep the cost of a merge small. When there are more than `max_words`
// different words, or more than kMaxTotalBytes of them, rare ones are dropped.
inline constexpr size_t kMaxWordBytes = 1024, kPieceBytes = 128, kMaxTotalBytes = size_t{512} << 20;
std::vector<WordCount> count_words(const std::function<bool(std::string&)>& next, const PreTokenizer& pre_tokenizer,
                                   size_t max_words = size_t{8} << 20);

}  // namespace hadal
