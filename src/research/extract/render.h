// A part of a page as text: see Document::text.
#pragma once

#include <string>
#include <vector>

#include "research/document.h"
#include "research/extract/dom.h"

namespace hadal::research {

struct Rendered {
  std::string text;
  std::vector<Link> links;  // url: as it stands in the page
  std::vector<Table> tables;
};

// All but what is dropped; a node that is not dropped may stand within one that is.
Rendered render(const Dom& dom, const std::vector<bool>& dropped);

// One row as it stands in a text: "Pump: P-12; Price: 40". Heads and cells may be of different number.
std::string row_text(const std::vector<std::string>& head, const std::vector<std::string>& row);

// The cells of a table element, if it is one of data and not one for layout.
bool is_data_table(const Dom& dom, const std::vector<bool>& dropped, int32_t table);
// `keyed`: for each row whether its first cell names the other ("Capital", "Wellington").
Table read_table(const Dom& dom, const std::vector<bool>& dropped, int32_t table, std::vector<bool>* keyed);
std::string inline_text(const Dom& dom, const std::vector<bool>& dropped, int32_t node);  // collapsed to one line

}  // namespace hadal::research
