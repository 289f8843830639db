// Which figures each number of a text says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "market/report/figure_list.h"

namespace hadal::market {

struct Said {
  size_t begin = 0, end = 0;         // code points
  std::vector<std::string> figures;  // their paths, in the order of the list; none: unbound
  bool is_loss = false;              // by a word beside it, or a minus
};

// The numbers, dates and names of a text in their order; of each the first `most` figures that it may say.
std::vector<Said> read_said(std::u32string_view text, const FigureList& figures, size_t most);

}  // namespace hadal::market
