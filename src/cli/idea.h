// The commands of `hadal idea`; the table stands in idea.cc. Each gets its own arguments, argv[0] being "hadal idea
// COMMAND", as verbs do (verb.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/cluster_client.h"

namespace hadal {

int idea_baseline(int argc, char** argv);
int idea_close(int argc, char** argv);
int idea_compare(int argc, char** argv);
int idea_grant(int argc, char** argv);
int idea_list(int argc, char** argv);
int idea_log(int argc, char** argv);
int idea_new(int argc, char** argv);
int idea_park(int argc, char** argv);
int idea_promote(int argc, char** argv);
int idea_resume(int argc, char** argv);
int idea_show(int argc, char** argv);
int idea_stop(int argc, char** argv);
int idea_submit(int argc, char** argv);
int idea_suspend(int argc, char** argv);
int idea_wait(int argc, char** argv);

// Shows a line about these runs until all are over or wait for a person, or Ctrl-C, which leaves them alone and says
// so. The exit code: 0 all are done, 1 one failed or was stopped, 3 Ctrl-C.
int watch_runs(ClusterClient& client, const std::vector<std::string>& runs);

// Calls show() now and each second until it gives false or Ctrl-C: false then, with `left_alone` on standard error.
bool each_second(const std::string& left_alone, const std::function<bool()>& show);

}  // namespace hadal
