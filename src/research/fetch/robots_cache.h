// What robots.txt of each origin says, asked once a day.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace hadal::research {

struct RobotsFile {
  std::string text;     // "" allows all
  std::string failure;  // where it forbids all: what went wrong
};

class RobotsCache {
 public:
  // `read` is called where nothing younger than a day is known; one that failed is asked for again sooner.
  RobotsFile get(const std::string& origin, const std::function<RobotsFile()>& read);

 private:
  struct Entry;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace hadal::research
