// Finds added tokens ("<think>", "<|im_start|>") in text: the leftmost, of those the longest.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace hadal {

class AddedTokens {
 public:
  struct Token {
    std::string text;
    TokenId id;
    bool strip_left = false, strip_right = false;
    bool in_answers = false;   // may stand in an assistant's own words: <think>, </think>
    bool single_word = false;  // only where no character of a word stands beside it
  };
  struct Found {
    size_t begin, end;  // in bytes; with the white space that the token swallows
    const Token* token;
  };

  AddedTokens() = default;
  explicit AddedTokens(std::vector<Token> tokens);  // texts are not empty and differ

  using Content = std::span<const RenderedText::Part>;
  // The next token in text[from, ...) no byte of which lies in `content`, save those of one answer that may stand
  // there; token is null when there is none.
  Found find(std::string_view text, size_t from, Content content = {}) const;

 private:
  const Token* match(std::string_view text, bool in_answer) const;
  static bool is_alone(std::string_view text, size_t begin, size_t end);
  Found with_spaces(std::string_view text, size_t from, size_t at, const Token& token) const;

  std::vector<Token> tokens_;  // sorted by text
  bool starts_[256] = {};      // first bytes
};

}  // namespace hadal
