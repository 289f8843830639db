// Bytes of a stranger to UTF-8, and text to text that is safe to show.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hadal::research {

// By byte order mark, the server's word, the page's own (`is_markup`: <meta> or <?xml within the first 1,024 bytes),
// validity as UTF-8, and last by uchardet's guess; windows-1252 where that has none. Labels mean what they mean to
// browsers ("latin1" is windows-1252). What cannot be read becomes U+FFFD. Text is not normalized (NFC or other).
// `charset` gets the name.
std::string to_utf8(std::string_view bytes, std::string_view content_type, bool is_markup, std::string& charset);

// One character of UTF-8 from `at`, which moves on; U+FFFD for a byte that begins none.
char32_t next_char(std::string_view text, size_t& at);
void append_char(std::string& to, char32_t c);

// Appends text without what has no shape of its own or changes what is around it: control, bidi and tag characters,
// zero-width characters, soft hyphens, fillers, variation selectors beside that of emoji. Other spaces become ' ', line
// and paragraph separators '\n'.
void append_clean(std::string& to, std::string_view utf8);

// Appends with white space collapsed, as HTML shows it; `to` never begins with a space, nor has one after a line's end.
void append_collapsed(std::string& to, std::string_view clean);
std::string one_line(std::string_view utf8);  // clean, collapsed, without spaces around

size_t count_letters(
    std::string_view utf8);  // letters and digits; one of Chinese, Japanese or Korean says as much as three

}  // namespace hadal::research
