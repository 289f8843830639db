#include "cluster/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

constexpr double kLockSeconds = 1;  // a process that a killed daemon was just starting holds its lock a moment longer

double boot_seconds() {  // goes on while the machine sleeps
  struct timespec time = {};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// The folder with its orders and runs. Users pass through to what is theirs, and list nothing.
const Path& made_cluster_folder(const Path& folder) {
  const bool root = ::geteuid() == 0;
  for (const Path& path : {folder, folder / "orders", folder / "runs"}) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) fail("{}: cannot be made: {}; take another --dir", path.string(), error.message());
    if (::chmod(path.c_str(), root ? 0711 : 0700) != 0 && path != folder)
      fail("{}: is not this user's folder; take another --dir", path.string());
  }
  return folder;
}

// Submissions that a killed daemon had not finished; none of them was on record.
void remove_unfinished(const Path& runs) {
  std::error_code ignored;
  std::vector<Path> unfinished;
  for (const auto& entry : std::filesystem::directory_iterator(runs, ignored))
    if (entry.path().filename().string().starts_with(".new-")) unfinished.push_back(entry.path());
  for (const Path& path : unfinished) std::filesystem::remove_all(path, ignored);
}

}  // namespace

Daemon::Impl::Impl(DaemonOptions options_, std::unique_ptr<Backend> backend_)
    : options(std::move(options_)),
      backend(std::move(backend_)),
      lock(made_cluster_folder(options.folder), kServedAlready, kServedAdvice, kLockSeconds),
      opened(options.store ? options.store : std::make_shared<Store>(options.folder / "store.db")),
      store(*opened) {
  if (!options.clock.steady) options.clock.steady = boot_seconds;
  if (!options.clock.wall) options.clock.wall = unix_seconds;
  wall_at_start = options.clock.wall();
  steady_at_start = options.clock.steady();
  generation = store.take_generation();
  cluster_id = store.cluster_id();
  store.set_note("daemon", 0, "url", options.url);
  if (!options.policy.empty()) rules = read_policy(options.policy);
  remove_unfinished(options.folder / "runs");
  {
    const auto guard = enter();
    load_policy();
  }
  look_around();  // what was left running; nodes are known from now on where the backend can be asked
}

double Daemon::Impl::now() const { return wall_at_start + (options.clock.steady() - steady_at_start); }

void Daemon::Impl::rouse() {
  {
    const std::lock_guard guard(wake_mutex);
    awake = true;
  }
  wake.notify_all();
}

Daemon::Daemon(DaemonOptions options, std::unique_ptr<Backend> backend) {
  options.folder = std::filesystem::absolute(options.folder);  // runs have other working folders
  impl_ = std::make_unique<Impl>(std::move(options), std::move(backend));
}
Daemon::~Daemon() = default;

void Daemon::run() {
  std::string said;
  for (;;) {
    double pause_s = 1;
    try {
      impl_->tick();
      const auto guard = impl_->enter();
      pause_s = std::clamp(impl_->rules.tick_s, .05, 60.0);
      impl_->store_error.clear();
      said.clear();
    } catch (const TakenOver&) {
      throw;
    } catch (const std::exception& mistake) {  // a full disk, a locked store: runs go on, and so do we
      if (said != mistake.what()) log_error("{}; tried again every second", mistake.what());
      said = mistake.what();
      const std::lock_guard guard(impl_->mutex);
      impl_->store_error = said;
    }
    std::unique_lock guard(impl_->wake_mutex);
    impl_->wake.wait_for(guard, std::chrono::duration<double>(pause_s),
                         [this] { return impl_->awake || impl_->stopping; });
    if (impl_->stopping) return;
    impl_->awake = false;
  }
}

void Daemon::stop() {
  {
    const std::lock_guard guard(impl_->wake_mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
}

void Daemon::tick() { impl_->tick(); }
void Daemon::wake() { impl_->rouse(); }
std::string Daemon::url() const { return impl_->options.url; }
Store& Daemon::store() { return impl_->store; }
Path Daemon::run_folder(int64_t run) const { return impl_->run_folder(run); }
double Daemon::now() const { return impl_->now(); }

}  // namespace hadal::cluster
