// Hand-written scanners for the known patterns. Each is a function from (text, position) to the length of the match
// there (0: none); the comment at each line is the branch of the regular expression that it implements.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/split/split_patterns.h"
#include "tokenizer/unicode.h"

namespace hadal {
namespace {

struct Reader {
  std::string_view text;
  const uint8_t* classes;
  Char at(size_t position) const { return read_char(text, position, classes); }

  // The end of the longest run of characters in `mask` from `position` on.
  size_t run(size_t position, uint8_t mask) const {
    for (;;) {
      const Char c = at(position);
      if (!c.is(mask)) return position;
      position += c.length;
    }
  }
  // The same for characters in none of `mask`.
  size_t run_outside(size_t position, uint8_t mask) const {
    for (;;) {
      const Char c = at(position);
      if (c.length == 0 || c.is(mask)) return position;
      position += c.length;
    }
  }
};

// \s*[\r\n]+|\s+(?!\S)|\s+  (the first branch only with `newlines`) if a character of \s is at `start`.
size_t match_space(const Reader& in, size_t start, bool newlines) {
  size_t end = start, last = start, after_newline = start;
  for (Char c = in.at(end); c.is(kSpace); c = in.at(end)) {
    last = end;
    end += c.length;
    if (c.is(kNewline)) after_newline = end;
  }
  if (newlines && after_newline > start) return after_newline - start;
  if (end == in.text.size() || last == start) return end - start;
  return last - start;  // one space is left to the word after it
}

// 's|'t|'re|'ve|'m|'ll|'d if an apostrophe is at `start`.
size_t match_contraction(const Reader& in, size_t start, bool any_case) {
  const auto letter = [&](size_t position) -> uint32_t {
    if (position >= in.text.size()) return 0;
    const uint32_t c = in.at(position).code;
    if (!any_case) return c;
    if (c == 0x17F) return 's';  // the long s folds to s
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
  };
  const uint32_t first = letter(start + 1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 1 + in.at(start + 1).length;
  const uint32_t second = first == 'r' || first == 'v' || first == 'l' ? letter(start + 2) : 0;
  if ((first == 'l' && second == 'l') || (first != 'l' && second == 'e')) return 3;
  return 0;
}

size_t match_gpt2(const Reader& in, size_t start) {
  const Char c = in.at(start);
  if (c.code == '\'') {
    if (const size_t n = match_contraction(in, start, false)) return n;
  }
  const size_t first = c.code == ' ' ? start + 1 : start;
  const Char f = first == start ? c : in.at(first);
  if (f.is(kLetter)) return in.run(first, kLetter) - start;  // ` ?\p{L}+`
  if (f.is(kNumber)) return in.run(first, kNumber) - start;  // ` ?\p{N}+`
  if (f.length != 0 && !f.is(kSpace)) return in.run_outside(first, kSpace | kLetter | kNumber) - start;
  return match_space(in, start, false);
}

template <int kMaxDigits>  // 1: Qwen2; 3: Llama 3
size_t match_llama3(const Reader& in, size_t start) {
  const Char c = in.at(start);
  if (c.code == '\'') {
    if (const size_t n = match_contraction(in, start, true)) return n;
  }
  if (c.is(kLetter)) return in.run(start, kLetter) - start;  // [^\r\n\p{L}\p{N}]?\p{L}+
  if (c.is(kNumber)) {                                       // \p{N}{1,3}
    size_t end = start + c.length;
    for (int i = 1; i < kMaxDigits && in.at(end).is(kNumber); ++i) end += in.at(end).length;
    return end - start;
  }
  const Char next = in.at(start + c.length);
  if (!c.is(kNewline) && next.is(kLetter)) return in.run(start + c.length, kLetter) - start;
  const bool space_first = c.code == ' ' && next.length != 0 && !next.is(kSpace | kLetter | kNumber);
  if (space_first || !c.is(kSpace)) {  // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
    return in.run(in.run_outside(start + c.length, kSpace | kLetter | kNumber), kNewline) - start;
  }
  return match_space(in, start, true);
}

size_t match_digits3(const Reader& in, size_t start) {
  size_t end = start;
  for (int i = 0; i < 3 && in.at(end).is(kNumber); ++i) end += in.at(end).length;
  return end - start;
}

bool is_ascii_letter(uint32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

size_t match_deepseek_v3(const Reader& in, size_t start) {
  const Char c = in.at(start);
  const bool mark_of_text = c.is(kPunct | kSymbol);
  if (mark_of_text && c.code < 0x80 && is_ascii_letter(in.at(start + 1).code)) {  // [!"#...][A-Za-z]+
    size_t end = start + 2;
    while (end < in.text.size() && is_ascii_letter(static_cast<uint8_t>(in.text[end]))) ++end;
    return end - start;
  }
  if (c.is(kLetter | kMark)) return in.run(start, kLetter | kMark) - start;  // [^...]?[\p{L}\p{M}]+
  const Char next = in.at(start + c.length);
  if (!c.is(kNewline) && !mark_of_text && next.is(kLetter | kMark)) {
    return in.run(start + c.length, kLetter | kMark) - start;
  }
  if (mark_of_text || (c.code == ' ' && next.is(kPunct | kSymbol))) {  // ` ?[\p{P}\p{S}]+[\r\n]*`
    return in.run(in.run(start + c.length, kPunct | kSymbol), kNewline) - start;
  }
  return c.is(kSpace) ? match_space(in, start, true) : 0;
}

size_t match_newline(const Reader& in, size_t start) { return in.at(start).is(kNewline) ? 1 : 0; }

size_t match_digit(const Reader& in, size_t start) {
  const Char c = in.at(start);
  return c.is(kNumber) ? c.length : 0;
}

size_t match_punctuation(const Reader& in, size_t start) {
  const Char c = in.at(start);
  return c.is(kPunct) || (c.is(kSymbol) && c.code < 0x80) ? c.length : 0;
}

template <uint8_t kMask, bool kSpaceFirst>  // \s?[mask]+
size_t match_class_run(const Reader& in, size_t start) {
  const Char c = in.at(start);
  size_t first = start;
  if (kSpaceFirst && c.is(kSpace)) first += c.length;
  return in.at(first).is(kMask) ? in.run(first, kMask) - start : 0;
}

template <size_t (*kMatch)(const Reader&, size_t)>
class ScannerStage final : public SplitStage {
 public:
  void split(std::string_view text, PieceSink sink) const override {
    const Reader in{text, char_classes()};
    size_t gap = 0;  // text that no match covers is a piece too
    for (size_t at = 0; at < text.size();) {
      const size_t length = kMatch(in, at);
      if (length == 0) {
        at += in.at(at).length;
        if (at < text.size()) continue;
      }
      const size_t gap_end = length == 0 ? text.size() : at;
      if (gap_end > gap) sink(text.substr(gap, gap_end - gap), false);
      if (length != 0) sink(text.substr(at, length), true);
      at += length;
      gap = at;
    }
  }
};

// \s?[a-zA-Z...]+ or [...]+ with the class's ranges read from the expression itself.
class RangesStage final : public SplitStage {
 public:
  RangesStage(std::string_view regex) : space_first_(regex.starts_with("\\s?")) {
    regex.remove_prefix(space_first_ ? 4 : 1);  // and the bracket
    regex.remove_suffix(2);                     // ]+
    const uint8_t* classes = char_classes();
    for (size_t i = 0; i < regex.size();) {
      const Char first = read_char(regex, i, classes);
      i += first.length;
      Char last = first;
      if (i + 1 < regex.size() && regex[i] == '-') {
        last = read_char(regex, i + 1, classes);
        i += 1 + last.length;
      }
      ranges_.push_back({first.code, last.code});
    }
    std::sort(ranges_.begin(), ranges_.end());
    for (const auto& [first, last] : ranges_) {
      for (uint32_t c = first; c <= last && c < 128; ++c) ascii_[c] = true;
    }
  }

  void split(std::string_view text, PieceSink sink) const override {
    const Reader in{text, char_classes()};
    size_t gap = 0;
    for (size_t at = 0; at < text.size();) {
      const Char c = in.at(at);
      size_t end = at + c.length;
      if (!(space_first_ && c.is(kSpace) && holds(in.at(end))) && !holds(c)) {
        at = end;
        continue;
      }
      for (Char next = in.at(end); holds(next); next = in.at(end)) end += next.length;
      if (at > gap) sink(text.substr(gap, at - gap), false);
      sink(text.substr(at, end - at), true);
      gap = at = end;
    }
    if (gap < text.size()) sink(text.substr(gap), false);
  }

 private:
  bool holds(const Char& c) const {
    if (c.length == 0) return false;
    if (c.code < 128) return ascii_[c.code];
    auto range = std::upper_bound(ranges_.begin(), ranges_.end(), std::pair{c.code, 0xFFFFFFFFu});
    return range != ranges_.begin() && c.code <= (--range)->second;
  }

  bool space_first_;
  bool ascii_[128] = {};
  std::vector<std::pair<uint32_t, uint32_t>> ranges_;
};

// \s+$ on pieces without line breaks: the regular expression is quadratic on long runs of spaces, this is not.
class TrailingSpaceStage final : public SplitStage {
 public:
  void split(std::string_view text, PieceSink sink) const override {
    const uint8_t* classes = char_classes();
    size_t end = text.size();
    while (end > 0) {
      size_t start = end - 1;
      while (start > 0 && end - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
      const Char c = read_char(text, start, classes);
      if (!c.is(kSpace) || start + c.length != end) break;
      end = start;
    }
    if (end > 0) sink(text.substr(0, end), false);
    if (end < text.size()) sink(text.substr(end), true);
  }
};

class LiteralStage final : public SplitStage {
 public:
  explicit LiteralStage(std::string literal) : literal_(std::move(literal)) {}
  void split(std::string_view text, PieceSink sink) const override {
    for (;;) {
      const size_t found = text.find(literal_);
      if (found == std::string_view::npos) break;
      if (found > 0) sink(text.substr(0, found), false);
      sink(text.substr(found, literal_.size()), true);
      text.remove_prefix(found + literal_.size());
    }
    if (!text.empty()) sink(text, false);
  }

 private:
  std::string literal_;
};

}  // namespace

// DeepSeek's own files write \r and \n of their expressions as the characters themselves.
std::string patterns::with_escaped_newlines(std::string_view regex) {
  std::string out;
  for (size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    const bool quoted = c == '\\' && i + 1 < regex.size();  // a backslash before the character itself is the same
    const char meant = quoted ? regex[++i] : c;
    const bool newline = meant == '\n' || meant == '\r';
    if (quoted || newline) out += '\\';
    out += meant == '\n' ? 'n' : meant == '\r' ? 'r' : meant;
  }
  return out;
}

namespace {

template <size_t (*kMatch)(const Reader&, size_t)>
std::unique_ptr<SplitStage> scanner() {
  return std::make_unique<ScannerStage<kMatch>>();
}

}  // namespace

std::unique_ptr<SplitStage> known_split(std::string_view spelled) {
  using namespace patterns;
  const std::string regex = with_escaped_newlines(spelled);
  if (regex == kGpt2) return scanner<match_gpt2>();
  if (regex == kQwen2) return scanner<match_llama3<1>>();
  if (regex == kLlama3) return scanner<match_llama3<3>>();
  if (regex == kDigits3) return scanner<match_digits3>();
  if (regex == kDeepseekV3) return scanner<match_deepseek_v3>();
  if (regex == kNewlines) return scanner<match_newline>();
  if (regex == kWord) return scanner<match_class_run<kLetter, true>>();
  if (regex == kPunctRun) return scanner<match_class_run<kPunct, true>>();
  if (regex == kTrailingSpace) return std::make_unique<TrailingSpaceStage>();
  if (regex == kCjkKana || regex == kCjkHangul || regex == kCasedWord || regex == kWidePunct) {
    return std::make_unique<RangesStage>(regex);
  }
  return nullptr;
}

std::unique_ptr<SplitStage> digits_split(bool individual) {
  return individual ? scanner<match_digit>() : scanner<match_class_run<kNumber, false>>();
}

std::unique_ptr<SplitStage> punctuation_split() { return scanner<match_punctuation>(); }

std::unique_ptr<SplitStage> literal_split(std::string literal) {
  HADAL_CHECK(!literal.empty());
  return std::make_unique<LiteralStage>(std::move(literal));
}

}  // namespace hadal
