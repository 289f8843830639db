// Text to token ids and back: byte-level BPE as GPT-2 defined it, with the pre-tokenizers of the DeepSeek, Qwen2 and
// Llama 3 families. A Tokenizer is immutable after loading; all methods may be called from several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"

namespace hadal {

using TokenId = int32_t;

// The contents of a tokenizer's files, whatever their format. Token types have the numbers of GGUF.
enum class TokenType : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct TokenizerParts {
  std::vector<std::string> tokens;  // by id: normal tokens in GPT-2's byte alphabet ("\u0120the"), others as plain text
  std::vector<TokenType> types;     // as many; control: special; user_defined: always recognised in text
  std::vector<std::string> merges;  // "left right", in order of rank
  std::string pre_tokenizer;        // a name (pre_tokenizer_description), used where pre_tokenizer_json is ""
  std::string pre_tokenizer_json;   // the rule in the form of tokenizer.json
  bool normalize_nfc = false;  // normalise text to Unicode's form C first (then decode(encode(x)) may differ from x)
  bool ignore_merges = false;  // a pre-token that is a token becomes that token without merging (Llama 3)
  TokenId bos = -1, eos = -1;  // -1: none
  bool add_bos = false, add_eos = false;
  TokenId unk = -1, pad = -1;  // for other programs; text never needs them
  // Flags of added tokens, by id: those that include the white space around them, those that are found between words
  // only, and those that Hugging Face's tokenizers find after normalising (kept for them; here all are found before).
  std::vector<TokenId> strip_left, strip_right, single_word, normalized;
  std::string chat_template;
  std::vector<std::pair<std::string, std::string>> named_templates;  // named ones other than "default"
};

// A text and its parts that came from outside; the rest is the template's own.
struct RenderedText {
  struct Part {
    size_t begin = 0, end = 0;  // in bytes
    bool answer = false;        // an assistant's own words, which may hold <think> and </think>
  };
  std::string text;
  std::vector<Part> content;  // ascending, apart from each other
};

struct EncodedText {
  std::vector<TokenId> ids;
  std::vector<size_t> marks;  // for each requested position: the index of the first id that begins there or later
};

class Tokenizer {
 public:
  // Checks the parts; `who` names their file in errors. Missing tokens for bytes of UTF-8 text, merges of unknown
  // tokens and ids out of range are Errors.
  static Tokenizer from_parts(TokenizerParts parts, std::string_view who);

  // Reads tokenizer.json of a Hugging Face folder, or vocab.json and merges.txt where there is none
  // (hf_vocab_merges.cc), and beside it tokenizer_config.json (bos, eos, chat_template), chat_template.jinja and
  // additional_chat_templates/*.jinja. Throws Error naming the file and the field that is wrong or not supported.
  static Tokenizer from_hf_folder(const Path& folder);

  // Writes tokenizer.json and tokenizer_config.json, readable by Hugging Face's tokenizers.
  void save_hf_folder(const Path& folder) const;

  // Invalid UTF-8 in `text` is encoded byte by byte, so decode(encode(x)) == x for any bytes, except that a byte
  // missing in the vocabulary (only those that valid UTF-8 never has may be) becomes U+FFFD. With `special`, the texts
  // of special tokens are recognised and bos is prepended if the tokenizer's files ask for it. Added tokens that are
  // not special (DeepSeek's <think>) are always recognised.
  std::vector<TokenId> encode(std::string_view text, bool special = false) const;

  // The same with special tokens, for a text whose parts from outside must stay text: an added token, special or not,
  // is recognised only if none of its bytes is content (except <think> and </think> within an answer). Text between
  // added tokens is encoded as one piece, so without such content the ids are those of encode(). No end token is added.
  // `marks` are byte positions, ascending.
  EncodedText encode_rendered(const RenderedText& text, std::span<const size_t> marks = {}) const;

  // The bytes of the tokens ("" for special ones unless keep_special). Out of range: Error.
  std::string decode(std::span<const TokenId> ids, bool keep_special = true) const;

  int64_t vocab_size() const;
  TokenId bos() const;  // -1: none
  TokenId eos() const;  // -1: none
  bool is_special(TokenId id) const;
  TokenId find(std::string_view token) const;  // the id of a token's text, special or not; -1: none
  const TokenizerParts& parts() const;
  std::string_view chat_template() const;  // Jinja; "" if the files have none

  struct Impl;
  explicit Tokenizer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  Tokenizer() = default;
  explicit operator bool() const { return impl_ != nullptr; }

 private:
  std::shared_ptr<Impl> impl_;
};

// Turns a stream of tokens' bytes into valid UTF-8: holds back the bytes of an incomplete character.
class Utf8Stream {
 public:
  std::string push(std::string_view bytes);  // the complete characters so far; invalid bytes become U+FFFD
  std::string finish();                      // the rest, as U+FFFD if incomplete

 private:
  std::string pending_;
};

struct BpeTrainingOptions {
  int64_t vocab_size = 8192;          // including the 256 bytes and the special tokens
  std::vector<std::string> specials;  // they get the last ids, in this order
  std::string bos, eos;               // each one of `specials`, or ""
  std::string pre_tokenizer = "deepseek-v3";
  std::string chat_template;
  bool words_only = false;  // only letters are merged: ASCII's digits, signs, spaces and line ends stay single tokens
};

// Trains byte-level BPE on the texts that `next` yields (false: no more). Deterministic: ties are broken by the pair's
// bytes, and the result does not depend on the number of threads.
Tokenizer train_bpe(const std::function<bool(std::string&)>& next, const BpeTrainingOptions& options);

}  // namespace hadal
