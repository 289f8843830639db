// The cluster's daemon: the only writer of its store. Every change is decided, committed, and only then carried out; a
// daemon that was killed finds everything again by name and guesses nothing. One thread ticks; the API's threads ask
// and act through it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "cluster/api.h"
#include "cluster/backend.h"
#include "cluster/policy.h"
#include "cluster/store.h"

namespace hadal::cluster {

// Time as the daemon sees it: tests set it.
struct DaemonClock {
  std::function<double()> steady;  // seconds that never go back
  std::function<double()> wall;    // seconds since 1970
};

struct DaemonOptions {
  Path folder;          // store, orders and runs/rN; made where it is missing
  Path policy;          // its TOML file; empty: the folder's policy.toml where it is there
  std::string program;  // the path of `hadal`, for supervisors and recipes
  std::string url;      // for MLFLOW_TRACKING_URI of the runs
  DaemonClock clock = {};
  std::shared_ptr<Store> store = {};  // where it is open already
};

// Who acts.
struct Caller {
  Person person;
  bool local = false;  // by the Unix socket
  int64_t run = 0;     // by an attempt's token: this run alone, tracking alone
  int attempt = 0;     // whose token it is
};

bool may_see(const Caller& caller, const Idea& idea);  // a private one: its owner and leads
bool may_act(const Caller& caller, const Run& run);    // its person and leads; its own attempt

struct Submission {
  std::string idea, why;             // idea "": named after the recipe or the command, numbered
  std::string recipe_name, recipe;   // the file's name and its text (overrides applied, paths absolute), or
  std::vector<std::string> command;  // the command
  std::vector<std::pair<std::string, std::string>> files;  // --with: path below the run's folder, content
  std::string submit_folder;
  std::vector<std::pair<std::string, std::string>> environment;  // of the submitter; only where it is this machine's
  Size size;
  double time_limit_s = 0;
  int64_t seed = -1;
  std::string metric;  // KEY or KEY:max
  std::string version;
};
// As text, in which base64 makes files a third larger; the rest is for what comes beside them.
inline constexpr int64_t kMaxSubmissionBytes = 72 << 20, kMaxFileBytes = (kMaxSubmissionBytes - (8 << 20)) / 4 * 3;
Submission read_submission(const std::string& body);  // JSON; Error names the field
std::string submission_text(const Submission& submission);
bool is_said_by_cluster(std::string_view variable);  // HADAL_RUN, ...: of an attempt, whatever its submitter has there

// What a second daemon of a folder is told (FolderLock).
inline constexpr const char* kServedAlready = "another daemon serves this cluster";
inline constexpr const char* kServedAdvice = "ask that one, or end it before you start another";

class Daemon {
 public:
  // Takes the folder's lock and the next generation, reconciles. Error where another daemon holds it.
  Daemon(DaemonOptions options, std::unique_ptr<Backend> backend);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void run();   // ticks until stop(); throws where another daemon took the store over
  void stop();  // any thread
  void tick();  // one round, for tests: looks, reads metrics, decides, acts
  void wake();  // any thread: the next round is now
  std::string url() const;

  // Any thread. ApiError (daemon/api_error.h) says the status.
  Caller caller(const Credentials& who);
  OrderedJson submit(const Caller& caller, const Submission& submission);
  void act(const Caller& caller, int64_t run, const std::string& verb, const std::string& why);  // stop suspend resume
  Store& store();
  Path run_folder(int64_t run) const;
  double now() const;  // seconds since 1970 as at the daemon's start, and steady from then on

  struct Impl;
  Impl& impl() { return *impl_; }  // for the module's own files

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal::cluster
