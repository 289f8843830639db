#include "cluster/slurm/node_proof.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/log.h"

namespace hadal::cluster {
namespace {

// Folder and program are opened by the node itself; the answer appears whole.
constexpr std::string_view kScript =
    "#!/bin/sh\n"
    "# NONCE PROGRAM ANSWER: proves that this node sees the cluster's folder and program.\n"
    "read -r nonce <\"$1\" && [ -x \"$2\" ] && echo \"$nonce\" >\"$3.new\" && mv \"$3.new\" \"$3\"\n";

constexpr double kAskAgainSeconds = 60, kMostSeconds = 900, kFirstWaitSeconds = 5;

std::string new_nonce() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace

NodeProof::NodeProof(const SlurmOptions& options, SlurmCommands& commands)
    : options_(options), commands_(commands), folder_(options.folder / "slurm") {
  std::filesystem::create_directories(folder_ / "nodes");
  write_file_whole(folder_ / "probe.sh", kScript);
  if (!std::filesystem::exists(folder_ / "nonce")) write_file_whole(folder_ / "nonce", new_nonce() + "\n");
  nonce_ = read_file(folder_ / "nonce", 4096);
}

bool NodeProof::has_answered(const std::string& node) const {
  const Path answer = folder_ / "nodes" / node;
  std::error_code ignored;
  return std::filesystem::is_regular_file(answer, ignored) && read_file(answer, 4096) == nonce_;
}

void NodeProof::ask(const std::string& node) {
  const SlurmCommands::Answer answer =
      commands_.ask({"sbatch", "--parsable", "--no-requeue", "--job-name=" + name_for(node), "--nodes=1", "--ntasks=1",
                     "--mem=16M", "--time=5", "--nodelist=" + node, "--chdir=/", "--output=/dev/null", "--export=PATH",
                     folder_ / "probe.sh", folder_ / "nonce", options_.program, folder_ / "nodes" / node});
  if (answer.code != 0)
    log_warning("node {} cannot be asked whether it sees {}, and is not used: {}", node, options_.folder.string(),
                brief(answer.error));
}

bool NodeProof::proven(const std::string& node, const std::vector<SlurmJob>& jobs) {
  if (proven_.contains(node)) return true;
  if (has_answered(node)) {
    if (asked_[node].said) log_info("node {} is used from now on", node);
    asked_.erase(node);
    proven_.insert(node);
    return true;
  }
  Question& question = asked_[node];
  const std::string name = name_for(node);
  const bool under_way = std::any_of(jobs.begin(), jobs.end(), [&](const SlurmJob& job) {
    return job.name == name && (job.state == Sighting::State::waiting || job.state == Sighting::State::running);
  });
  if (under_way) return false;
  if (question.times > 0 && !question.said && question.since.seconds() > kAskAgainSeconds / 2) {
    log_warning("node {} is not used: it does not see {} with {}, or may not write there", node,
                options_.folder.string(), options_.program.string());
    question.said = true;
  }
  if (question.times > 0 && question.since.seconds() < std::min(kMostSeconds, kAskAgainSeconds * question.times))
    return false;
  ++question.times;
  question.since.restart();
  ask(node);
  return false;
}

void NodeProof::wait_for(const std::vector<std::string>& nodes, const std::vector<SlurmJob>& jobs) {
  bool all = true;
  for (const std::string& node : nodes) all &= proven(node, jobs);
  for (const Stopwatch clock; !all && clock.seconds() < kFirstWaitSeconds;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    all = std::all_of(nodes.begin(), nodes.end(), [&](const std::string& node) { return has_answered(node); });
  }
}

bool NodeProof::is_question(const SlurmJob& job) const {
  return job.user == static_cast<int64_t>(::geteuid()) && job.name.starts_with(name_for(""));
}

void NodeProof::doubt(const std::string& node) {
  std::error_code ignored;
  if (proven_.erase(node) > 0) std::filesystem::remove(folder_ / "nodes" / node, ignored);
}

}  // namespace hadal::cluster
