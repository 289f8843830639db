// Commands of this program, as they stand in messages for its user to type.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace hadal {

// {"market", "list"}: "hadal market list", or "./run market list" where ./run started it (it sets HADAL_CALLED_AS).
// Words are quoted where a shell asks for it.
std::string command(std::initializer_list<std::string_view> words);

// A word of a shell's command line, quoted where it needs to be.
std::string shell_word(std::string_view text);

}  // namespace hadal
