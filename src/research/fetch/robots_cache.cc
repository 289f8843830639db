#include "research/fetch/robots_cache.h"

#include "base/clock.h"

namespace hadal::research {

namespace {
constexpr double kDay = 24 * 3600, kAfterFailure = 600;  // seconds
}  // namespace

struct RobotsCache::Entry {
  std::mutex busy;  // others that want it wait
  bool known = false;
  Stopwatch age;
  RobotsFile file;
};

RobotsFile RobotsCache::get(const std::string& origin, const std::function<RobotsFile()>& read) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    auto& place = entries_[origin];
    if (place == nullptr) place = std::make_shared<Entry>();
    entry = place;
  }
  const std::lock_guard lock(entry->busy);
  const bool fresh = entry->known && entry->age.seconds() < (entry->file.failure.empty() ? kDay : kAfterFailure);
  if (!fresh) {
    entry->file = read();
    entry->known = entry->file.failure != "stopped";
    entry->age.restart();
  }
  return entry->file;
}

}  // namespace hadal::research
