// Counts pre-tokens of a stream of texts, with all threads and bounded memory. The result does not depend on the number
// of threads.
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

// Words in order of their bytes. Words of one byte, or above kMaxWordBytes (no language has such words, and they would
// only feed merges of noise), are left out. When a text has more than `max_words` different words, rare ones are
// forgotten on the way.
inline constexpr size_t kMaxWordBytes = 1024;
std::vector<WordCount> count_words(const std::function<bool(std::string&)>& next, const PreTokenizer& pre_tokenizer,
                                   size_t max_words = size_t{8} << 20);

}  // namespace hadal
