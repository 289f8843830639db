// What the supervisor of an attempt gets to read.
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/digest.h"
#include "base/json.h"
#include "cluster/daemon/impl.h"
#include "cluster/daemon/run_file.h"

namespace hadal::cluster {
bool is_said_by_cluster(std::string_view variable) {
  static const std::set<std::string_view> kOurs = {"HADAL_RUN",           "HADAL_ATTEMPT", "HADAL_RUN_DIR",
                                                   "HADAL_SUBMIT_DIR",    "HADAL_SLOTS",   "HADAL_THREADS",
                                                   "HADAL_RESUME",        "HADAL_BUDGET",  "HADAL_SEED",
                                                   "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_TRACKING_TOKEN"};
  return kOurs.contains(variable);
}

std::string random_token() {
  unsigned char bytes[32];
  HADAL_CHECK(::getrandom(bytes, sizeof bytes, 0) == static_cast<ssize_t>(sizeof bytes), "no random numbers");
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string token_hash(const std::string& token) { return sha256(token); }

Account Daemon::Impl::account_of(const Run& run) {
  const std::string user = store.note("run", run.id, "user").value_or("");
  const auto account = account_named(user);
  if (!account)
    fail("{}: this machine has no user \"{}\" any more, as whom it is to run; it waits", run_name(run.id), user);
  return *account;
}

void Daemon::Impl::write_order_of(const LiveRun& live) {
  const Run& run = live.run;
  const Attempt& attempt = *live.attempt;
  const Path file = order_file(run.id, attempt.number), folder = run_folder(run.id);
  std::error_code error;
  if (std::filesystem::exists(file, error)) return;  // its supervisor may run with it already
  const Account account = account_of(run);
  const std::string token = random_token();
  commit([&] {
    store.drop_tokens_of_run(run.id);
    store.add_token(token_hash(token), run.person, run.id, attempt.number);
  });

  int slots = 1;
  for (const Place& place : attempt.places) slots = std::max(slots, place.slots);
  Order order;
  order.name = attempt_name(run.id, attempt.number);
  order.run = run.id, order.attempt = attempt.number, order.folder = folder;
  const bool has_ranks = run.size.nodes > 0;
  order.command = has_ranks ? mpi_command(attempt.places, run.command) : run.command;
  order.slots = slots;
  if (store.note("run", run.id, "memory_asked")) order.memory_bytes = run.size.memory_bytes;
  order.grace_s = rules.grace_s;
  if (run.time_limit_s > 0) order.time_limit_s = std::max(1.0, run.time_limit_s - live.used_s);

  std::map<std::string, std::string> environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LANG", "C.UTF-8"}};
  const std::set<std::string> of_account = {"HOME", "USER", "LOGNAME", "SHELL"};
  if (const std::string given = RunFile(folder, "environment.json").read(0, 4 << 20); !given.empty()) {
    const Json submitted = parse_json(given, (folder / "environment.json").string());
    for (const auto& [name, value] : submitted.items())
      if (value.is_string() && !is_said_by_cluster(name) && !of_account.contains(name))
        environment[name] = value.get<std::string>();
  }
  const AccountDetails details = details_of(account.user);
  environment["HOME"] = details.home, environment["SHELL"] = details.shell;
  environment["USER"] = environment["LOGNAME"] = account.user;
  environment["HADAL_RUN"] = run_name(run.id);
  environment["HADAL_ATTEMPT"] = std::to_string(attempt.number);
  environment["HADAL_RUN_DIR"] = folder.string();
  environment["HADAL_SUBMIT_DIR"] = store.note("run", run.id, "submit_folder").value_or("");
  environment["HADAL_SLOTS"] = std::to_string(slots);
  environment["HADAL_THREADS"] = has_ranks ? "1" : std::to_string(slots);
  if (has_ranks && account.uid == 0)  // mpirun asks root to say so twice
    environment["OMPI_ALLOW_RUN_AS_ROOT"] = environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
  environment["HADAL_RESUME"] = std::to_string(live.started_before ? 1 : 0);
  environment["HADAL_BUDGET"] = std::to_string(budget_of(run));
  if (run.seed >= 0) environment["HADAL_SEED"] = std::to_string(run.seed);
  environment["MLFLOW_TRACKING_URI"] = options.url;
  environment["MLFLOW_RUN_ID"] = run_name(run.id);
  environment["MLFLOW_TRACKING_TOKEN"] = token;
  order.environment.assign(environment.begin(), environment.end());
  write_order(file, order, account.uid, account.gid);
}

}  // namespace hadal::cluster
