// How figures stand in a memo, and how they are found again.
#pragma once

#include <initializer_list>
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

// How many digits after the point (at least 2) amounts need so that the parts, each rounded, add up to the total as it
// is rounded. Amounts are decimal texts.
int digits_that_add(const OrderedJson& amounts, std::initializer_list<const char*> parts, const char* total);
// An amount in so many digits, rounded half to even.
std::string amount_text(const OrderedJson& amount, int digits);

inline constexpr std::initializer_list<const char*> kCostParts = {"fees", "slippage", "borrow", "interest_paid"};

bool has_digit(std::string_view text);

}  // namespace hadal::market
