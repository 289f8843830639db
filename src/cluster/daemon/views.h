// What is shown, as JSON; private ideas to their owners and leads alone. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "cluster/daemon.h"

namespace hadal::cluster {

OrderedJson ideas_view(Daemon& daemon, const Caller& caller, bool mine, const std::string& state);
OrderedJson idea_view(Daemon& daemon, const Caller& caller, const std::string& name);
OrderedJson run_view(Daemon& daemon, const Caller& caller, int64_t run);
OrderedJson compare_view(Daemon& daemon, const Caller& caller, const std::vector<int64_t>& runs,
                         const std::string& metric);
OrderedJson metrics_view(Daemon& daemon, const Caller& caller, int64_t run, const std::string& key, int64_t from);
OrderedJson log_view(Daemon& daemon, const Caller& caller, int64_t run, int64_t from);

OrderedJson status_view(Daemon& daemon, const Caller& caller);
OrderedJson queue_view(Daemon& daemon, const Caller& caller);
OrderedJson decisions_view(Daemon& daemon, const Caller& caller, int64_t after);
OrderedJson ledger_view(Daemon& daemon, const Caller& caller, const std::string& by);
OrderedJson check_view(Daemon& daemon);

OrderedJson decision_json(const Decision& decision, const std::string& idea);
Run run_to_show(Daemon& daemon, const Caller& caller, int64_t run);  // 404 where it is not there or not to be seen

}  // namespace hadal::cluster
