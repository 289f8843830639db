// A page, a file or a PDF as text that can be quoted: positions count bytes of `text` (UTF-8), which never changes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::research {

struct Link {
  std::string url, text;  // url: absolute, canonical
};

struct Table {
  std::vector<std::string> head;  // empty: it names no columns
  std::vector<std::vector<std::string>> rows;
};

struct Document {
  std::string url;  // as fetched; of a file "folder/name.md"
  std::string title, author, language, canonical;
  std::string date;  // "2024-05-31", "2024-05" or "2024"; "" where it says none
  std::string type;  // "text/html", "text/markdown", "text/plain", "text/csv", "application/pdf"
  // Paragraphs, headings ("# Title"), list items ("- one"), rows of tables ("Pump: P-12; Price: 40") and code, with an
  // empty line between what belongs to different blocks. No control, bidi or tag characters.
  std::string text;
  std::vector<size_t> pages;  // of a PDF: where each page begins in `text`
  std::vector<Link> links;    // of the article, in its order
  std::vector<Table> tables;
};

// What a server or a disk gave.
struct RawDocument {
  std::string url;           // "" where it has none
  std::string content_type;  // as the server said it, with its charset; "": by name and content
  std::string bytes;
};

// Text of HTML, XHTML, Markdown, plain text, CSV or PDF. Error, with what is wrong, for a broken, encrypted or scanned
// PDF and for what is no text. Deterministic: the same bytes give the same text. `charset`: gets what it was read as.
Document extract(const RawDocument& raw, std::string* charset = nullptr);

}  // namespace hadal::research
