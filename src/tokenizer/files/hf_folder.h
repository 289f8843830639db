// Shared by the readers of a Hugging Face folder's tokenizer. Private to the module.
#pragma once

#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace hadal {

constexpr uint64_t kMaxTokenizerFileBytes = uint64_t{256} << 20;

inline bool is_null_or_absent(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null();
}

Json read_json_object(const Path& path);

// Ids from `limit` on, and different texts for one id, are Errors.
void put_token(TokenizerParts& parts, int64_t id, const std::string& text, TokenType type, int64_t limit,
               std::string_view who);
// With the flags of an entry of "added_tokens" or "added_tokens_decoder".
void put_added_token(TokenizerParts& parts, const Json& token, int64_t id, int64_t limit, std::string_view who);

std::string read_token_text(const Json& config, const char* key, std::string_view who);  // "": none
// Reads bos_token, eos_token, unk_token, pad_token. Strict: bos and eos must be tokens of the vocabulary. Other unknown
// ones are ignored with a warning: text never needs them.
void read_named_tokens(const Json& config, TokenizerParts& parts, std::string_view who, bool strict);

// Reads special_tokens_map.json, tokenizer_config.json and the files of templates, if present.
void read_tokenizer_config(const Path& folder, TokenizerParts& parts);

TokenizerParts read_vocab_and_merges(const Path& folder);

}  // namespace hadal
