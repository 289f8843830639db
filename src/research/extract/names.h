// What classes, ids, roles and elements say of a part of a page, in the words that the web uses.
#pragma once

#include <string_view>

#include "research/extract/dom.h"

namespace hadal::research {

struct Names {
  bool clutter = false;  // navigation, advertising, sharing, forms and the like
  bool comments = false;
  bool caption = false;
  bool body = false;     // of an article, by a name that is common for it
  bool is_body = false;  // the same by schema.org's
};
Names names_of(const Dom& dom, int32_t element);

// "Related stories", "Read next", "Comments" and what they are in other languages: none of what follows such a heading
// is the article. `text`: one line.
bool leads_away(std::string_view text);

// A line that names a day, an author, a place to share or the like, and says nothing: "By Ann Lee", "3 min read".
bool is_credit_line(std::string_view text);

}  // namespace hadal::research
