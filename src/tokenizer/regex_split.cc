// Split by an arbitrary regular expression. Hugging Face's engine is Oniguruma with Ruby's syntax: $ and ^ are those of
// lines, classes are Unicode's; PCRE2 is set to the same.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "tokenizer/pre_tokenizer.h"

namespace hadal {
namespace {

constexpr uint32_t kMatchLimit = 10'000'000;  // steps of one match; a hostile pattern ends in an error, not a hang

std::string pcre_message(int code) {
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

class RegexStage final : public SplitStage {
 public:
  RegexStage(std::string_view regex, std::string_view who) : regex_(regex) {
    int code = 0;
    size_t offset = 0;
    compiled_ =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF, &code, &offset, nullptr);
    if (compiled_ == nullptr) {
      fail("{}: pre_tokenizer: the regular expression \"{}\" does not compile (at byte {}: {})", who, regex, offset,
           pcre_message(code));
    }
    pcre2_jit_compile(compiled_, PCRE2_JIT_COMPLETE);  // without it matching is slower, not different
    limits_ = pcre2_match_context_create(nullptr);
    HADAL_CHECK(limits_ != nullptr);
    pcre2_set_match_limit(limits_, kMatchLimit);
  }
  ~RegexStage() override {
    pcre2_match_context_free(limits_);
    pcre2_code_free(compiled_);
  }
  RegexStage(const RegexStage&) = delete;
  RegexStage& operator=(const RegexStage&) = delete;

  void split(std::string_view text, PieceSink sink) const override {
    struct Match {
      pcre2_match_data* data;
      ~Match() { pcre2_match_data_free(data); }
    } match{pcre2_match_data_create_from_pattern(compiled_, nullptr)};
    HADAL_CHECK(match.data != nullptr);
    size_t gap = 0;
    for (size_t at = 0; at < text.size();) {
      const int found =
          pcre2_match(compiled_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0, match.data, limits_);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0) {
        fail("pre-tokenizer: the regular expression \"{}\" failed on a text of {} bytes: {}", regex_, text.size(),
             pcre_message(found));
      }
      const size_t* bounds = pcre2_get_ovector_pointer(match.data);
      const size_t start = bounds[0], end = bounds[1];
      if (end <= start) {  // an empty match cuts nothing
        at = std::max(start, at) + 1;
        while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) ++at;
        continue;
      }
      if (start > gap) sink(text.substr(gap, start - gap));
      sink(text.substr(start, end - start));
      gap = at = end;
    }
    if (gap < text.size()) sink(text.substr(gap));
  }

 private:
  std::string regex_;
  pcre2_code* compiled_ = nullptr;
  pcre2_match_context* limits_ = nullptr;
};

}  // namespace

std::unique_ptr<SplitStage> regex_split(std::string_view regex, std::string_view who) {
  return std::make_unique<RegexStage>(regex, who);
}

}  // namespace hadal
