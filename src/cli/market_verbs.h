// Sub-verbs of `hadal market` that train, begin and make up. As other commands: argv[0] is "hadal market VERB"; what
// is not built yet is exit code 2.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hadal {

int market_init_command(int argc, char** argv);
int market_synth_command(int argc, char** argv);
int market_train_command(int argc, char** argv);

// hadal market check STRATEGY.toml --lookahead
int market_check_lookahead(const std::string& strategy, int64_t samples, bool json);

// Runs a sub-verb; a NotYetError is printed and becomes 2.
int or_not_yet(const std::string& name, const std::function<int()>& run);

}  // namespace hadal
