// Finds the article of a page: where its prose stands, and what in between is none of it.
#pragma once

#include <string>
#include <vector>

#include "research/extract/dom.h"

namespace hadal::research {

// Marks what is not the article in `dropped`, which comes with what a reader cannot see. `hint`: the text that the page
// itself calls its article ("" where it does not); it only helps to find the place. A page without an article (a list,
// a form, a few lines) keeps its body but for navigation.
void drop_all_but_article(const Dom& dom, std::string_view hint, std::vector<bool>& dropped);

}  // namespace hadal::research
