// The tokenizer that a GGUF file describes.
#include <algorithm>

#include "base/error.h"
#include "tokenizer/pre_tokenizer.h"
#include "weights/gguf/gguf_keys.h"
#include "weights/gguf_model.h"

namespace hadal::weights {
namespace {

std::vector<TokenType> read_types(const GgufFile& file, size_t count) {
  std::vector<TokenType> types(count, TokenType::normal);
  const auto numbers = file.integers("tokenizer.ggml.token_type");
  if (!numbers) return types;
  if (numbers->size() != count) {
    fail("{}: tokenizer.ggml.token_type: expected {} types, one for each token, found {}", file.who(), count,
         numbers->size());
  }
  for (size_t i = 0; i < count; ++i) {
    const int64_t type = (*numbers)[i];
    if (type < 1 || type > 6)
      fail("{}: tokenizer.ggml.token_type: expected types from 1 to 6, found {} for token {}", file.who(), type, i);
    types[i] = static_cast<TokenType>(type);
  }
  return types;
}

// Is this a filler token? Converters fill the vocabulary up to the rows of the embedding, and its gaps, with untrained
// tokens: "[PAD151646]", of type unused in newer files and of others in older ones, or "<dummy00012>".
bool is_padding(std::string_view text, size_t id) {
  return text.empty() || text == fmt::format("[PAD{}]", id) || text == fmt::format("[EMPTY_{}]", id) ||
         (text.starts_with("<dummy") && text.ends_with('>') && text.size() == std::string_view("<dummy00000>").size());
}

// Fillers have no text. After the last real token they are left out, as in a Hugging Face folder, where rows of the
// head beyond the tokenizer are padding.
void leave_out_padding(TokenizerParts& parts) {
  for (size_t id = 0; id < parts.tokens.size(); ++id)
    if (is_padding(parts.tokens[id], id)) parts.types[id] = TokenType::unused;
  size_t count = parts.tokens.size();
  while (count > 0 && parts.types[count - 1] == TokenType::unused) --count;
  count = std::max({count, static_cast<size_t>(parts.bos + 1), static_cast<size_t>(parts.eos + 1)});
  parts.tokens.resize(count);
  parts.types.resize(count);
}

TokenId read_id(const GgufFile& file, const char* key, size_t vocab) {
  const auto id = token_named(file, key);
  if (!id) return -1;
  if (*id < 0 || *id >= static_cast<int64_t>(vocab))
    fail("{}: {}: expected an id below {}, found {}", file.who(), key, vocab, *id);
  return static_cast<TokenId>(*id);
}

// Tokens that text never needs. Some files name a row that is not a token.
TokenId read_spare_id(const GgufFile& file, const char* key, const TokenizerParts& parts) {
  const auto id = token_named(file, key);
  const bool there = id && *id >= 0 && *id < static_cast<int64_t>(parts.tokens.size());
  return there && parts.types[static_cast<size_t>(*id)] != TokenType::unused ? static_cast<TokenId>(*id) : -1;
}

// Hadal's own keys, for what GGUF has no key (gguf_keys.h).
void read_own_keys(const GgufFile& file, TokenizerParts& parts) {
  parts.unk = read_spare_id(file, "tokenizer.ggml.unknown_token_id", parts);
  parts.pad = read_spare_id(file, "tokenizer.ggml.padding_token_id", parts);
  if (const auto normalizer = file.text(kNormalizerKey)) {
    if (*normalizer != "NFC") fail("{}: {}: expected NFC, found {}", file.who(), kNormalizerKey, brief(*normalizer));
    parts.normalize_nfc = true;
  }
  for (const FlagKey& flag : kFlagKeys) {
    for (const int64_t id : file.integers(flag.key).value_or(std::vector<int64_t>())) {
      if (id < 0 || id >= static_cast<int64_t>(parts.tokens.size()))
        fail("{}: {}: expected ids below {}, found {}", file.who(), flag.key, parts.tokens.size(), id);
      (parts.*flag.ids).push_back(static_cast<TokenId>(id));
    }
  }
}

void read_templates(const GgufFile& file, TokenizerParts& parts) {
  parts.chat_template = file.text("tokenizer.chat_template").value_or("");
  const std::string_view prefix = kTemplatePrefix;
  for (const auto& [key, value] : file.values()) {
    if (!key.starts_with(prefix)) continue;
    parts.named_templates.emplace_back(key.substr(prefix.size()), *file.text(key));
    if (parts.chat_template.empty()) parts.chat_template = parts.named_templates[0].second;
  }
}

}  // namespace

Tokenizer tokenizer_from_gguf(const GgufFile& file) {
  const auto model = file.text("tokenizer.ggml.model"), pre = file.text("tokenizer.ggml.pre");
  if (model != "gpt2") {
    fail("{}: tokenizer.ggml.model: expected gpt2 (byte-level BPE), found {}", file.who(),
         model ? brief(*model) : "none");
  }
  if (!pre)
    fail("{}: tokenizer.ggml.pre: expected the name of a pre-tokenizer, found none; convert the model anew",
         file.who());
  const auto tokens = file.texts("tokenizer.ggml.tokens"), merges = file.texts("tokenizer.ggml.merges");
  if (!tokens || !merges) {
    fail("{}: tokenizer.ggml.{}: expected an array of strings, found none", file.who(), tokens ? "merges" : "tokens");
  }
  TokenizerParts parts;
  parts.tokens.assign(tokens->begin(), tokens->end());
  parts.merges.assign(merges->begin(), merges->end());
  parts.types = read_types(file, tokens->size());
  parts.pre_tokenizer = *pre;
  const PreTokenizerTraits traits = pre_tokenizer_traits(*pre);
  parts.ignore_merges = traits.ignore_merges;
  parts.bos = read_id(file, "tokenizer.ggml.bos_token_id", tokens->size());
  parts.eos = read_id(file, "tokenizer.ggml.eos_token_id", tokens->size());
  leave_out_padding(parts);
  // llama.cpp's defaults.
  parts.add_bos = file.boolean("tokenizer.ggml.add_bos_token").value_or(traits.add_bos) && parts.bos >= 0;
  parts.add_eos = file.boolean("tokenizer.ggml.add_eos_token").value_or(false) && parts.eos >= 0;
  read_own_keys(file, parts);
  read_templates(file, parts);
  return Tokenizer::from_parts(std::move(parts), file.who());
}

std::optional<int64_t> token_named(const GgufFile& file, const std::string& key) {
  const auto id = file.integer(key);
  return id && *id != -1 && *id != UINT32_MAX ? id : std::nullopt;
}

}  // namespace hadal::weights
