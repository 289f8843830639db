// What a page says about itself: JSON-LD, <meta>, <time>, <link>.
#pragma once

#include <string>
#include <vector>

#include "research/extract/dom.h"

namespace hadal::research {

struct Metadata {
  std::string title, author, date, language;  // as in Document
  std::string canonical;                      // as it stands in the page
  std::string base;                           // of <base>
  std::string article_body;                   // JSON-LD's; it may differ from what a reader sees, so it is never quoted
  std::vector<std::string> titles;            // all that the page gives, for finding its heading
};

Metadata read_metadata(const Dom& dom, const std::vector<bool>& unseen);

// "2024-05-31", "2024-05" or "2024" of what a date begins with: ISO 8601 and RFC 3339, "20240531", "31 May 2024",
// "May 31, 2024". "" for anything else.
std::string date_of(std::string_view text);

}  // namespace hadal::research
