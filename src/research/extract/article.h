// Finds the article of a page: where its prose stands, and what in between is none of it.
#pragma once

#include <string>
#include <vector>

#include "research/extract/dom.h"
#include "research/extract/metadata.h"

namespace hadal::research {

// Marks what is not the article in `dropped`, which comes with what a reader cannot see. The metadata only helps to
// find the place: the page's titles, and the text that it calls its article. A page without an article (a list, a
// form, a few lines) keeps its body but for navigation. The heading that repeats the title goes too.
void drop_all_but_article(const Dom& dom, const Metadata& metadata, std::vector<bool>& dropped);

}  // namespace hadal::research
