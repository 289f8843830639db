// Bytes of text that each token of a vocabulary stands for: what losses per byte divide by.
#pragma once

#include <cstdint>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace hadal {

// Specials count `special_bytes` ? their own text : 0.
std::vector<uint32_t> token_lengths(const Tokenizer& tokenizer, bool special_bytes);

}  // namespace hadal
