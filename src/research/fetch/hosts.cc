#include "research/fetch/hosts.h"

#include <algorithm>
#include <thread>

namespace hadal::research {
namespace {

using Clock = std::chrono::steady_clock;

Clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

struct Hosts::Host {
  std::timed_mutex busy;
  std::mutex mutex;  // of what follows
  Clock::time_point next = Clock::now();
  double interval_s = 0;

  Clock::time_point next_time() {
    const std::lock_guard lock(mutex);
    return next;
  }
};

Hosts::Turn::~Turn() {
  if (host_ == nullptr) return;
  {
    const std::lock_guard lock(host_->mutex);
    host_->next = std::max(host_->next, Clock::now() + duration_of(host_->interval_s));
  }
  host_->busy.unlock();
}

std::shared_ptr<Hosts::Host> Hosts::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Host>& host = hosts_[name];
  if (host == nullptr) {
    host = std::make_shared<Host>();
    host->interval_s = interval_s_;
  }
  return host;
}

Hosts::Turn Hosts::turn(const std::string& name, const std::function<bool()>& stopped) {
  std::shared_ptr<Host> host = find(name);
  while (!host->busy.try_lock_for(kLook))
    if (stopped()) return {};
  for (auto next = host->next_time(); Clock::now() < next; next = host->next_time()) {
    if (stopped()) {
      host->busy.unlock();
      return {};
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(kLook, next - Clock::now()));
  }
  return Turn(std::move(host));
}

void Hosts::set_interval(const std::string& name, double seconds) {
  const std::shared_ptr<Host> host = find(name);
  const std::lock_guard lock(host->mutex);
  if (seconds <= host->interval_s) return;
  host->next += duration_of(seconds - host->interval_s);
  host->interval_s = seconds;
}

void Hosts::leave_alone(const std::string& name, double seconds) {
  const std::shared_ptr<Host> host = find(name);
  const std::lock_guard lock(host->mutex);
  host->next = std::max(host->next, Clock::now() + duration_of(seconds));
}

double Hosts::left_alone_for(const std::string& name) {
  return std::chrono::duration<double>(find(name)->next_time() - Clock::now()).count();
}

}  // namespace hadal::research
