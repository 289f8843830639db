// A page or a text of a stranger. The first byte chooses its type; the text that comes out holds what it promises.
#include "base/brief.h"
#include "fuzz.h"
#include "research/document.h"

HADAL_FUZZER(input) {
  using namespace hadal::research;
  if (input.empty()) return;
  static constexpr const char* kTypes[] = {
      "text/html; charset=utf-8", "text/html", "text/markdown", "text/csv", "text/plain", ""};
  RawDocument raw;
  raw.url = "https://a.example/b";
  raw.content_type = kTypes[static_cast<unsigned char>(input[0]) % std::size(kTypes)];
  raw.bytes = input.substr(1);
  if (raw.bytes.starts_with("%PDF-")) return;  // read in a process of its own
  const Document document = extract(raw);
  for (size_t i = 0; i < document.text.size();) {
    const size_t bytes = hadal::utf8_char_bytes(document.text, i);
    HADAL_CHECK(bytes > 0, "not UTF-8 at {}", i);
    const auto c = static_cast<unsigned char>(document.text[i]);
    HADAL_CHECK(c >= 0x20 || c == '\n' || c == '\t', "a control character at {}", i);
    i += bytes;
  }
  for (const Link& link : document.links) HADAL_CHECK(link.url.starts_with("http"), "{}", link.url);
}
