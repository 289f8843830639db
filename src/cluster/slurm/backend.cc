#include "cluster/backend.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/slurm/commands.h"
#include "cluster/slurm/node_proof.h"
#include "cluster/slurm/reading.h"
#include "cluster/supervisor.h"

namespace hadal::cluster {
namespace {

// The shell is gone before the supervisor begins: signals reach the supervisor, and nothing is orphaned.
constexpr std::string_view kSupervise = "#!/bin/sh\nexec \"$@\"\n";

constexpr double kJobsFreshSeconds = .5;    // so long one answer of squeue serves nodes() and look() alike
constexpr double kKeptEndsSeconds = 600;    // so long look() repeats what only jobcomp knows
constexpr double kTimeSlackSeconds = 1200;  // the supervisor keeps the time limit; Slurm's is for one that cannot
constexpr int64_t kJobcompBytes = 4 << 20;

bool is_live(const Sighting::State state) {
  return state == Sighting::State::waiting || state == Sighting::State::running;
}

// The supervisor of an attempt that was taken before ends with this code, having started nothing.
constexpr int kTakenCode = 4;

bool found_it_taken(const SlurmJob& job) {
  return job.state == Sighting::State::ended && job.signal == 0 && job.code == kTakenCode;
}

// Which job stands for a name that several have.
int weight(const SlurmJob& job) {
  if (found_it_taken(job)) return -1;
  switch (job.state) {
    case Sighting::State::running:
      return 3;
    case Sighting::State::waiting:
      return 2;
    case Sighting::State::lost:
      return 1;
    case Sighting::State::ended:
      return 0;
  }
  return 0;
}

int attempt_of(const std::string& name) { return std::atoi(name.c_str() + name.rfind('-') + 1); }

std::string list_of_nodes(const std::vector<Place>& places) {
  std::string list;
  for (const Place& place : places) list += (list.empty() ? "" : ",") + place.node;
  return list;
}

class SlurmBackend : public Backend {
 public:
  explicit SlurmBackend(SlurmOptions options)
      : options_(std::move(options)), prefix_("hadal-" + options_.cluster + "-r") {
    if (options_.cluster.empty() ||
        options_.cluster.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                                           "WXYZ0123456789_.-") != std::string::npos)
      fail("the id of a cluster is '{}': expected letters, digits, '_', '.' and '-'", brief(options_.cluster));
    options_.folder = std::filesystem::absolute(options_.folder).lexically_normal();
    options_.program = std::filesystem::absolute(options_.program);
    proof_.emplace(options_, commands_);
    write_file_whole(script(), kSupervise);
  }

  std::vector<PolicyNode> nodes() override {
    read_nodes_now();
    const std::vector<SlurmJob>& now = jobs();
    if (!asked_all_) {
      // At the very first start nothing is proven, and the answers are a second away; later they are known.
      std::vector<std::string> up;
      for (const auto& [name, node] : nodes_)
        if (node.up) up.push_back(name);
      proof_->wait_for(up, now);
      asked_all_ = true;
    }
    std::vector<PolicyNode> all;
    for (const auto& [name, node] : nodes_) {
      PolicyNode one;
      one.name = name;
      one.slots = node.slots;
      one.memory_bytes = node.memory_mb << 20;
      one.up = node.up && node.slots > 0 && proof_->proven(name, now);
      for (const SlurmJob& job : now)
        if (job.holds && !is_ours(job) && !proof_->is_question(job)) one.foreign_slots += slots_on(job, node);
      one.foreign_slots = std::min(one.foreign_slots, one.slots);
      all.push_back(std::move(one));
    }
    return all;
  }

  std::string start(const StartOrder& order) override {
    check(order);
    if (const std::string id = find(order); !id.empty()) return id;
    jobs_.reset();
    const SlurmCommands::Answer answer = commands_.ask(sbatch(order));
    if (answer.code == 0) {
      watched_.insert(order.name);
      return answer.output.substr(0, answer.output.find_first_of(";\n"));
    }
    // What the controller said may have come after it took the job.
    if (const std::string id = find(order); !id.empty()) return id;
    const std::string words = fmt::format("Slurm does not take {}: {}", order.name, brief(answer.error));
    for (const char* passing : {"temporarily", "Required node not available", "try again"})
      if (answer.error.find(passing) != std::string::npos) throw_error(words);
    throw StartRefused(bounded_message(words));
  }

  void suspend(const std::string& name, const std::string&) override { signal(name, "USR1"); }
  void stop(const std::string& name, const std::string&) override { signal(name, "TERM"); }

  std::vector<Sighting> look() override {
    std::map<std::string, const SlurmJob*> by_name;
    std::vector<const SlurmJob*> surplus;
    for (const SlurmJob& job : jobs()) {
      if (!is_ours(job) || job.refused) continue;
      const SlurmJob*& best = by_name[job.name];
      const SlurmJob* worse = best == nullptr ? nullptr : &job;
      if (best == nullptr || weight(job) > weight(*best)) {
        worse = best;
        best = &job;
      }
      if (worse != nullptr && worse->state == Sighting::State::waiting) surplus.push_back(worse);
    }
    std::vector<Sighting> all;
    for (const auto& [name, job] : by_name) {
      all.push_back(sighting(*job));
      doubt_nodes(*job);
      if (is_live(job->state))
        watched_.insert(name);
      else
        watched_.erase(name);
    }
    // A submission that Slurm took twice, having answered late: `singleton` let one of them begin.
    for (const SlurmJob* job : surplus)
      commands_.ask({"scancel", "--state=PENDING", "--name=" + job->name, std::to_string(job->id)});
    if (!surplus.empty()) jobs_.reset();
    add_forgotten(by_name, all);
    return all;
  }

 private:
  Path script() const { return options_.folder / "slurm" / "supervise.sh"; }

  bool lies_below(const Path& folder) const {
    return folder.lexically_normal().string().starts_with(options_.folder.string() + "/");
  }

  // Anybody may give a job such a name; a run's folder below the cluster's own belongs to the run's user. A folder that
  // was deleted tells nothing: the job may run still.
  bool is_ours(const SlurmJob& job) const {
    if (!job.name.starts_with(prefix_)) return false;
    const size_t dash = job.name.rfind('-');
    const std::string run = job.name.substr(prefix_.size() - 1, dash - prefix_.size() + 1);
    if (dash < prefix_.size() || !run_named(run) || !lies_below(job.folder)) return false;
    struct stat found {};
    return ::lstat(job.folder.c_str(), &found) != 0 || static_cast<int64_t>(found.st_uid) == job.user;
  }

  const std::vector<SlurmJob>& jobs() {
    if (!jobs_ || jobs_age_.seconds() > kJobsFreshSeconds) {
      jobs_.reset();
      const std::string json = commands_.text({"squeue", "--json", "--states=all"});
      jobs_age_.restart();
      try {
        jobs_ = read_jobs(json);
      } catch (const Error& error) {
        commands_.away(error.what());
      }
    }
    return *jobs_;
  }

  void read_nodes_now() {
    SlurmCommands::Answer answer;
    if (!old_scontrol_) {
      answer = commands_.ask({"scontrol", "show", "nodes", "--json"});
      old_scontrol_ = answer.code != 0 && answer.error.find("unrecognized option") != std::string::npos;
    }
    if (old_scontrol_) answer = commands_.ask({"sinfo", "--json"});
    if (answer.code != 0) fail("Slurm's nodes cannot be listed: {}", brief(answer.error));
    std::vector<SlurmNode> read;
    try {
      read = read_nodes(answer.output);
    } catch (const Error& error) {
      commands_.away(error.what());
    }
    if (partition_.empty()) partition_ = find_partition();
    nodes_.clear();
    for (SlurmNode& node : read)
      if (std::find(node.partitions.begin(), node.partitions.end(), partition_) != node.partitions.end())
        nodes_[node.name] = std::move(node);
  }

  // SBATCH_PARTITION, else the default one, which sinfo marks by a star.
  std::string find_partition() {
    if (const char* set = std::getenv("SBATCH_PARTITION"); set != nullptr && *set != '\0') return set;
    for (std::string& name : split(commands_.text({"sinfo", "--noheader", "--format=%P"}), '\n'))
      if (name.ends_with('*')) return name.substr(0, name.size() - 1);
    fail("Slurm has no default partition; set SBATCH_PARTITION where the daemon is started");
  }

  void check(const StartOrder& order) const {
    const std::string folder = order.folder.string();
    if (!order.name.starts_with(prefix_)) fail("{} is no name of cluster {}", order.name, options_.cluster);
    if (order.places.empty()) fail("{}: no node is given to it", order.name);
    if (!lies_below(order.folder))
      fail("{}: its folder {} is not below {}", order.name, folder, options_.folder.string());
    // Slurm ends a job without its folder at once, by signal 53 and without a word.
    struct stat found {};
    if (::lstat(folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
      fail("{}: its folder {} is not there", order.name, folder);
    if (found.st_uid != order.account.uid)
      fail("{}: its folder {} belongs to user {}, expected {}", order.name, folder, found.st_uid, order.account.uid);
    if (!std::filesystem::exists(order.order_file))
      fail("{}: its order {} is not there", order.name, order.order_file.string());
    if (::geteuid() != 0 && order.account.uid != ::geteuid())
      fail("{}: only root may start it as user {}", order.name, order.account.uid);
  }

  // The job of this name, rather a live one; "" where Slurm knows none.
  std::string find(const StartOrder& order) {
    const std::string text =
        commands_.text({"squeue", "--noheader", "--states=all", "--name=" + order.name, "--format=%A %U %T %N"});
    std::string best;
    bool best_live = false;
    for (const std::string& line : split(text, '\n')) {
      const std::vector<std::string> words = split(line, ' ');
      if (words.size() < 4 || words[1] != std::to_string(order.account.uid)) continue;
      if (words[2] == "FAILED" && words[3].empty()) continue;  // refused (SlurmJob::refused)
      const bool live = words[2] == "PENDING" || words[2] == "RUNNING" || words[2] == "COMPLETING";
      if (best.empty() || (live && !best_live)) best = words[0];
      best_live |= live;
    }
    return best;
  }

  std::vector<std::string> sbatch(const StartOrder& order) {
    const auto unknown = [&](const Place& place) { return !nodes_.contains(place.node); };
    if (std::any_of(order.places.begin(), order.places.end(), unknown)) read_nodes_now();
    int tasks = 0, cpus = 1;
    int64_t memory_mb = (order.size.memory_bytes + (1 << 20) - 1) >> 20;
    bool equal = true, shares_known = true;
    int64_t share_mb = std::numeric_limits<int64_t>::max();
    for (const Place& place : order.places) {
      const auto node = nodes_.find(place.node);
      if (node == nodes_.end()) fail("{}: Slurm has no node {} in partition {}", order.name, place.node, partition_);
      tasks += place.slots;
      equal &= place.slots == order.places[0].slots;
      cpus = std::max(cpus, node->second.cpus_per_slot);
      shares_known &= node->second.memory_mb > 0 && node->second.slots > 0;
      if (shares_known) share_mb = std::min(share_mb, node->second.memory_mb * place.slots / node->second.slots);
    }
    std::vector<std::string> command = {"sbatch", "--parsable", "--no-requeue", "--job-name=" + order.name,
                                        // Two jobs of one name and user never run at once, whatever was sent twice.
                                        "--dependency=singleton", "--propagate=NONE",
                                        "--chdir=" + order.folder.string(), "--output=supervisor.log",
                                        "--open-mode=append", "--nodelist=" + list_of_nodes(order.places),
                                        fmt::format("--nodes={}", order.places.size())};
    const auto add = [&](std::string word) { command.push_back(std::move(word)); };
    if (order.size.nodes == 0) {
      add("--ntasks=1");
      add(fmt::format("--cpus-per-task={}", tasks * cpus));
    } else {
      add(fmt::format("--ntasks={}", tasks));
      if (equal) add(fmt::format("--ntasks-per-node={}", order.places[0].slots));
      add(fmt::format("--cpus-per-task={}", cpus));
      if (order.size.slots == 0) add("--exclusive");
    }
    // Who asks for no memory gets that of its slots: without a word Slurm may give it the node's whole.
    if (memory_mb == 0 && shares_known) memory_mb = share_mb;
    if (memory_mb > 0) add(fmt::format("--mem={}M", memory_mb));
    if (order.time_limit_s > 0)
      add(fmt::format("--time={}", static_cast<int64_t>(std::ceil((order.time_limit_s + kTimeSlackSeconds) / 60))));
    if (::geteuid() == 0) {
      add(fmt::format("--uid={}", order.account.uid));
      add(fmt::format("--gid={}", order.account.gid));
      add("--export=NONE");
    }
    for (const Path& word : {script(), options_.program, Path("cluster"), Path("supervise"), order.order_file})
      add(word.string());
    return command;
  }

  // By name: an id may be another's after Slurm lost its state. First what has not begun: a signal would wait for it.
  void signal(const std::string& name, const std::string& which) {
    jobs_.reset();
    for (const std::string& how : {std::string("--state=PENDING"), "--signal=" + which}) {
      std::vector<std::string> command = {"scancel", "--name=" + name, how};
      if (how.starts_with("--signal")) command.push_back("--batch");
      const SlurmCommands::Answer answer = commands_.ask(command);
      // It ended meanwhile.
      if (answer.code != 0 && answer.error.find("Invalid job id") == std::string::npos &&
          answer.error.find("already completing or completed") == std::string::npos)
        fail("scancel cannot reach {}: {}", name, brief(answer.error));
    }
  }

  static Sighting sighting(const SlurmJob& job) {
    Sighting one;
    one.name = job.name;
    one.backend_id = std::to_string(job.id);
    one.state = job.state;
    for (const SlurmJob::Share& share : job.shares) one.nodes.push_back(share.node);
    one.words = job.words;
    // A controller that was killed had not written down yet that the job ran: it ended what it found running on the
    // node, and began the job again.
    if (found_it_taken(job) && !read_attempt_end(job.folder, attempt_of(job.name))) {
      one.state = Sighting::State::lost;
      one.words += ": Slurm began it twice, having ended the first";
    }
    if (job.state == Sighting::State::ended && job.signal == 53) one.words += ": its folder could not be opened";
    return one;
  }

  void doubt_nodes(const SlurmJob& job) {
    if (job.state != Sighting::State::ended || job.signal != 53 || !doubted_.insert(job.id).second) return;
    for (const SlurmJob::Share& share : job.shares) proof_->doubt(share.node);
  }

  // Slurm forgets a job soon after its end (MinJobAge); where it writes a text file of all ends, that is asked for
  // those that are missed, and at the beginning for all.
  void add_forgotten(const std::map<std::string, const SlurmJob*>& known, std::vector<Sighting>& all) {
    std::set<std::string> missed;
    for (const std::string& name : watched_)
      if (!known.contains(name)) missed.insert(name);
    if (!read_ends_ || !missed.empty()) {
      if (ends_age_.seconds() > kKeptEndsSeconds) ends_.clear();
      for (SlurmJob& job : job_ends()) {
        if (!is_ours(job) || job.refused || known.contains(job.name) || (read_ends_ && !missed.contains(job.name)))
          continue;
        ends_[job.name] = sighting(job);
      }
      for (const std::string& name : missed) {
        Sighting lost{.name = name, .state = Sighting::State::lost, .words = "Slurm does not know it any more"};
        ends_.emplace(name, std::move(lost));
      }
      ends_age_.restart();
      read_ends_ = true;
      for (const std::string& name : missed) watched_.erase(name);
    } else if (ends_age_.seconds() > kKeptEndsSeconds) {
      ends_.clear();
    }
    for (const auto& [name, end] : ends_)
      if (!known.contains(name)) all.push_back(end);
  }

  std::vector<SlurmJob> job_ends() {
    if (!jobcomp_) {
      jobcomp_ = "";
      std::string type, place;
      for (const std::string& line : split(commands_.text({"scontrol", "show", "config"}), '\n')) {
        const size_t at = line.find('=');
        if (at == std::string::npos) continue;
        const std::string value = at + 2 < line.size() ? line.substr(at + 2) : "";
        if (line.starts_with("JobCompType ")) type = value;
        if (line.starts_with("JobCompLoc ")) place = value;
      }
      if (type == "jobcomp/filetxt") jobcomp_ = place;
    }
    // It lies where the controller is; here it may be missing, or another's.
    if (jobcomp_->empty() || ::access(jobcomp_->c_str(), R_OK) != 0) return {};
    std::ifstream file(*jobcomp_, std::ios::binary | std::ios::ate);
    const auto size = static_cast<int64_t>(file.tellg());
    file.seekg(std::max<int64_t>(0, size - kJobcompBytes));
    return read_job_ends(std::string(std::istreambuf_iterator<char>(file), {}));
  }

  SlurmOptions options_;
  std::string prefix_;
  SlurmCommands commands_;
  std::optional<NodeProof> proof_;
  std::optional<std::vector<SlurmJob>> jobs_;
  Stopwatch jobs_age_;
  std::map<std::string, SlurmNode> nodes_;  // of the partition, as last seen
  std::string partition_;
  bool asked_all_ = false;
  bool old_scontrol_ = false;      // 22.05: no --json
  std::set<std::string> watched_;  // names that were started or seen live, and not yet seen ended
  std::set<int64_t> doubted_;      // jobs whose nodes were doubted
  std::optional<Path> jobcomp_;    // empty: none that we can read
  bool read_ends_ = false;
  std::map<std::string, Sighting> ends_;
  Stopwatch ends_age_;
};

}  // namespace

std::unique_ptr<Backend> slurm_backend(const SlurmOptions& options) { return std::make_unique<SlurmBackend>(options); }

std::vector<std::string> mpi_command(const std::vector<Place>& places, const std::vector<std::string>& command) {
  int ranks = 0;
  for (const Place& place : places) ranks += place.slots;
  std::vector<std::string> whole = {"mpirun", "-n", std::to_string(ranks)};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

}  // namespace hadal::cluster
