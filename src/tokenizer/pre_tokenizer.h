// Cuts text into pre-tokens, inside which byte-level BPE merges. A pre-tokenizer is a chain of stages; each stage cuts
// every piece that the one before it made. The chain is described as tokenizer.json describes it. Known regular
// expressions run as hand-written scanners, others on PCRE2. Immutable; may be used from several threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json.h"

namespace hadal {

// Receives the pieces, in order. A reference to a callable that must outlive the call it is passed to.
class PieceSink {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, PieceSink>) PieceSink(F&& f)  // NOLINT: implicit on purpose
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, std::string_view piece) {
          (*static_cast<std::remove_reference_t<F>*>(object))(piece);
        }) {}
  void operator()(std::string_view piece) const { call_(object_, piece); }

 private:
  void* object_;
  void (*call_)(void*, std::string_view);
};

// One cut: the sink gets non-empty pieces that together are the text. Linear in the text for the hand-written ones.
class SplitStage {
 public:
  virtual ~SplitStage() = default;
  virtual void split(std::string_view text, PieceSink sink) const = 0;
};

// The hand-written scanner for `regex`, or null when it is none of the known ones (split_stages.cc).
std::unique_ptr<SplitStage> known_split(std::string_view regex);
std::unique_ptr<SplitStage> digits_split(bool individual);
std::unique_ptr<SplitStage> literal_split(std::string literal);
// Any other expression, on PCRE2 (regex_split.cc). Throws Error naming `who` when it does not compile.
std::unique_ptr<SplitStage> regex_split(std::string_view regex, std::string_view who);

class PreTokenizer {
 public:
  // `description` is the "pre_tokenizer" of a tokenizer.json: Sequence, Split (Isolated), Digits, ByteLevel. Throws
  // Error naming `who` and the component that is not supported.
  PreTokenizer(const Json& description, std::string_view who);

  void split(std::string_view text, PieceSink sink) const { run(0, text, sink); }

 private:
  void add(const Json& description, std::string_view who);
  void run(size_t stage, std::string_view text, PieceSink sink) const;

  std::vector<std::unique_ptr<SplitStage>> stages_;
  bool byte_level_ = false;
};

// The description of a family's pre-tokenizer by the name that GGUF files use (tokenizer.ggml.pre): deepseek-llm,
// deepseek-coder, deepseek-v3, qwen2, deepseek-r1-qwen, llama-bpe, gpt-2 and their synonyms. Throws Error for others.
Json pre_tokenizer_description(std::string_view name, std::string_view who);

// The name of a description that cuts as one of those does, "" when none is known to.
std::string pre_tokenizer_name(const Json& description);

}  // namespace hadal
