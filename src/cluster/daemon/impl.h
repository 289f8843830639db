// What the parts of the daemon share. In memory stand the runs that are not over; the store has everything, is written
// first, and where writing fails the memory is loaded anew.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/folder_lock.h"
#include "cluster/daemon.h"
#include "cluster/daemon/api_error.h"
#include "cluster/daemon/metric_piece.h"
#include "cluster/policy/ladder.h"
#include "cluster/supervisor.h"

namespace hadal::cluster {

// A run that is not over, with its live attempt where it has one. Times are those of Daemon::now().
struct LiveRun {
  Run run;
  std::optional<Attempt> attempt;  // the live one
  double waiting_since = 0, began = 0;
  double last_seen = 0;      // running, by the backend; 0: not yet
  double used_s = 0;         // seconds of attempts before this one: for its time limit
  double saved = 0;          // the newest checkpoint of this attempt; 0: none seen
  double looked_saved = -1;  // when that was looked at
  bool started_before = false;
  double promised_by = kUnknown;  // its first start, as was said when it was submitted
  int64_t leaving_for = 0;        // the run for which the policy suspends it

  // Metrics of the attempt.
  std::optional<MetricsTail> tail;
  int64_t tokens = -1, first_tokens = -1;  // now, and when its rate began to be measured
  double first_tokens_at = 0;
  int64_t last_step = 0;
  std::set<std::string> keys;                                // that this daemon has seen
  std::optional<std::map<std::string, int64_t>> last_steps;  // by key: of a file that was written anew
  std::map<std::string, double> mean_parts;                  // validation/*/bits_per_byte of one step
  int64_t mean_step = -1;
  size_t mean_count = 0;  // how many there were at the last step

  int attempt_rung = 1;  // whose budget the attempt was given

  // What is asked of the backend.
  std::string stop_by, stop_why;  // who stops it; "": nobody
  std::string stop_rule;
  double suspend_sent = 0, stop_sent = 0;  // when last; 0: not yet
  bool seen_waiting = false;               // in the backend's own queue
  double start_again = 0;                  // not before: a start that failed
  double silent_since = 0;                 // seen ended, or not seen, and without an exit.json; 0: not so
  int silent_ends = 0;                     // attempts in a row that ended so
  int start_failures = 0;
};

// What lines of metrics.jsonl mean for their run.
struct MetricReader {
  LiveRun& live;
  MetricsTail& tail;
  std::vector<MetricPoint> points;
  double at = 0;
  void line(const MetricLine& line);
  void flush(bool all);

 private:
  void point(const std::string& key, int64_t step, double value);
  void flush_mean();
};

struct Daemon::Impl {
  Impl(DaemonOptions options, std::unique_ptr<Backend> backend);

  DaemonOptions options;
  std::unique_ptr<Backend> backend;
  FolderLock lock;
  std::shared_ptr<Store> opened;
  Store& store;
  std::string cluster_id;
  int64_t generation = 0;
  double wall_at_start = 0, steady_at_start = 0;

  // All below under `mutex`.
  std::mutex mutex;
  std::map<int64_t, LiveRun> runs;  // scheduled, not over
  std::map<int64_t, Idea> ideas;
  std::map<int64_t, Person> people;
  std::vector<Grant> grants;
  struct Usage {
    double core_seconds = 0, at = 0;  // decayed to `at`
  };
  std::map<int64_t, Usage> usage;          // by person, of ended attempts
  std::vector<PolicyNode> nodes;           // as the backend said last
  std::map<std::string, int> stale_slots;  // held on a node by attempts that are over for us
  PolicyRules rules;
  std::string policy_error, backend_error, store_error;
  std::filesystem::file_time_type policy_time = {};
  std::vector<std::pair<std::string, std::string>> stale;  // to be stopped: name, backend_id
  std::set<int64_t> stale_runs;                            // whose they are: started again only when they are gone
  bool looked = false;                                     // in this round the backend could be asked
  std::map<int64_t, MetricPiece> pieces;                   // of metrics, by run: read in this round before it began
  bool nodes_known = false, must_load = true, ladder_due = true;
  double nodes_at = -1e18;

  std::mutex wake_mutex;
  std::condition_variable wake;
  bool awake = false, stopping = false;
  void rouse();

  double now() const;
  Path run_folder(int64_t run) const { return options.folder / "runs" / run_name(run); }
  std::string attempt_name(int64_t run, int attempt) const;
  Path order_file(int64_t run, int attempt) const;
  std::string person_name(int64_t person) const;
  std::string idea_name(int64_t idea) const;

  std::unique_lock<std::mutex> enter();  // holds `mutex`, with what is in memory as it is in the store
  void commit(const std::function<void()>& body);

  // load.cc
  void load();
  void load_policy();
  void add_usage(int64_t person, double core_seconds, double ended);
  double usage_now(int64_t person) const;

  // tick.cc: one round
  void tick();
  void look_around();
  void take_sightings(const std::vector<Sighting>& sightings);
  void follow(LiveRun& live, const Sighting* sighting);
  void look_for_stale(const std::vector<Sighting>& sightings, const std::set<std::string>& known);
  void decide_and_commit();
  void carry_out(const PolicyDecision& decision, double at);
  void act_on_backend();
  void start_attempt(int64_t id);
  void put_off_start(LiveRun& live, const std::string& why);

  // ends.cc
  void end_attempt(LiveRun& live, const AttemptEnd& end);
  void lose_attempt(LiveRun& live, const std::string& why);
  void refuse_attempt(LiveRun& live, const std::string& why);  // the backend will never start it
  void withdraw_attempt(LiveRun& live, const Attempt& attempt, RunState otherwise, const std::string& why);
  void close_attempt(LiveRun& live, Attempt attempt, RunState to, const std::string& by, const std::string& rule,
                     const std::string& reason);
  void drop_ended();

  // changes.cc: the only place where a state changes; inside store.write()
  void change_state(LiveRun& live, RunState to, const std::string& by, const std::string& rule,
                    const std::string& reason);
  void note_decision(const Run& run, const std::string& kind, const std::string& from, const std::string& to,
                     const std::string& by, const std::string& rule, const std::string& reason);

  // orders.cc
  void write_order_of(const LiveRun& live);
  Account account_of(const Run& run);
  int64_t budget_of(const Run& run) const;

  // submit.cc
  Account account_for(const Caller& caller);  // whom the caller's runs run as
  Idea idea_for(const Caller& caller, const Submission& submission);
  void check_takes_runs(const Caller& caller, const Idea& idea);

  // people.cc
  Person person_of_uid(uid_t uid);
  std::pair<Person, std::string> add_user(const Caller& caller, const std::string& name, const std::string& unix_user,
                                          bool lead);
  void remove_user(const Caller& caller, const std::string& name);

  // actions.cc, under `mutex`
  void stop_run(LiveRun& live, const std::string& by, const std::string& why);
  void suspend_run(LiveRun& live, const std::string& by, const std::string& why);
  void resume_run(LiveRun& live, const std::string& by, const std::string& why);
  Idea idea_to_change(const Caller& caller, const std::string& name, bool leads_only);
  void set_idea_state(const Caller& caller, Idea idea, IdeaState state, const std::string& why);
  void set_baseline(const Caller& caller, Idea idea, bool baseline, const std::string& why);
  std::vector<int64_t> promote(const Caller& caller, const Idea& idea, int to, const std::string& why);
  Grant give_grant(const Caller& caller, const Idea& idea, int slots, double until, const std::string& why);

  // metrics.cc
  void begin_tail(LiveRun& live);
  // Not under `mutex`: takes it for moments.
  std::map<int64_t, MetricPiece> read_ahead(const std::vector<Sighting>& sightings);
  void read_metrics(LiveRun& live, bool to_its_end);
  void take_piece(LiveRun& live, const MetricPiece& piece);
  int64_t tokens_of(int64_t run);
  std::vector<CurvePoint> curve_of(const Run& run);

  // climb.cc
  void climb_ladder();

  // snapshot.cc
  Snapshot snapshot();
  PolicyRun policy_run(const LiveRun& live, double at) const;
  void look_for_checkpoints();
};

// snapshot.cc
bool waits_in_line(const LiveRun& live);
std::string why_it_stays(const Run& run,
                         IdeaState idea);  // though it is in line: its idea is not open; "": it does not

// accounts.cc
std::optional<Account> account_named(const std::string& user);
std::string user_of(uid_t uid);  // "" where it has no name
struct AccountDetails {
  std::string home, shell;
};
AccountDetails details_of(const std::string& user);

// run_files.cc: what is written into a run's folder as its user
struct NewFolder {
  // Made at once, with mode 700; give() it to the account when all is written; commit() gives it its final name. Else
  // it is removed.
  NewFolder(const Path& target, const Account& account);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  void write(const std::string& name, std::string_view content, uint32_t mode = 0644);
  void give();
  void commit();
  Path path, target;
  Account account;
  bool committed = false;
};

// orders.cc
std::string random_token();  // 256 bits
std::string token_hash(const std::string& token);

// recipe_check.cc: `PROGRAM train|rl recipe.toml --check --json` as the account, in the run's folder
struct RecipeFacts {
  bool rl = false;
  int64_t tokens = 0, memory_bytes = 0;
  std::string held_out;
};
bool is_rl_recipe(const std::string& text, const std::string& name);
RecipeFacts check_recipe(const std::string& program, const Path& folder, const Account& account, bool rl,
                         const std::vector<std::pair<std::string, std::string>>& environment);

}  // namespace hadal::cluster
