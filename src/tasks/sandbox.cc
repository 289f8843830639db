#include "tasks/sandbox.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/brief.h"
#include "base/error.h"

namespace hadal::tasks {
namespace {

constexpr const char* kSystemPath = "/usr/bin:/bin";  // of choom, prlimit, setpriv, sh
constexpr const char* kNobody = "65534";
constexpr int64_t kProbeMs = 30'000;
constexpr int kNotFound = 42;  // the probe's exit code

// Of these the sandbox has its own.
constexpr std::string_view kHidden[] = {"/tmp", "/run", "/dev", "/proc"};

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr && *path != '\0' ? path : std::string(kSystemPath);
}

Path find_bwrap(const std::string& who) {
  const std::string all = search_path();
  for (size_t begin = 0; begin <= all.size();) {
    const size_t end = std::min(all.find(':', begin), all.size());
    const Path file = Path(all.substr(begin, end - begin)) / "bwrap";
    if (file.is_absolute() && ::access(file.c_str(), X_OK) == 0) return file;
    begin = end + 1;
  }
  fail(
      "{}: expected bubblewrap (the program bwrap), in whose sandbox a verifier's program runs, found none in PATH; "
      "install the package bubblewrap: apt-get install bubblewrap",
      who);
}

bool is_below(const Path& path, std::string_view folder) {
  const std::string text = path.string();
  return text.starts_with(folder) && text.size() > folder.size() && text[folder.size()] == '/';
}

Path shown_folder(const SandboxSpec& spec) {
  std::error_code error;
  Path folder = std::filesystem::canonical(spec.folder, error);
  if (error) fail("{}: expected the folder to run in, {}: {}", spec.who, spec.folder.string(), error.message());
  for (const std::string_view hidden : kHidden) {
    if (folder == hidden)
      fail("{}: {} itself is hidden from the program; put it into a folder of its own", spec.who, hidden);
  }
  return folder;
}

// bwrap's options that show what would be hidden: the folder, and files that the command names.
void show_files(const SandboxSpec& spec, const Path& folder, std::vector<std::string>& words) {
  const auto show = [&](const Path& path) {
    if (std::ranges::any_of(kHidden, [&](std::string_view hidden) { return is_below(path, hidden); }))
      words.insert(words.end(), {"--ro-bind", path.string(), path.string()});
  };
  show(folder);
  for (const std::string& word : spec.command) {
    std::error_code error;
    const Path file = word;
    if (file.is_absolute() && !is_below(file, folder.string()) && std::filesystem::is_regular_file(file, error))
      show(file.lexically_normal());
  }
}

// A limit of prlimit's; never above what this process has, which only root could raise.
std::string limit(const char* name, __rlimit_resource resource, int64_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) == 0 && now.rlim_max != RLIM_INFINITY)
    value = std::min(value, static_cast<int64_t>(now.rlim_max));
  return fmt::format("--{}={}", name, value);
}

}  // namespace

ProcessOptions sandboxed(const SandboxSpec& spec) {
  HADAL_CHECK(!spec.command.empty());
  const bool root = ::geteuid() == 0;
  const Path bwrap = find_bwrap(spec.who), folder = shown_folder(spec);
  const std::string disk = std::to_string(spec.disk_mb << 20);
  // Also bwrap itself is started without this environment: it could be read from /proc.
  std::vector<std::string> words = {"/usr/bin/env", "-i", fmt::format("PATH={}:{}", search_path(), kSystemPath),
                                    "HOME=/tmp", "LANG=C.UTF-8"};
  words.insert(words.end(), {bwrap.string(), "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
                             "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname", "sandbox"});
  // Root needs no user namespace, in which it would stay root as far as the kernel counts its processes.
  if (!root) words.insert(words.end(), {"--unshare-user", "--disable-userns"});
  words.insert(words.end(), {"--ro-bind", "/",       "/",       "--proc", "/proc",   "--dev",    "/dev",
                             "--perms",   "1777",    "--size",  disk,     "--tmpfs", "/dev/shm", "--remount-ro",
                             "/dev",      "--perms", "1777",    "--size", disk,      "--tmpfs",  "/tmp",
                             "--size",    "4096",    "--tmpfs", "/run"});
  show_files(spec, folder, words);
  // Sockets in /run would be a way out.
  words.insert(words.end(), {"--remount-ro", "/run", "--chdir", folder.string(), "--"});
  words.insert(words.end(), {"choom", "-n", "1000", "--"});  // where memory runs out, these go first
  words.insert(words.end(),
               {"prlimit", limit("as", RLIMIT_AS, spec.memory_mb << 20), limit("cpu", RLIMIT_CPU, spec.cpu_seconds),
                limit("nproc", RLIMIT_NPROC, spec.processes), limit("nofile", RLIMIT_NOFILE, 1024), "--core=0", "--"});
  if (root) {
    words.insert(words.end(), {"setpriv", "--reuid", kNobody, "--regid", kNobody, "--clear-groups", "--no-new-privs",
                               "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
                               "--bounding-set=-all,+dac_read_search", "--"});
  }
  words.insert(words.end(), spec.command.begin(), spec.command.end());
  ProcessOptions options{.command = std::move(words)};
  options.input = options.output = options.error = {ProcessStream::Kind::pipe};
  return options;
}

void check_sandbox(const SandboxSpec& spec) {
  SandboxSpec probe = spec;
  probe.command = {"sh", "-c", fmt::format("command -v -- \"$1\" >/dev/null || exit {}", kNotFound), "sh"};
  probe.command.insert(probe.command.end(), spec.command.begin(), spec.command.end());
  Process process(sandboxed(probe));
  const std::optional<ProcessEnd> end = process.wait_for(kProbeMs);
  if (!end) fail("{}: bwrap made no sandbox in {} s; try again on a quieter machine", spec.who, kProbeMs / 1000);
  if (end->ok()) return;
  if (end->code == kNotFound) {
    fail(
        "{}: expected a program, found {}, which is none in the sandbox; it is looked up in PATH or from {}, /tmp and "
        "/run are hidden, and it must be executable",
        spec.who, brief(spec.command.front()), spec.folder.string());
  }
  process.stop(0);
  const std::string said = process.read_error();
  fail(
      "{}: no sandbox can be made here ({}): {}; the kernel must let this user make namespaces (sysctl "
      "kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, "
      "kernel.apparmor_restrict_unprivileged_userns=0), and a container must allow it (docker: --privileged); a "
      "verifier's program never runs without one",
      spec.who, end->text(), brief(said.empty() ? "no message" : said, 300));
}

}  // namespace hadal::tasks
