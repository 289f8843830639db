#include "train/data/token_lengths.h"

namespace hadal {

std::vector<uint32_t> token_lengths(const Tokenizer& tokenizer, bool special_bytes) {
  std::vector<uint32_t> lengths(static_cast<size_t>(tokenizer.vocab_size()));
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (special_bytes || !tokenizer.is_special(id))
      lengths[i] = static_cast<uint32_t>(tokenizer.decode({&id, 1}).size());
  }
  return lengths;
}

}  // namespace hadal
