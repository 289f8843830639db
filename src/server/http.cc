#include "server/http.h"

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
    int high = raw[i] == '%' && i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(raw[i + 2]) : -1;
    if (low >= 0) {
      path += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      path += raw[i];
    }
  }
  return path;
}

}  // namespace hadal
