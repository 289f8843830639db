// Text of PDF files, by poppler. Poppler runs in a process of its own, with limits: a file made to crash or to exhaust
// it costs that process, and is an Error here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "research/document.h"

namespace hadal::research {

struct PdfWord {
  int page = 0;
  float x = 0, y = 0, width = 0, height = 0;  // points, from the upper left corner
  bool space_after = false;
  std::string text;
};

struct PdfContent {
  std::string title, author, date;
  int pages = 0;
  std::vector<PdfWord> words;  // in reading order
};

PdfContent read_pdf(std::string_view bytes);
// Fills text, pages and tables. Error where there is next to no text.
void lay_out(const PdfContent& content, Document& to);
Document extract_pdf(const RawDocument& raw);

}  // namespace hadal::research
