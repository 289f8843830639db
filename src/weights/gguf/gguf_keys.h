// The keys of a GGUF file. Private to the module.
#pragma once

#include <optional>
#include <string>

#include "formats/gguf.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"
#include "weights/generation.h"

namespace hadal::weights {

// These throw Error naming `who` for what the format cannot express.
void add_config_keys(const ModelConfig& config, std::string_view who, GgufWriter::Keys& keys);
void add_tokenizer_keys(const ModelConfig& config, const Tokenizer& tokenizer, std::string_view who,
                        GgufWriter::Keys& keys);
void add_defaults_keys(const Tokenizer& tokenizer, const GenerationDefaults& defaults, GgufWriter::Keys& keys);

// Keys of Hadal's own, for what GGUF has no key; other readers ignore them: the normaliser ("NFC"), ids of added tokens
// with a flag, and all ends if there are more than eos, eot and eom. docs/models.md lists them.
constexpr const char *kNormalizerKey = "tokenizer.hadal.normalizer", *kEndsKey = "tokenizer.hadal.end_token_ids";
struct FlagKey {
  const char* key;
  std::vector<TokenId> TokenizerParts::*ids;
};
constexpr FlagKey kFlagKeys[] = {{"tokenizer.hadal.lstrip_token_ids", &TokenizerParts::strip_left},
                                 {"tokenizer.hadal.rstrip_token_ids", &TokenizerParts::strip_right},
                                 {"tokenizer.hadal.single_word_token_ids", &TokenizerParts::single_word},
                                 {"tokenizer.hadal.normalized_token_ids", &TokenizerParts::normalized}};
// The token of a key; none if the key is absent or -1 (which some converters write as 4294967295).
std::optional<int64_t> token_named(const GgufFile& file, const std::string& key);

constexpr const char* kTemplatePrefix = "tokenizer.chat_template.";  // and a name

}  // namespace hadal::weights
