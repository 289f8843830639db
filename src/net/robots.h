// robots.txt by RFC 9309, read as google/robotstxt reads it: the longest match decides, of equals Allow.
#pragma once

#include <string>
#include <string_view>

namespace hadal::net {

inline constexpr size_t kMaxRobotsBytes = 500 << 10;  // what comes after is not read

// `agent`: the product token alone ("hadal"). Linear in the length of file times path.
bool robots_allow(std::string_view robots, std::string_view agent, std::string_view url);
double robots_crawl_delay(std::string_view robots, std::string_view agent);  // seconds; 0: none asked for

}  // namespace hadal::net
