// Markdown, plain text and tables of separated values, as text: see Document::text.
#pragma once

#include <string_view>

#include "research/document.h"

namespace hadal::research {

void read_plain(std::string_view utf8, Document& to);
void read_markdown(std::string_view utf8, Document& to);             // its links as they stand
void read_csv(std::string_view utf8, char separator, Document& to);  // '\0': found by the first line

}  // namespace hadal::research
