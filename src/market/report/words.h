// How figures stand in a memo, and how they are found again.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace hadal::market {

// "statistics.sharpe_interval.0"; null where there is nothing.
const OrderedJson* figure_at(const OrderedJson& figures, std::string_view path);

// A number, or an amount that is kept as decimal text.
bool is_number(const OrderedJson& figure);
double number_of(const OrderedJson& figure);

// A name as it is written: in one line, and without marks that end a quotation.
std::string name_text(std::string_view name);

bool has_digit(std::string_view text);

}  // namespace hadal::market
