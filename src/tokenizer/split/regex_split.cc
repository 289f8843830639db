// Split by an arbitrary regular expression, on the engine for which tokenizer.json files are written: Hugging Face's
// tokenizers run Oniguruma with its own syntax. Other engines read `&&` in a class, `{1,3}+`, `\h` or `$` differently.
#include <oniguruma.h>

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/unicode.h"

namespace hadal {
namespace {

// Limits on the steps of one search and its saved states: a hostile pattern is an Error, not a hang or out of memory.
constexpr unsigned long kMaxSteps = 10'000'000, kStepsPerByte = 16;
constexpr unsigned kMaxSavedStates = 1u << 23;
constexpr size_t kMaxPatternBytes = 1 << 16;

const OnigUChar* bytes_of(const char* text) { return reinterpret_cast<const OnigUChar*>(text); }

std::string message_of(int code, OnigErrorInfo* info = nullptr) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = info != nullptr ? onig_error_code_to_str(text, code, info) : onig_error_code_to_str(text, code);
  return std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(std::max(length, 0)));
}

std::string shown(std::string_view regex) {
  constexpr size_t kMax = 300;
  return regex.size() <= kMax ? std::string(regex) : std::string(regex.substr(0, kMax)) + "...";
}

class RegexStage final : public SplitStage {
 public:
  RegexStage(std::string_view regex, std::string_view who) : regex_(regex) {
    static std::once_flag once;
    std::call_once(once, [] {
      OnigEncoding encoding = ONIG_ENCODING_UTF8;
      HADAL_CHECK(onig_initialize(&encoding, 1) == ONIG_NORMAL);
    });
    if (regex.size() > kMaxPatternBytes) {
      fail("{}: pre_tokenizer: expected a regular expression of at most {} bytes, found {}", who, kMaxPatternBytes,
           regex.size());
    }
    OnigErrorInfo info = {};
    const int code = onig_new(&compiled_, bytes_of(regex.data()), bytes_of(regex.data() + regex.size()),
                              ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
    if (code != ONIG_NORMAL) {
      fail("{}: pre_tokenizer: the regular expression \"{}\" does not compile ({})", who, shown(regex),
           message_of(code, &info));
    }
  }
  ~RegexStage() override { onig_free(compiled_); }
  RegexStage(const RegexStage&) = delete;
  RegexStage& operator=(const RegexStage&) = delete;

  // Oniguruma must not get invalid UTF-8: a byte that is not part of a character is a piece by itself, and the text
  // between such bytes is split on its own.
  void split(std::string_view text, PieceSink sink) const override {
    const uint8_t* classes = char_classes();
    const Search search(*this, text.size());
    size_t begin = 0;
    for (size_t at = 0; at < text.size();) {
      const Char c = read_char(text, at, classes);
      if (c.code == 0xFFFFFFFFu) {
        split_valid(text.substr(begin, at - begin), search, sink);
        sink(text.substr(at, 1), true);
        begin = at + 1;
      }
      at += c.length;
    }
    split_valid(text.substr(begin), search, sink);
  }

 private:
  // The state of one search: several threads may search with the same expression.
  struct Search {
    OnigRegion* region;
    OnigMatchParam* limits;
    Search(const RegexStage& stage, size_t text_bytes) : region(onig_region_new()), limits(onig_new_match_param()) {
      HADAL_CHECK(region != nullptr && limits != nullptr, "{}", stage.regex_);
      onig_initialize_match_param(limits);
      onig_set_retry_limit_in_match_of_match_param(limits, kMaxSteps);
      onig_set_retry_limit_in_search_of_match_param(limits, kMaxSteps + kStepsPerByte * text_bytes);
      onig_set_match_stack_limit_size_of_match_param(limits, kMaxSavedStates);
    }
    ~Search() {
      onig_free_match_param(limits);
      onig_region_free(region, 1);
    }
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;
  };

  // Empty matches split too, as in Hugging Face's tokenizers, except one right after the match before it.
  void split_valid(std::string_view text, const Search& search, PieceSink sink) const {
    if (text.empty()) return;
    const OnigUChar *begin = bytes_of(text.data()), *end = begin + text.size();
    size_t gap = 0;
    bool any = false;
    for (size_t at = 0; at <= text.size();) {
      const int found = onig_search_with_param(compiled_, begin, end, begin + at, end, search.region, ONIG_OPTION_NONE,
                                               search.limits);
      if (found == ONIG_MISMATCH) break;
      if (found < 0) {
        fail("pre-tokenizer: the regular expression \"{}\" failed on a text of {} bytes: {}", shown(regex_),
             text.size(), message_of(found));
      }
      const size_t first = std::max(static_cast<size_t>(search.region->beg[0]), gap);
      const size_t last = std::max(static_cast<size_t>(search.region->end[0]), first);
      if (last <= first && any && last == gap) {
        at += at < text.size() ? read_char(text, at, char_classes()).length : 1;
        continue;
      }
      if (first > gap) sink(text.substr(gap, first - gap), false);
      sink(text.substr(first, last - first), true);
      any = true;
      gap = at = last;
    }
    if (gap < text.size()) sink(text.substr(gap), false);
  }

  std::string regex_;
  OnigRegex compiled_ = nullptr;
};

}  // namespace

std::unique_ptr<SplitStage> regex_split(std::string_view regex, std::string_view who) {
  return std::make_unique<RegexStage>(regex, who);
}

}  // namespace hadal
