// A robots.txt; its first line is the path that is asked for.
#include "net/robots.h"

#include <algorithm>

#include "base/error.h"
#include "fuzz.h"

HADAL_FUZZER(input) {
  using namespace hadal::net;
  const size_t line = std::min(input.find('\n'), input.size());
  const std::string url = "https://h.test/" + std::string(input.substr(0, line));
  const std::string_view robots = input.substr(std::min(line + 1, input.size()));
  const bool allowed = robots_allow(robots, "hadal", url);
  HADAL_CHECK(robots_crawl_delay(robots, "hadal") >= 0);
  // A group for one agent alone means the same as one for all.
  const std::string rules = "\nallow: /a*b\ndisallow: /a\n";
  HADAL_CHECK(robots_allow("user-agent: *" + rules, "hadal", url) ==
              robots_allow("user-agent: hadal" + rules, "hadal", url));
  HADAL_CHECK(allowed || robots.find(':') != std::string_view::npos ||
              robots.find_first_of(" \t") != std::string_view::npos);
}
