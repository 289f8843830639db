#include "server/http/http.h"

#include <algorithm>
#include <string_view>

namespace hadal {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string HttpRequest::path() const {
  std::string_view raw = std::string_view(target).substr(0, target.find_first_of("?#"));
  std::string path;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '/' && path.ends_with('/')) continue;
    int high = raw[i] == '%' && i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(raw[i + 2]) : -1;
    if (low >= 0) {
      path += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      path += raw[i];
    }
  }
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

Target split_target(std::string_view target) {
  const size_t scheme = target.find("://");
  const std::string_view name = target.substr(0, scheme == std::string_view::npos ? 0 : scheme);
  const bool http = name.size() >= 4 && name.size() <= 5 && (name[0] | 32) == 'h' && (name[1] | 32) == 't' &&
                    (name[2] | 32) == 't' && (name[3] | 32) == 'p' && (name.size() == 4 || (name[4] | 32) == 's');
  if (!http) return {"", std::string(target)};
  target.remove_prefix(scheme + 3);
  const size_t end = std::min(target.size(), target.find_first_of("/?#"));
  std::string path(target.substr(end));
  if (!path.starts_with('/')) path.insert(0, 1, '/');
  return {std::string(target.substr(0, end)), path};
}

}  // namespace hadal
