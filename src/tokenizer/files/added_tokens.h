// Finds added tokens ("<think>", "<|im_start|>") in text: the leftmost; of several there, the longest.
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
    bool in_answers = false;   // also recognised within an assistant's answer: <think>, </think>
    bool single_word = false;  // only if no character of a word is next to it
  };
  struct Found {
    size_t begin, end;  // in bytes; includes the white space that belongs to the token
    const Token* token;
  };

  AddedTokens() = default;
  explicit AddedTokens(std::vector<Token> tokens);  // texts are not empty and differ

  using Content = std::span<const RenderedText::Part>;
  // The next token in text[from, ...) with no byte in `content`, or entirely within one answer if in_answers. Its token
  // is null if there is none.
  Found find(std::string_view text, size_t from, Content content = {}) const;

 private:
  const Token* match(std::string_view text, bool in_answer) const;
  static bool is_alone(std::string_view text, size_t begin, size_t end);
  Found with_spaces(std::string_view text, size_t from, size_t at, const Token& token) const;

  std::vector<Token> tokens_;  // sorted by text
  bool starts_[256] = {};      // first bytes
};

}  // namespace hadal
