// Sizes and times as they are typed and shown by the verbs of a cluster.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace hadal {

// "2G", "512M", "1.5GiB": powers of 1024. "90m", "2h", "1d", "1h30m". BadValue (command_line.h) for another text or
// none above zero.
int64_t parse_memory(const std::string& text, const std::string& option);
double parse_time_span(const std::string& text, const std::string& option);
// "2026-12-24", the end of that day, "2026-12-24T18:00", here; or a span from now, "7d". Seconds since 1970.
double parse_until(const std::string& text, const std::string& option, double now);

std::string time_ago(double then, double now);  // "just now", "5 min ago", "3 h ago", "12 d ago"
std::string clock_text(double time);            // "2026-12-24 18:00:05", here
// A figure in five characters or so: "3.1416", "1.5e-05", "12345"; "-" for null.
std::string figure_text(const OrderedJson& value);
std::string tokens_text(double tokens);  // "950", "12k", "6.2M"

std::string core_hours_text(
    double hours);                       // "0", "<0.0001", "0.0142", "12.50", "48210": at most seven characters to 10M
std::string joules_text(double joules);  // "41 J", "3.2 kJ", "1.25 kWh"
std::string money_text(double amount);   // "0.00", "<0.0001", "0.0003", "12.50"

// At most `width` columns: cut at its end where it is longer, filled up to it with spaces; "" as "-".
std::string cell(std::string_view text, size_t width);
void print_table(std::string_view text);  // without the spaces that cells leave at the ends of lines

}  // namespace hadal
