// A recipe is looked at by the trainer itself, as the user who submits it, before the run is on record.
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/json.h"
#include "base/toml_table.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

constexpr double kCheckSeconds = 120;  // it reads the whole data
constexpr size_t kOutputBytes = 1 << 20;

struct CheckEnd {
  int status = 0;
  std::string output, errors;
  bool timed_out = false;
};

// The child of a program with threads: all is made before it is there, and only system calls follow.
CheckEnd run_as(const Account& account, const Path& folder, std::vector<std::string> command,
                std::vector<std::string> environment) {
  std::vector<char*> arguments, variables;
  for (std::string& word : command) arguments.push_back(word.data());
  for (std::string& entry : environment) variables.push_back(entry.data());
  arguments.push_back(nullptr), variables.push_back(nullptr);
  std::vector<gid_t> groups(256);
  int count = static_cast<int>(groups.size());
  if (::getgrouplist(account.user.c_str(), account.gid, groups.data(), &count) < 0) count = 0;
  const bool change = ::geteuid() == 0 && account.uid != 0;
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) fail("cannot make a pipe: {}", std::strerror(errno));
  if (::pipe2(err, O_CLOEXEC) != 0) {
    ::close(out[0]), ::close(out[1]);
    fail("cannot make a pipe: {}", std::strerror(errno));
  }
  const std::string where = folder.string();
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO), ::dup2(out[1], STDOUT_FILENO), ::dup2(err[1], STDERR_FILENO);
    ::umask(022);
    const bool ready = (!change || (::setgroups(static_cast<size_t>(count), groups.data()) == 0 &&
                                    ::setresgid(account.gid, account.gid, account.gid) == 0 &&
                                    ::setresuid(account.uid, account.uid, account.uid) == 0)) &&
                       ::chdir(where.c_str()) == 0;
    if (ready) ::execve(arguments[0], arguments.data(), variables.data());
    const char* why = std::strerror(errno);
    static_cast<void>(!::write(STDERR_FILENO, why, std::strlen(why)));
    ::_exit(127);
  }
  const int reason = errno;
  ::close(out[1]), ::close(err[1]);
  CheckEnd end;
  if (child > 0) {
    const Stopwatch since;
    struct pollfd streams[] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
    std::string* texts[] = {&end.output, &end.errors};
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
      const double left = kCheckSeconds - since.seconds();
      if (left <= 0) {
        end.timed_out = true;
        break;
      }
      if (::poll(streams, 2, static_cast<int>(left * 1000) + 1) < 0 && errno != EINTR) break;
      for (int i = 0; i < 2; ++i) {
        if (streams[i].fd < 0 || streams[i].revents == 0) continue;
        char buffer[1 << 14];
        const ssize_t size = ::read(streams[i].fd, buffer, sizeof buffer);
        if (size > 0 && texts[i]->size() < kOutputBytes)
          texts[i]->append(buffer, static_cast<size_t>(size));
        else if (size == 0 || (size < 0 && errno != EINTR))
          streams[i].fd = -1;
      }
    }
    if (end.timed_out) ::kill(-child, SIGKILL), ::kill(child, SIGKILL);
    while (::waitpid(child, &end.status, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(out[0]), ::close(err[0]);
  if (child < 0) fail("cannot start {}: {}", command[0], std::strerror(reason));
  return end;
}

}  // namespace

bool is_rl_recipe(const std::string& text, const std::string& name) { return TomlTable::parse(text, name).has("rl"); }

RecipeFacts check_recipe(const std::string& program, const Path& folder, const Account& account, bool rl,
                         const std::vector<std::pair<std::string, std::string>>& environment) {
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment)
    if (!name.starts_with("HADAL_")) variables.push_back(name + "=" + value);
  const CheckEnd end =
      run_as(account, folder, {program, rl ? "rl" : "train", "recipe.toml", "--check", "--json"}, variables);
  if (end.timed_out)
    refuse(400, "the recipe could not be checked within {:.0f} s; its data is too large or too far away",
           kCheckSeconds);
  if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0) {
    std::string words = end.errors;
    while (!words.empty() && words.back() == '\n') words.pop_back();
    refuse(400, "{}", words.empty() ? "the recipe's check ended without a word" : words);
  }
  try {
    const Json json = parse_json(end.output, "the recipe's check");
    RecipeFacts facts;
    facts.rl = rl;
    facts.tokens = json.at("tokens").get<int64_t>();
    facts.held_out = json.at("held_out").get<std::string>();
    facts.memory_bytes = json.at("memory_bytes").get<int64_t>();
    return facts;
  } catch (const nlohmann::json::exception& mistake) {
    fail("the recipe's check: {}", plain_words(mistake));
  }
}

}  // namespace hadal::cluster
