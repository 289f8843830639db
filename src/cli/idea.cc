// hadal idea COMMAND ...: ideas and their runs on a cluster.
#include "cli/idea.h"

#include "cli/verb.h"

namespace hadal {
namespace {

constexpr Verb kCommands[] = {
    {"submit", "run a recipe or a command, as soon as its turn comes", idea_submit},
    {"new", "an idea with its why, before its first run", idea_new},
    {"list", "ideas: who, why, how far, how good, at what cost", idea_list},
    {"show", "a run or an idea: its state, why, its attempts and figures", idea_show},
    {"wait", "until runs are over", idea_wait},
    {"log", "what a run wrote", idea_log},
    {"compare", "runs side by side, with the spread of seeds", idea_compare},
    {"stop", "end a run for good", idea_stop},
    {"suspend", "save a run and free its slots", idea_suspend},
    {"resume", "back into the line", idea_resume},
    {"baseline", "the idea that others are measured against", idea_baseline},
    {"promote", "a lead's word: on to a higher rung", idea_promote},
    {"grant", "a lead's gift: slots until a date", idea_grant},
    {"park", "an idea that starts nothing for now", idea_park},
    {"close", "an idea that takes no more runs", idea_close},
};

}  // namespace

int idea_command(int argc, char** argv) {
  return run_command_of("idea", "ideas on a cluster: from why to what came of it", kCommands, argc, argv);
}

}  // namespace hadal
