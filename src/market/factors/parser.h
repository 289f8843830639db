// Reads an expression into a graph.
//
//   or      = and { "|" and }             comparisons bind tighter than & and |
//   and     = compare { "&" compare }
//   compare = sum [ (">" | ">=" | "<" | "<=" | "==" | "!=") sum ]
//   sum     = product { ("+" | "-") product }
//   product = unary { ("*" | "/") unary }
//   unary   = "-" unary | power
//   power   = primary [ "**" unary ]
//   primary = number | "$" field | NAME "(" [ or { "," or } ] ")" | "(" or ")"
#pragma once

#include <string>
#include <string_view>

#include "market/factors.h"
#include "market/factors/graph.h"

namespace hadal::market::factors {

// The node of the expression. Error that begins with `who`, with carets under the place of the mistake.
int parse_expression(Graph& graph, std::string_view text, const std::string& who, LookAhead look_ahead);

}  // namespace hadal::market::factors
