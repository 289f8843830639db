// Whether a paragraph that was worded anew says what the built one says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "market/report.h"

namespace hadal::market {

// A part of a memo, as it was built; the places of its bindings count from its own begin.
struct BuiltParagraph {
  std::string text;
  std::vector<Binding> bindings;
};

// One line, blanks single.
std::string one_paragraph(std::string_view text);

struct WordingCheck {
  std::string why;                // it is refused; "": it is not
  std::string_view note;          // the same without a number, for the memo's text
  std::vector<Binding> bindings;  // of the new wording
};
// Of each number of the built paragraph, in the same order, the new one says the same figure, and no more numbers;
// losses stay losses; the names between backticks, and the words that the figures are called by, keep their order; it
// is a paragraph of plain text of about the same length.
WordingCheck check_wording(const BuiltParagraph& built, const std::string& wording, const OrderedJson& figures);

}  // namespace hadal::market
