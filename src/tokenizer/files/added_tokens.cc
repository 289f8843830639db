#include "tokenizer/files/added_tokens.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace hadal {

AddedTokens::AddedTokens(std::vector<Token> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) { return a.text < b.text; });
  for (const Token& token : tokens_) starts_[static_cast<uint8_t>(token.text[0])] = true;
}

// The longest token that is a prefix of `text`: narrows the sorted range byte by byte.
const AddedTokens::Token* AddedTokens::match(std::string_view text, bool in_answer) const {
  const Token* longest = nullptr;
  auto first = tokens_.begin(), last = tokens_.end();
  for (size_t i = 0; i < text.size() && first != last; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const auto at = [i](const Token& token) {
      return i < token.text.size() ? static_cast<uint8_t>(token.text[i]) : -1;
    };
    first = std::partition_point(first, last, [&](const Token& token) { return at(token) < byte; });
    last = std::partition_point(first, last, [&](const Token& token) { return at(token) <= byte; });
    if (first != last && first->text.size() == i + 1 && (!in_answer || first->in_answers)) longest = &*first;
  }
  return longest;
}

// Is no character of a word next to text[begin, end)?
bool AddedTokens::is_alone(std::string_view text, size_t begin, size_t end) {
  const uint8_t* classes = char_classes();
  if (end < text.size() && is_word_character(read_char(text, end, classes).code)) return false;
  if (begin == 0) return true;
  size_t previous = begin - 1;
  while (previous > 0 && begin - previous < 4 && (static_cast<uint8_t>(text[previous]) & 0xC0) == 0x80) --previous;
  const Char c = read_char(text, previous, classes);
  return previous + c.length != begin || !is_word_character(c.code);
}

AddedTokens::Found AddedTokens::find(std::string_view text, size_t from, Content content) const {
  if (tokens_.empty()) return {text.size(), text.size(), nullptr};
  auto part = std::partition_point(content.begin(), content.end(), [&](const auto& p) { return p.end <= from; });
  for (size_t at = from; at < text.size(); ++at) {
    while (part != content.end() && part->end <= at) ++part;
    const bool inside = part != content.end() && part->begin <= at;
    if (inside && !part->answer) {
      at = part->end - 1;
      continue;
    }
    if (!starts_[static_cast<uint8_t>(text[at])]) continue;
    const size_t end = inside ? part->end : part != content.end() ? part->begin : text.size();
    const Token* token = match(text.substr(at, end - at), inside);
    if (token == nullptr) continue;
    if (!token->single_word || is_alone(text, at, at + token->text.size())) return with_spaces(text, from, at, *token);
    at += token->text.size() - 1;  // a token that is not recognised is plain text; none begins within it
  }
  return {text.size(), text.size(), nullptr};
}

AddedTokens::Found AddedTokens::with_spaces(std::string_view text, size_t from, size_t at, const Token& token) const {
  const uint8_t* classes = char_classes();
  size_t begin = at, end = at + token.text.size();
  while (token.strip_left && begin > from) {
    size_t previous = begin - 1;
    while (previous > from && begin - previous < 4 && (static_cast<uint8_t>(text[previous]) & 0xC0) == 0x80) --previous;
    const Char c = read_char(text, previous, classes);
    if (!c.is(kSpace) || previous + c.length != begin) break;
    begin = previous;
  }
  while (token.strip_right && end < text.size()) {
    const Char c = read_char(text, end, classes);
    if (!c.is(kSpace)) break;
    end += c.length;
  }
  return {begin, end, &token};
}

}  // namespace hadal
