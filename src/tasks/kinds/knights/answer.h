// Answers to puzzles of knights and knaves: "NAME is a knight, NAME: knave and NAME is a knight."
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::tasks::knights {

using Roles = std::map<std::string, bool>;  // by names in lower case: whether it is a knight

// Of any people, each named once; nullopt, and why, where the text is anything else. Takes linear time but for the map.
std::optional<Roles> read_roles(std::string_view answer, std::string& why);

}  // namespace hadal::tasks::knights
