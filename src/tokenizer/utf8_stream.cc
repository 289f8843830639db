#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace hadal {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Can `tail`, shorter than its first byte announces, still become a character?
bool is_unfinished(std::string_view tail) {
  const auto lead = static_cast<uint8_t>(tail[0]);
  const size_t needed = lead >= 0xF0 && lead < 0xF5 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (lead >= 0xF5 || tail.size() >= needed) return false;
  for (size_t i = 1; i < tail.size(); ++i) {
    if ((static_cast<uint8_t>(tail[i]) & 0xC0) != 0x80) return false;
  }
  if (tail.size() < 2) return true;
  const auto second = static_cast<uint8_t>(tail[1]);  // overlong forms, surrogates, above U+10FFFF
  return !(lead == 0xE0 && second < 0xA0) && !(lead == 0xED && second > 0x9F) && !(lead == 0xF0 && second < 0x90) &&
         !(lead == 0xF4 && second > 0x8F);
}

}  // namespace

std::string Utf8Stream::push(std::string_view bytes) {
  pending_ += bytes;
  std::string out;
  const uint8_t* classes = char_classes();
  size_t at = 0;
  while (at < pending_.size()) {
    const std::string_view rest = std::string_view(pending_).substr(at);
    const Char c = read_char(pending_, at, classes);
    if (c.code != 0xFFFFFFFFu) {
      out += rest.substr(0, c.length);
      at += c.length;
    } else if (rest.size() < 4 && is_unfinished(rest)) {
      break;
    } else {  // one U+FFFD for the longest beginning of a character, as Unicode recommends (chapter 3)
      size_t broken = 1;
      while (broken < rest.size() && broken < 3 && is_unfinished(rest.substr(0, broken + 1))) ++broken;
      out += kReplacement;
      at += broken;
    }
  }
  pending_.erase(0, at);
  return out;
}

std::string Utf8Stream::finish() {
  const std::string out(pending_.empty() ? std::string_view() : kReplacement);
  pending_.clear();
  return out;
}

}  // namespace hadal
