#include "base/brief.h"

#include <fmt/format.h>

#include <cstdint>

namespace hadal {

size_t utf8_char_bytes(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> uint8_t { return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : 0; };
  const uint8_t lead = byte(0), second = byte(1);
  if (at >= text.size()) return 0;
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 && lead <= 0xF4  ? 4
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xC2 && lead < 0xE0 ? 2
                                                      : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool outside = (lead == 0xED && second > 0x9F) || (lead == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : length;
}

std::string brief(std::string_view text, size_t limit) {
  std::string out;
  size_t at = 0;
  for (size_t num_chars = 0; at < text.size() && num_chars < limit; ++num_chars) {
    const size_t length = utf8_char_bytes(text, at);
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == '\n' || c == '\t' || c == '\r') {
      out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r";
    } else if (c < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", c);
    } else if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else {
      out += text.substr(at, length);
    }
    at += length == 0 ? 1 : length;
  }
  if (at < text.size()) out += fmt::format("... ({} bytes)", text.size());
  return out;
}

std::string bounded_message(std::string message, size_t limit) {
  if (message.size() <= limit) return message;
  size_t cut = limit;
  while (cut > 0 && utf8_char_bytes(message, cut) == 0) --cut;
  return message.substr(0, cut) + fmt::format("... (the message was {} bytes long)", message.size());
}

}  // namespace hadal
