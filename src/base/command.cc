#include "base/command.h"

#include <algorithm>
#include <cstdlib>

namespace hadal {
namespace {

std::string called_as() {
  const char* name = std::getenv("HADAL_CALLED_AS");
  const std::string_view text = name != nullptr ? name : "";
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  return text.empty() || !plain ? "hadal" : std::string(text);
}

}  // namespace

std::string command(std::initializer_list<std::string_view> words) {
  std::string line = called_as();
  for (const std::string_view word : words) line += " " + shell_word(word);
  return line;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+,:@%-";
  if (!text.empty() && text.find_first_not_of(kPlain) == text.npos) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace hadal
