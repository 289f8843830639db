#include "cli/verb.h"

#include <algorithm>

#include "base/command.h"
#include "base/error.h"
#include "base/toml_table.h"
#include "cli/options.h"

namespace hadal {

int run_command_of(std::string_view verb, std::string_view about, std::span<const Verb> commands, int argc,
                   char** argv) {
  const std::string name = argc > 1 ? argv[1] : "--help";
  const std::string usage = command({verb, "COMMAND"});
  std::string help = fmt::format("hadal {}: {}\n\nusage: {} [options]\n\n", verb, about, usage);
  size_t width = 12;
  for (const Verb& each : commands) width = std::max(width, each.name.size() + 2);
  for (const Verb& each : commands) help += fmt::format("  {:<{}}{}\n", each.name, width, each.summary);
  help += fmt::format("\n  {} --help   the options of a command\n", usage);
  if (name == "--help" || name == "-h" || name == "help") {
    print_text(help);
    return 0;
  }
  const auto found =
      std::find_if(commands.begin(), commands.end(), [&](const Verb& each) { return each.name == name; });
  if (found == commands.end()) {
    std::vector<std::string> names;
    for (const Verb& each : commands) names.emplace_back(each.name);
    fmt::print(stderr, "hadal {}: expected a command, found {} (did you mean {}?)\n\n{}", verb, brief(name),
               nearest_word(name, names), help);
    return 2;
  }
  std::string title = fmt::format("hadal {} {}", verb, name);
  argv[1] = title.data();
  return found->run(argc - 1, argv + 1);
}

}  // namespace hadal
