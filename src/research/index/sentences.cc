// Where sentences end: by marks, unless an abbreviation, an initial or a number carries the point.
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "research/index.h"

namespace hadal::research {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

UChar32 decode(std::string_view text, size_t& at) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  UChar32 c;
  U8_NEXT(bytes, at, text.size(), c);
  return c;
}

bool is_abbreviation(std::string_view word) {
  static constexpr std::array<std::string_view, 58> kKnown = {
      "dr",   "mr",   "mrs",    "ms",  "prof", "st",   "jr",  "sr",  "vs",  "etc", "e.g", "i.e",  "eg",  "ie",  "fig",
      "figs", "no",   "nos",    "vol", "pp",   "p",    "cf",  "al",  "inc", "ltd", "co",  "corp", "gen", "rep", "sen",
      "gov",  "dept", "approx", "ca",  "mt",   "ph.d", "jan", "feb", "mar", "apr", "jun", "jul",  "aug", "sep", "sept",
      "oct",  "nov",  "dec",    "ed",  "eds",  "est",  "eq",  "eqs", "sec", "ch",  "ref", "refs", "capt"};
  while (!word.empty() && (word.front() == '(' || word.front() == '"' || word.front() == '[')) word.remove_prefix(1);
  const std::string lower = lower_case(std::string(word));
  if (std::find(kKnown.begin(), kKnown.end(), lower) != kKnown.end()) return true;
  // Initials, alone or joined: "J", "U.S". Their point ends a sentence only where nothing follows.
  if (lower.empty() || lower.size() % 2 == 0 || lower.size() > 7) return false;
  for (size_t i = 0; i < lower.size(); ++i) {
    if (i % 2 == 0 ? lower[i] < 'a' || lower[i] > 'z' : lower[i] != '.') return false;
  }
  return true;
}

// After the mark: closing quotes and brackets, and notes such as [12].
size_t skip_closing(std::string_view text, size_t at) {
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (rest[0] == '"' || rest[0] == '\'' || rest[0] == ')' || rest[0] == ']') {
      ++at;
    } else if (rest.starts_with("\u201d") || rest.starts_with("\u2019") || rest.starts_with("\u300d") ||
               rest.starts_with("\u300f") || rest.starts_with("\uff09")) {
      at += 3;
    } else if (rest[0] == '[') {
      size_t end = 1;
      while (end < rest.size() && end < 12 && rest[end] != ']' && !is_space(rest[end])) ++end;
      if (end >= rest.size() || rest[end] != ']') return at;
      at += end + 1;
    } else {
      return at;
    }
  }
  return at;
}

// What follows could begin a sentence: an upper-case letter, a digit, a script without case.
bool begins_sentence(std::string_view text, size_t at) {
  while (at < text.size()) {
    const UChar32 c = decode(text, at);
    if (c < 0) return true;
    if (c == '"' || c == '\'' || c == '(' || c == '[' || c == 0x201C || c == 0x2018) continue;
    return !u_islower(c) && (u_isalnum(c) || c > 0x2E80 || c == '$');
  }
  return true;
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<Span> split() {
    size_t line = 0;
    size_t block = 0;  // where the paragraph began that goes on over lines
    while (line < text_.size()) {
      const size_t end = std::min(text_.find('\n', line), text_.size());
      const std::string_view content = text_.substr(line, end - line);
      const bool empty = content.find_first_not_of(" \t\r") == std::string_view::npos;
      if (empty || stands_alone(content) || begins_item(content)) {
        paragraph(block, line);
        block = line;
        if (stands_alone(content)) {
          add(line, end);
          block = std::min(end + 1, text_.size());
        }
      }
      line = end + 1;
    }
    paragraph(block, text_.size());
    return std::move(spans_);
  }

 private:
  static bool begins_item(std::string_view line) {
    if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ")) return true;
    size_t digits = 0;
    while (digits < line.size() && digits < 4 && line[digits] >= '0' && line[digits] <= '9') ++digits;
    return digits > 0 && digits + 1 < line.size() && (line[digits] == '.' || line[digits] == ')') &&
           line[digits + 1] == ' ';
  }

  // A heading, or the row of a table ("Pump: P-12; Price: 40").
  static bool stands_alone(std::string_view line) {
    if (line.starts_with('#')) return true;
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos || colon > 60) return false;
    const size_t semicolon = line.find("; ", colon);
    return semicolon != std::string_view::npos && line.find(": ", semicolon) != std::string_view::npos &&
           line.find(". ") == std::string_view::npos;
  }

  void paragraph(size_t begin, size_t end) {
    size_t start = begin;
    for (size_t at = begin; at < end;) {
      const size_t mark = at;
      const char byte = text_[at];
      UChar32 c = byte;
      if (static_cast<unsigned char>(byte) < 0x80) {
        ++at;
      } else {
        c = decode(text_, at);
      }
      const bool wide = c == 0x3002 || c == 0xFF01 || c == 0xFF1F;
      if (!wide && c != '.' && c != '!' && c != '?') continue;
      if (is_end(start, mark, end, c, wide, at)) {
        add(start, at);
        start = at;
      }
    }
    add(start, end);
  }

  // Moves `at` behind what closes the sentence.
  bool is_end(size_t start, size_t mark, size_t end, UChar32 c, bool wide, size_t& at) const {
    while (at < end && (text_[at] == '.' || text_[at] == '!' || text_[at] == '?')) ++at;
    const size_t after = std::min(skip_closing(text_, at), end);
    at = std::max(at, after);
    if (wide || at >= end) return true;
    if (!is_space(text_[at])) return false;
    size_t next = at;
    while (next < end && is_space(text_[next])) ++next;
    if (next >= end) return true;
    if (!begins_sentence(text_, next)) return false;
    if (c != '.') return true;
    size_t word = mark;
    while (word > start && !is_space(text_[word - 1])) --word;
    if (word == first_of(start) && begins_item(text_.substr(word, 8))) return false;  // "3. The count ..."
    return !is_abbreviation(text_.substr(word, mark - word));
  }

  size_t first_of(size_t at) const {
    while (at < text_.size() && is_space(text_[at])) ++at;
    return at;
  }

  void add(size_t begin, size_t end) {
    end = std::min(end, text_.size());
    while (begin < end && is_space(text_[begin])) ++begin;
    while (end > begin && is_space(text_[end - 1])) --end;
    if (begin < end) spans_.push_back({begin, end});
  }

  std::string_view text_;
  std::vector<Span> spans_;
};

}  // namespace

std::vector<Span> sentences_of(std::string_view text) { return Splitter(text).split(); }

}  // namespace hadal::research
