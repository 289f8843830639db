// Splits text into pre-tokens, within which byte-level BPE merges. A pre-tokenizer is a chain of stages; each splits
// the pieces of the one before. Its description has the form of tokenizer.json. Known regular expressions run as
// hand-written scanners, others on Oniguruma, the engine of Hugging Face's tokenizers. Immutable; any thread may use
// it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/json_fwd.h"

namespace hadal {

// Receives the pieces, in order: a reference to a callable of (piece) or of (piece, matched), which must outlive the
// call. A piece is valid until the callable returns.
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

// One split: the sink receives the matches of the pattern and the text between them, which together are the text. Only
// regex_split() emits empty pieces. The hand-written ones take linear time.
class SplitStage {
 public:
  virtual ~SplitStage() = default;
  virtual void split(std::string_view text, PieceSink sink) const = 0;
};

// What a match becomes: a piece of its own, nothing, a part of the piece before or after it, or one piece with adjacent
// matches.
enum class SplitBehavior { isolated, removed, merged_with_previous, merged_with_next, contiguous };

// The hand-written scanner for `regex` (split_stages.cc); null if it is not a known one.
std::unique_ptr<SplitStage> known_split(std::string_view regex);
std::unique_ptr<SplitStage> digits_split(bool individual);
std::unique_ptr<SplitStage> punctuation_split();  // each character of \p{P}, and ASCII's others: $+<=>^`|~
std::unique_ptr<SplitStage> literal_split(std::string literal);
// Any other expression, on Oniguruma (regex_split.cc). Throws Error naming `who` when it does not compile.
std::unique_ptr<SplitStage> regex_split(std::string_view regex, std::string_view who);
// `stage` with `behavior` applied to its pieces (split_behavior.cc); `invert` exchanges matches and the rest. Emits no
// empty pieces.
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
Json pre_tokenizer_description(std::string_view name, std::string_view who);  // Error for an unknown name
struct PreTokenizerTraits {
  bool ignore_merges = false, add_bos = false;  // llama.cpp's defaults for files with this name
};
PreTokenizerTraits pre_tokenizer_traits(std::string_view name);

// The name whose rule splits like this description and whose readers have the same ignore_merges; "" if there is none.
std::string pre_tokenizer_name(const Json& description, bool ignore_merges);

}  // namespace hadal
