// Text to token ids and back: byte-level BPE as GPT-2 defined it, with the pre-tokenizers of the DeepSeek, Qwen2 and
// Llama 3 families. A Tokenizer is immutable after loading; all methods may be called from several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"

namespace hadal {

using TokenId = int32_t;

class Tokenizer {
 public:
  // Reads tokenizer.json of a Hugging Face folder (and, beside it, tokenizer_config.json: bos, eos, chat_template;
  // also chat_template.jinja). Throws Error naming the file and the field that is wrong or not supported.
  static Tokenizer from_hf_folder(const Path& folder);

  // Writes tokenizer.json and tokenizer_config.json, readable by Hugging Face's tokenizers.
  void save_hf_folder(const Path& folder) const;

  // Invalid UTF-8 in `text` is encoded byte by byte, so decode(encode(x)) == x for any bytes. With `special`, the texts
  // of special tokens are recognised and bos is prepended where the tokenizer's own files ask for it.
  std::vector<TokenId> encode(std::string_view text, bool special = false) const;

  // The bytes of one token ("" for special tokens unless keep_special). Out of range: Error.
  std::string decode(std::span<const TokenId> ids, bool keep_special = true) const;

  int64_t vocab_size() const;
  TokenId bos() const;  // -1: none
  TokenId eos() const;  // -1: none
  bool is_special(TokenId id) const;
  TokenId find(std::string_view token) const;  // a token by its text (special or not); -1: none
  std::string_view chat_template() const;      // Jinja; "" when the files hold none
  void set_chat_template(std::string text);

  struct Impl;
  explicit Tokenizer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  Tokenizer() = default;
  explicit operator bool() const { return impl_ != nullptr; }

 private:
  std::shared_ptr<Impl> impl_;
};

// Cuts a stream of token ids into valid UTF-8: holds back the bytes of an unfinished character.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);  // what can be shown now; broken bytes become U+FFFD
  std::string finish();                      // what is left

 private:
  std::string pending_;
};

struct BpeTrainingOptions {
  int64_t vocab_size = 8192;              // with the 256 bytes and the special tokens
  std::vector<std::string> specials;      // get the last ids, in this order
  std::string bos, eos;                   // each one of `specials`, or ""
  std::string pre_tokenizer = "deepseek-v3";
  std::string chat_template;
};

// Trains byte-level BPE on the texts that `next` yields (false: no more). Deterministic: ties are broken by the pair's
// bytes, and the result does not depend on the number of threads.
Tokenizer train_bpe(const std::function<bool(std::string&)>& next, const BpeTrainingOptions& options);

}  // namespace hadal
