// Cuts text into pre-tokens, inside which byte-level BPE merges. A pre-tokenizer is a chain of stages; each stage cuts
// every piece that the one before it made. The chain is described as tokenizer.json describes it. Known regular
// expressions run as hand-written scanners, others on Oniguruma, the engine of Hugging Face's tokenizers. Immutable;
// may be used from several threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json_fwd.h"

namespace hadal {

// Receives the pieces, in order: a callable of (piece) or of (piece, matched). A reference: the callable must outlive
// the call it is passed to, and a piece is valid until it returns.
class PieceSink {
 public:
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, PieceSink>) PieceSink(F&& f)  // NOLINT: implicit on purpose
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* object, std::string_view piece, bool matched) {
          auto& callable = *static_cast<std::remove_reference_t<F>*>(object);
          if constexpr (std::is_invocable_v<F&, std::string_view, bool>)
            callable(piece, matched);
          else
            callable(piece);
        }) {}
  void operator()(std::string_view piece, bool matched = true) const { call_(object_, piece, matched); }

 private:
  void* object_;
  void (*call_)(void*, std::string_view, bool);
};

// One cut: the sink gets pieces that together are the text, matches of the pattern and what lies between them. Only a
// regex_split() gives empty ones. Linear in the text for the hand-written ones.
class SplitStage {
 public:
  virtual ~SplitStage() = default;
  virtual void split(std::string_view text, PieceSink sink) const = 0;
};

// What becomes of a match: a piece of its own, nothing, a part of the piece before or behind it, or one with its
// neighbours.
enum class SplitBehavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };

// The hand-written scanner for `regex`, or null when it is none of the known ones (split_stages.cc).
std::unique_ptr<SplitStage> known_split(std::string_view regex);
std::unique_ptr<SplitStage> digits_split(bool individual);
std::unique_ptr<SplitStage> punctuation_split();  // each character of \p{P}, and ASCII's others: $+<=>^`|~
std::unique_ptr<SplitStage> literal_split(std::string literal);
// Any other expression, on Oniguruma (regex_split.cc). Throws Error naming `who` when it does not compile.
std::unique_ptr<SplitStage> regex_split(std::string_view regex, std::string_view who);
// `stage` with its pieces treated as `behavior` says (split_behavior.cc), matches and the rest exchanged with `invert`.
// Gives no empty pieces.
std::unique_ptr<SplitStage> with_behavior(std::unique_ptr<SplitStage> stage, SplitBehavior behavior, bool invert);

class PreTokenizer {
 public:
  // `description` is the "pre_tokenizer" of a tokenizer.json: Sequence, Split, Digits, Punctuation, and ByteLevel as
  // the last of them. Throws Error naming `who` and the component that is not supported.
  PreTokenizer(const Json& description, std::string_view who);

  void split(std::string_view text, PieceSink sink) const { run(0, text, sink); }

 private:
  void add(const Json& description, std::string_view who);
  void add_split(const Json& description, std::string_view who);
  void run(size_t stage, std::string_view text, PieceSink sink) const;

  std::vector<std::unique_ptr<SplitStage>> stages_;
  bool byte_level_ = false;
};

// The rules that GGUF files name (tokenizer.ggml.pre), by llama.cpp's table of names (pre_tokenizer_names.cc).
Json pre_tokenizer_description(std::string_view name, std::string_view who);  // Error for a name that is not known
struct PreTokenizerTraits {
  bool ignore_merges = false, add_bos = false;  // what llama.cpp does where a file with this name does not say
};
PreTokenizerTraits pre_tokenizer_traits(std::string_view name);

// The name of a description that cuts as one of those does and ignores merges or not as readers of that name do. ""
// when there is none.
std::string pre_tokenizer_name(const Json& description, bool ignore_merges);

}  // namespace hadal
