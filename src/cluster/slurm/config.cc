#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "cluster/backend.h"
#include "cluster/slurm/reading.h"

namespace hadal::cluster {
namespace {

struct SlurmHost {
  std::string name, address;  // address "": found by its name
  int port = 0;               // 0: the usual one
};

std::vector<SlurmHost> read_host(const std::string& text) {
  const size_t equals = text.find('=');
  std::vector<std::string> names = expand_hosts(text.substr(0, equals));
  std::string address = equals == std::string::npos ? "" : text.substr(equals + 1);
  int port = 0;
  if (const size_t colon = address.rfind(':'); colon != std::string::npos) {
    const std::string digits = address.substr(colon + 1);
    address.resize(colon);
    if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos ||
        (port = std::stoi(digits)) < 1 || port + names.size() - 1 > 65535)
      fail("host '{}': '{}' is no port; expected NAME=ADDRESS:PORT with 1 to 65535", brief(text), brief(digits));
  }
  const auto is_host = [](const std::string& word) {
    return !word.empty() && word[0] != '-' &&
           word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") ==
               std::string::npos;
  };
  if (names.empty() || !std::all_of(names.begin(), names.end(), is_host) ||
      (equals != std::string::npos && !is_host(address)))
    fail(
        "host '{}': expected NAME, NAME=ADDRESS or NAME=ADDRESS:PORT of letters, digits, '.', '-' and '_'; NAME may "
        "hold numbers: n[1-4]",
        brief(text));
  if (names.size() > 1 && !address.empty() && port == 0)
    fail("host '{}': several nodes at one address need a port, from which they count up: {}=ADDRESS:PORT", brief(text),
         text.substr(0, equals));
  std::vector<SlurmHost> hosts;
  for (std::string& name : names) {
    hosts.push_back({std::move(name), address, port});
    if (port > 0) ++port;
  }
  return hosts;
}

// "n[1,3],m=a:1" holds two: commas inside brackets part numbers.
std::vector<SlurmHost> read_hosts(const std::vector<std::string>& texts) {
  std::vector<SlurmHost> hosts;
  for (const std::string& text : texts) {
    std::string one;
    int depth = 0;
    for (const char c : text + ",") {
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      if (c != ',' || depth > 0) {
        one += c;
        continue;
      }
      for (SlurmHost& host : read_host(one)) hosts.push_back(std::move(host));
      one.clear();
    }
    if (!one.empty()) fail("host '{}': '[' without ']'", brief(text));
  }
  std::set<std::string> names;
  std::set<std::pair<std::string, int>> places;
  for (const SlurmHost& host : hosts) {
    if (!names.insert(host.name).second) fail("host '{}' is named twice", host.name);
    if (!host.address.empty() && !places.insert({host.address, host.port}).second)
      fail("host '{}': another node has the address {} too; give each its own port: NAME={}:PORT", host.name,
           host.address, host.address);
  }
  return hosts;
}

// Without the second threads of cores.
int cores_of_this_machine() {
  std::set<std::pair<int, int>> cores;
  const auto number = [](const std::string& path) {
    int value = -1;
    std::ifstream(path) >> value;
    return value;
  };
  const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  for (int cpu = 0;; ++cpu) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu{}/topology/", cpu);
    if (!std::filesystem::exists(Path(folder).parent_path().parent_path())) break;
    const int core = number(folder + "core_id"), package = number(folder + "physical_package_id");
    if (core >= 0) cores.insert({package, core});
  }
  return cores.empty() ? threads : std::min(threads, static_cast<int>(cores.size()));
}

int64_t memory_mb_of_this_machine() { return (::sysconf(_SC_PHYS_PAGES) / 1024) * (::sysconf(_SC_PAGESIZE) / 1024); }

// Names of this machine need no resolver.
std::string numbered(const std::string& address) { return address == "localhost" ? "127.0.0.1" : address; }

}  // namespace

std::string slurm_config(const std::vector<std::string>& texts) {
  const std::vector<SlurmHost> hosts = read_hosts(texts);
  if (hosts.empty()) fail("no host is named; expected for example n[1-4]");
  std::map<std::string, int> nodes_at;  // how many on a machine
  for (const SlurmHost& host : hosts) ++nodes_at[host.address.empty() ? host.name : host.address];
  const bool several = std::any_of(nodes_at.begin(), nodes_at.end(), [](const auto& at) { return at.second > 1; });
  const std::string of_node = several ? ".%n" : "";

  const SlurmHost& first = hosts.front();
  // Its name must be what `hostname -s` says there; a node with a port is called by its machine's.
  const std::string controller = first.port > 0 ? first.address : first.name;
  const std::string at =
      numbered(first.address) == controller || first.address.empty() ? "" : "(" + numbered(first.address) + ")";
  const int cores = cores_of_this_machine();
  const int64_t memory_mb = memory_mb_of_this_machine() * 95 / 100;  // more than a node finds would drain it

  std::string all_names, nodes;
  int64_t memory_per_core = memory_mb;  // of the node that has least
  for (const SlurmHost& host : hosts) {
    const int sharing = nodes_at[host.address.empty() ? host.name : host.address];
    all_names += (all_names.empty() ? "" : ",") + host.name;
    nodes += "NodeName=" + host.name;
    if (host.port > 0) nodes += " NodeHostname=" + host.address;
    if (!host.address.empty()) nodes += " NodeAddr=" + numbered(host.address);
    if (host.port > 0) nodes += fmt::format(" Port={}", host.port);
    const int own_cores = std::max(1, cores / sharing);
    nodes += fmt::format(" CPUs={} RealMemory={}\n", own_cores, memory_mb / sharing);
    memory_per_core = std::min(memory_per_core, memory_mb / sharing / own_cores);
  }

  std::string text = fmt::format(R"(# Slurm for Hadal: the same file, /etc/slurm/slurm.conf, on every host.
#
# 1. On every host: the packages (Debian), the same users with the same numbers, the same clock, and a folder that all
#    see by one path.
#      apt-get install --no-install-recommends munge slurmd slurm-client slurm-wlm-basic-plugins openmpi-bin
#      apt-get install --no-install-recommends slurmctld                      # on {controller} alone
# 2. The key, made once on {controller}; whoever has it can be anybody, so that it travels by a safe way alone (scp):
#      install -m 400 -o munge -g munge /dev/null /etc/munge/munge.key
#      dd if=/dev/urandom bs=1024 count=1 of=/etc/munge/munge.key
#      scp -p /etc/munge/munge.key HOST:/etc/munge/munge.key                  # then there: chown munge:munge, chmod 400
# 3. Start, in this order:
#      munged           on every host     systemctl restart munge             # `munge -n | ssh HOST unmunge` says STATUS: Success
#      slurmctld        on {controller}
#      slurmd           on every host{per_node}
# 4. `sinfo` shows every node idle; then `hadal cluster serve --backend slurm --dir FOLDER`, FOLDER being seen by all.
#
# Cores and memory are those of the machine that printed this: `slurmd -C` prints a host's own.

ClusterName=hadal
SlurmctldHost={controller}{at}
SlurmctldPort=6817
SlurmdPort=6818
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=/var/lib/slurm/slurmctld
SlurmdSpoolDir=/var/lib/slurm/slurmd{of_node}
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd{of_node}.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd{of_node}.log

# Every end of a job in one text file; no database is needed.
JobCompType=jobcomp/filetxt
JobCompLoc=/var/log/slurm/jobcomp.txt
MinJobAge=3600

# Works without systemd. Where cgroup.conf is set up, proctrack/cgroup and task/cgroup,task/affinity isolate better.
ProctrackType=proctrack/linuxproc

# Cores and memory are what jobs ask for. Hadal decides who runs, waits and is suspended: nothing is preempted or
# started again behind its back.
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU={memory_per_cpu}
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_min_interval=0,batch_sched_delay=0
PreemptType=preempt/none
JobRequeue=0
PropagateResourceLimits=NONE
MpiDefault=none

# A node that is silent for SlurmdTimeout is lost, and comes back by itself.
SlurmctldTimeout=60
SlurmdTimeout=60
KillWait=30
ReturnToService=2
{overrides}
{nodes}PartitionName=hadal Nodes={all_names} Default=YES MaxTime=INFINITE State=UP
)",
                                 fmt::arg("controller", controller), fmt::arg("at", at), fmt::arg("of_node", of_node),
                                 fmt::arg("per_node", several ? "     slurmd -N NODE for each node of it" : ""),
                                 fmt::arg("memory_per_cpu", memory_per_core),
                                 fmt::arg("overrides", several ? "SlurmdParameters=config_overrides\n" : ""),
                                 fmt::arg("nodes", nodes), fmt::arg("all_names", all_names));
  return text;
}

}  // namespace hadal::cluster
