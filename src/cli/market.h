// The commands of `hadal market`, a file each; the table stands in market.cc. Each gets its own arguments, argv[0]
// being "hadal market COMMAND", as verbs do (verb.h).
#pragma once

#include <optional>
#include <string>

#include "base/json_fwd.h"
#include "market/market.h"

namespace hadal {

int market_check_command(int argc, char** argv);
int market_import_command(int argc, char** argv);
int market_list_command(int argc, char** argv);
int market_show_command(int argc, char** argv);

// "--from" and "--to": a date or an ISO time; nothing for "".
std::optional<market::Date> market_date(const std::string& text, const std::string& option);
// A bar's time as it is shown: the day of a daily bar, else the time of its end.
std::string market_time_text(const market::Market& market, const std::string& symbol, const market::Bar& bar);

}  // namespace hadal
