// A request as the endpoints of MLflow's API see it, and what its caller may do: read what the team's rules show,
// change what is the caller's own, leads everything. The token of an attempt opens its run alone, and no longer once
// another attempt began.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "cluster/api.h"
#include "cluster/daemon.h"
#include "cluster/store.h"
#include "cluster/tracking/fields.h"

namespace hadal::cluster {

struct TrackingCall {
  Store& store;
  const Caller& caller;
  const Path& folder;  // the cluster's
  const ApiRequest& request;
  const RequestFields& fields;
  std::vector<int64_t>& changed_ideas;
};

enum class Act { read, add, change };  // add: a run, which who may read may do

// The notes (store.h) of this API: of runs "run" (start_time, end_time, status, user_id, stage), "param" and "tag"; of
// ideas "experiment" (name, stage, last_update_time) and "experiment_tag".

// Experiment "0", which clients use without asking: the idea `Default`, made when it is first written to. Until then
// readers find one without an id.
constexpr std::string_view kDefaultExperiment = "0", kDefaultIdea = "Default";

void refuse_attempt(const TrackingCall& call, std::string_view what);  // where an attempt's token asks

Idea experiment_of(const TrackingCall& call, const std::string& id, Act act);
Idea default_idea(const TrackingCall& call, Act act);
std::string experiment_id(const Idea& idea);

Run run_of(const TrackingCall& call, const std::string& id, Act act);
Run run_asked(const TrackingCall& call, Act act);  // by run_id or run_uuid

bool is_deleted(Store& store, const Idea& idea);
bool is_deleted(Store& store, const Run& run);  // itself or with its idea
void check_active(Store& store, const Run& run);

// In a write of the store, before anything is logged: Error where another attempt of the caller's run began.
void check_fence(const TrackingCall& call);

Path run_folder(const TrackingCall& call, const Run& run);
int64_t now_ms();
int64_t to_ms(double seconds);

}  // namespace hadal::cluster
