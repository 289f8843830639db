#include "cluster/tracking/secrets.h"

#include <string>

#include "base/text.h"

namespace hadal::cluster {

bool is_secret_key(std::string_view key) {
  const size_t last = key.find_last_of("_-./: ");
  const std::string word = lower_case(std::string(last == std::string_view::npos ? key : key.substr(last + 1)));
  for (const std::string_view part : {"TOKEN", "KEY", "PASSWORD", "SECRET"})
    if (key.find(part) != std::string_view::npos || word == lower_case(std::string(part))) return true;
  return false;
}

}  // namespace hadal::cluster
