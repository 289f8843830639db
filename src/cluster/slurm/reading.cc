#include "cluster/slurm/reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace hadal::cluster {
namespace {

// Numbers are plain, or since 23.02 {"set": true, "infinite": false, "number": 2}; in 22.05 null where none is set.
std::optional<int64_t> number_at(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end()) return std::nullopt;
  if (at->is_number()) return at->get<int64_t>();
  if (!at->is_object() || !at->value("set", false) || at->value("infinite", false)) return std::nullopt;
  return number_at(*at, "number");
}

std::string text_at(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

// A text, or since 23.02 a list of them.
std::vector<std::string> words_at(const Json& object, const char* key) {
  std::vector<std::string> words;
  const auto at = object.find(key);
  if (at == object.end()) return words;
  if (at->is_string()) words.push_back(at->get<std::string>());
  if (at->is_array())
    for (const Json& word : *at)
      if (word.is_string()) words.push_back(word.get<std::string>());
  for (std::string& word : words)
    for (char& c : word)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return words;
}

bool has_any(const std::vector<std::string>& words, std::initializer_list<std::string_view> wanted) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::find(wanted.begin(), wanted.end(), word) != wanted.end();
  });
}

// The list `key` of a whole answer. A controller that does not answer leaves it empty, with exit code 0: what it says
// under "errors" is the only sign.
const Json& list_of(const Json& answer, const char* key, std::string_view who) {
  if (!answer.is_object()) fail("{}: expected a JSON object, found {}", who, brief_json(answer));
  if (const auto errors = answer.find("errors"); errors != answer.end() && errors->is_array() && !errors->empty())
    fail("{}: Slurm says {}", who, brief_json((*errors)[0]));
  const auto list = answer.find(key);
  if (list == answer.end() || !list->is_array()) fail("{}: its answer has no list \"{}\"", who, key);
  return *list;
}

struct StateRow {
  Sighting::State state;
  bool holds;
};

// Words that are not known here conclude nothing: the job runs.
StateRow state_of(const std::vector<std::string>& words) {
  using State = Sighting::State;
  if (has_any(words, {"COMPLETING"})) return {State::running, true};
  if (has_any(words, {"NODE_FAIL", "BOOT_FAIL"})) return {State::lost, false};
  if (has_any(words, {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "DEADLINE", "PREEMPTED",
                      "REVOKED", "LAUNCH_FAILED"}))
    return {State::ended, false};
  if (has_any(words, {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}))
    return {State::waiting, false};
  return {State::running, !has_any(words, {"SUSPENDED"})};
}

std::string joined(const std::vector<std::string>& words, char with) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(1, with)) + word;
  return text;
}

// 22.05: {"0": {"cores": {"0": "allocated", "1": "unassigned"}}}; 23.02: a list of {"cores": [{"status":
// ["ALLOCATED"]}]}.
int allocated_cores(const Json& sockets) {
  int count = 0;
  for (const Json& socket : sockets) {
    const auto cores = socket.find("cores");
    if (cores == socket.end()) continue;
    for (const Json& core : *cores) {
      const std::vector<std::string> status = words_at(core.is_object() ? core : Json{{"status", core}}, "status");
      count += has_any(status, {"ALLOCATED", "ALLOCATED AND IN USE"}) ? 1 : 0;
    }
  }
  return count;
}

std::vector<SlurmJob::Share> shares_of(const Json& job) {
  std::vector<SlurmJob::Share> shares;
  const Json none = Json::object();
  const auto found = job.find("job_resources");
  const Json& resources = found != job.end() && found->is_object() ? *found : none;
  const Json* list = nullptr;
  if (const auto at = resources.find("allocated_nodes"); at != resources.end()) list = &*at;
  if (const auto nodes = resources.find("nodes"); nodes != resources.end() && nodes->is_object())
    if (const auto at = nodes->find("allocation"); at != nodes->end()) list = &*at;
  for (const Json& node : list != nullptr ? *list : none) {
    if (!node.is_object()) continue;
    SlurmJob::Share share;
    share.node = node.contains("nodename") ? text_at(node, "nodename") : text_at(node, "name");
    if (const auto cpus = node.find("cpus"); cpus != node.end())
      share.cpus = static_cast<int>(cpus->is_object() && cpus->contains("count") ? number_at(*cpus, "count").value_or(0)
                                                                                 : number_at(node, "cpus").value_or(0));
    if (const auto sockets = node.find("sockets"); sockets != node.end()) share.cores = allocated_cores(*sockets);
    if (!share.node.empty() && (share.cpus > 0 || share.cores > 0)) shares.push_back(std::move(share));
  }
  if (!shares.empty()) return shares;
  // Without such a list: evenly over its nodes.
  const std::vector<std::string> nodes = expand_hosts(text_at(job, "nodes"));
  const auto cpus = static_cast<int>(number_at(job, "cpus").value_or(0)), count = static_cast<int>(nodes.size());
  for (const std::string& node : nodes) shares.push_back({node, (cpus + count - 1) / count, 0});
  return shares;
}

// 22.05: as wait() gives it; since 23.02 {"return_code": {"number": 4}, "signal": {"id": {"number": 10}}}.
void read_exit(const Json& job, SlurmJob& read) {
  const auto at = job.find("exit_code");
  if (at == job.end()) return;
  if (!at->is_object() || !at->contains("return_code")) {
    const int64_t status = number_at(job, "exit_code").value_or(0);
    read.signal = static_cast<int>(status & 127);
    read.code = static_cast<int>(status >> 8 & 255);
    return;
  }
  read.code = static_cast<int>(number_at(*at, "return_code").value_or(0));
  if (const auto signal = at->find("signal"); signal != at->end() && signal->is_object())
    read.signal = static_cast<int>(number_at(*signal, signal->contains("id") ? "id" : "signal_id").value_or(0));
}

bool was_refused(const SlurmJob& job) { return job.words.starts_with("FAILED") && job.shares.empty(); }

SlurmJob read_job(const Json& job) {
  SlurmJob read;
  read.id = number_at(job, "job_id").value_or(0);
  read.name = text_at(job, "name");
  read.user = number_at(job, "user_id").value_or(-1);
  read.folder = text_at(job, "current_working_directory");
  const std::vector<std::string> words = words_at(job, "job_state");
  if (read.id <= 0 || words.empty()) fail("squeue --json: a job without job_id or job_state: {}", brief_json(job));
  const StateRow row = state_of(words);
  read.state = row.state;
  read.holds = row.holds;
  read.words = joined(words, '+');
  const std::string reason = text_at(job, "state_reason");
  if (!reason.empty() && reason != "None" && row.state != Sighting::State::running) read.words += " (" + reason + ")";
  read_exit(job, read);
  read.shares = shares_of(job);
  read.refused = was_refused(read);
  return read;
}

SlurmNode read_node(const Json& node) {
  SlurmNode read;
  read.name = text_at(node, "name");
  std::vector<std::string> words = words_at(node, "state"), flags = words_at(node, "state_flags");
  words.insert(words.end(), flags.begin(), flags.end());
  if (read.name.empty() || words.empty()) fail("a node without name or state: {}", brief_json(node));
  read.state = joined(words, '+');
  read.up = has_any(words, {"IDLE", "MIXED", "ALLOCATED"}) &&
            !has_any(words, {"DOWN", "DRAIN", "DRAINED", "DRAINING", "FAIL", "FAILING", "NOT_RESPONDING", "INVALID_REG",
                             "MAINTENANCE", "RESERVED", "REBOOT_ISSUED", "REBOOT_REQUESTED", "BLOCKED"});
  const auto counted_at = [&](const char* key) { return static_cast<int>(number_at(node, key).value_or(0)); };
  const int cpus = counted_at("cpus"), threads = std::max(1, counted_at("threads"));
  if (cpus == counted_at("sockets") * counted_at("cores") * threads) read.cpus_per_slot = threads;
  const int usable = node.contains("effective_cpus") ? std::min(cpus, counted_at("effective_cpus")) : cpus;
  read.slots = usable / read.cpus_per_slot;
  read.memory_mb = number_at(node, "real_memory").value_or(0);
  if (const auto at = node.find("partitions"); at != node.end() && at->is_array())
    for (const Json& partition : *at)
      if (partition.is_string()) read.partitions.push_back(partition.get<std::string>());
  return read;
}

int64_t to_number(std::string_view text) {
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "JobId=4 UserId=root(0) ... ExitCode=0:53": false where a name stands twice.
bool read_fields(std::string_view line, std::map<std::string, std::string, std::less<>>& fields) {
  for (const std::string& word : split(line, ' ')) {
    const size_t at = word.find('=');
    if (at == std::string::npos) continue;
    if (!fields.emplace(word.substr(0, at), word.substr(at + 1)).second) return false;
  }
  return true;
}

}  // namespace

std::vector<SlurmJob> read_jobs(std::string_view json) {
  const Json answer = parse_json(json, "squeue --json");
  std::vector<SlurmJob> jobs;
  for (const Json& job : list_of(answer, "jobs", "squeue --json"))
    if (job.is_object()) jobs.push_back(read_job(job));
  return jobs;
}

std::vector<SlurmNode> read_nodes(std::string_view json) {
  const Json answer = parse_json(json, "the list of nodes");
  std::vector<SlurmNode> nodes;
  for (const Json& node : list_of(answer, "nodes", "the list of nodes"))
    if (node.is_object()) nodes.push_back(read_node(node));
  return nodes;
}

std::vector<SlurmJob> read_job_ends(std::string_view text) {
  std::vector<SlurmJob> jobs;
  for (const std::string& line : split(text, '\n')) {
    std::map<std::string, std::string, std::less<>> fields;
    if (!line.starts_with("JobId=") || !read_fields(line, fields)) continue;
    SlurmJob job;
    job.id = to_number(fields["JobId"]);
    job.name = fields["Name"];
    job.words = fields["JobState"];
    job.state = state_of({job.words}).state;
    const std::string &user = fields["UserId"], &exit = fields["ExitCode"];
    if (const size_t at = user.rfind('('); at != std::string::npos)
      job.user = to_number(std::string_view(user).substr(at + 1));
    job.code = static_cast<int>(to_number(exit));
    if (const size_t at = exit.find(':'); at != std::string::npos)
      job.signal = static_cast<int>(to_number(std::string_view(exit).substr(at + 1)));
    job.folder = fields["WorkDir"];
    if (job.id <= 0 || job.name.empty() || job.words.empty()) continue;
    if (const std::string& nodes = fields["NodeList"]; nodes != "(null)")
      for (const std::string& node : expand_hosts(nodes)) job.shares.push_back({node, 0, 0});
    job.refused = was_refused(job);
    jobs.push_back(std::move(job));
  }
  return jobs;
}

std::vector<std::string> expand_hosts(std::string_view list) {
  constexpr size_t kMost = 65536;
  std::vector<std::string> hosts;
  const auto mistake = [&](std::string_view what) { fail("list of hosts '{}': {}", brief(list), what); };
  for (size_t at = 0; at < list.size();) {
    // One item: up to the next comma outside brackets.
    std::vector<std::string> names = {""};
    while (at < list.size() && list[at] != ',') {
      if (list[at] == ']') mistake("']' without '['");
      if (list[at] != '[') {
        for (std::string& name : names) name += list[at];
        ++at;
        continue;
      }
      const size_t end = list.find(']', at);
      if (end == std::string_view::npos) mistake("'[' without ']'");
      std::vector<std::string> longer;
      for (const std::string& range : split(list.substr(at + 1, end - at - 1), ',')) {
        const size_t dash = range.find('-');
        const std::string first = range.substr(0, dash),
                          last = dash == std::string::npos ? first : range.substr(dash + 1);
        const auto is_number = [](const std::string& text) {
          return !text.empty() && text.size() <= 9 && text.find_first_not_of("0123456789") == std::string::npos;
        };
        if (!is_number(first) || !is_number(last)) mistake("expected numbers such as [1-4,07]");
        const int64_t from = to_number(first), to = to_number(last);
        if (to < from || static_cast<size_t>(to - from + 1) * names.size() + longer.size() > kMost)
          mistake("its numbers go down, or are too many");
        for (const std::string& name : names)
          for (int64_t number = from; number <= to; ++number)
            longer.push_back(fmt::format("{}{:0{}}", name, number, first.size()));
      }
      names = std::move(longer);
      at = end + 1;
    }
    ++at;
    for (std::string& name : names)
      if (!name.empty()) hosts.push_back(std::move(name));
  }
  return hosts;
}

int slots_on(const SlurmJob& job, const SlurmNode& node) {
  int slots = 0;
  for (const SlurmJob::Share& share : job.shares)
    if (share.node == node.name)
      slots += share.cores > 0 ? share.cores : (share.cpus + node.cpus_per_slot - 1) / node.cpus_per_slot;
  return slots;
}

}  // namespace hadal::cluster
