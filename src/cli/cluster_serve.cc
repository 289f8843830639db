// hadal cluster serve: the daemon, with the server in front of it.
#include <atomic>
#include <csignal>
#include <exception>
#include <thread>

#include "base/error.h"
#include "base/folder_lock.h"
#include "base/log.h"
#include "cli/cluster.h"
#include "cli/cluster_client.h"
#include "cli/cluster_routes.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "cluster/backend.h"
#include "cluster/daemon.h"
#include "cluster/store.h"
#include "net/web_url.h"
#include "server/server.h"

namespace hadal {
namespace {

constexpr int kMaxRunning = 64;  // requests at once

std::unique_ptr<cluster::Backend> backend_of(const std::string& kind, const std::string& id, const Path& folder,
                                             int slots, const Path& program) {
  if (kind == "slurm") return cluster::slurm_backend({id, folder, program});
  return cluster::local_backend({id, folder / "local", slots});
}

// "A free port" is the one that the daemon before had, where it is free: runs that go on and people elsewhere know it.
std::unique_ptr<Server> server_at_its_port(ServerOptions options, cluster::Store& store, std::vector<Route> routes) {
  if (options.port == 0) {
    const auto url = net::parse_url(store.note("daemon", 0, "url").value_or(""));
    if (url) {
      ServerOptions again = options;
      again.port = url->effective_port();
      try {
        return std::make_unique<Server>(again, routes);
      } catch (const Error&) {  // somebody else has it by now
      }
    }
  }
  return std::make_unique<Server>(std::move(options), std::move(routes));
}

bool is_loopback(const std::string& host) {
  return host.empty() || host == "localhost" || host == "::1" || host.starts_with("127.");
}

}  // namespace

int cluster_serve(int argc, char** argv) {
  CommandLine app(
      "The daemon of a cluster: keeps its line, starts its runs, and answers on the Unix socket of its folder and over "
      "HTTP, where every request but /health carries a token. Ctrl-C ends it; runs go on, and the next daemon finds "
      "them.");
  std::string folder, policy, kind = "local";
  ServerOptions options;
  options.port = 8090;
  int slots = 0;
  app.add_option("--dir", folder, "the cluster's folder (default: HADAL_CLUSTER, or where the verbs look)").filled();
  app.add_option("--host", options.host, "the address to listen on; off loopback put TLS in front (docs/cluster.md)")
      .show_default()
      .filled();
  app.add_option("--port", options.port, "0: a free one").range(0, 65535).show_default();
  app.add_option("--backend", kind, "where runs run: this machine, or Slurm").one_of({"local", "slurm"}).show_default();
  const Option slots_option =
      app.add_option("--slots", slots, "of this machine (default: its cores)").range(1, 100'000);
  app.add_option("--policy", policy, "its TOML file (default: policy.toml of the folder)").filled();
  add_common_options(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (kind != "local" && slots_option.count() > 0) throw UsageError("--slots: Slurm knows its own; leave this out");
  const ClusterPlace place = find_cluster(folder);
  if (place.folder.empty()) throw UsageError("--dir: expected a folder, found " + brief(place.url));

  std::signal(SIGPIPE, SIG_IGN);
  std::filesystem::create_directories(place.folder);
  std::atomic<cluster::Daemon*> running = nullptr;
  options.unix_socket = place.folder / "socket";
  options.handlers_ask = true;
  options.max_running = kMaxRunning;
  options.stop_on_signals = true;
  // A second daemon hears of the first one, not that its socket is taken. The daemon itself takes the lock for good.
  { const FolderLock alone(place.folder, cluster::kServedAlready, cluster::kServedAdvice); }
  const auto store = std::make_shared<cluster::Store>(place.folder / "store.db");
  // Bound before the daemon begins, which tells its runs the address; answered once it has begun.
  const std::unique_ptr<Server> bound =
      server_at_its_port(options, *store, cluster_routes([&] { return running.load(); }));
  Server& server = *bound;
  cluster::DaemonOptions settings;
  settings.folder = place.folder;
  settings.policy = policy.empty() ? Path() : std::filesystem::absolute(policy);
  settings.program = std::filesystem::read_symlink("/proc/self/exe").string();
  settings.url = server.url();
  settings.store = store;
  cluster::Daemon daemon(settings, backend_of(kind, store->cluster_id(), place.folder, slots, settings.program));
  running = &daemon;

  std::exception_ptr failure;
  std::thread ticking([&] {
    try {
      daemon.run();
    } catch (...) {
      failure = std::current_exception();
      server.stop();
    }
  });
  fmt::print(stderr, "listening on {}\n", server.url());
  if (!is_loopback(options.host)) {
    log_warning(
        "{} can be reached from other machines, and tokens go there as they are: put a reverse proxy with TLS in "
        "front and listen on loopback (docs/cluster.md has an nginx for it)",
        options.host);
  }
  server.run();
  daemon.stop();
  ticking.join();
  if (failure) std::rethrow_exception(failure);
  return 0;
}

}  // namespace hadal
