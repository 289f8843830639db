#include "net/url.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.h"
#include "net/web_url.h"

namespace hadal::net {
namespace {

Url parsed(const std::string& url) {
  const auto found = parse_url(url);
  if (!found) fail("{}: expected an address like https://host/path, found something else", brief(url_shown(url)));
  return *found;
}

}  // namespace

std::string url_escape(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain || (c == '/' && keep_slashes))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string url_unescape(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    unsigned char byte = 0;
    const char* digits = text.data() + at + 1;
    if (text[at] == '%' && at + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      out += static_cast<char>(byte);
      at += 2;
    } else {
      out += text[at];
    }
  }
  return out;
}

std::string url_origin(const std::string& url) {
  const Url found = parsed(url);
  return fmt::format("{}://{}:{}", found.scheme, found.host, found.effective_port());
}

std::string url_shown(const std::string& url) {
  const size_t scheme = url.find("://"), host = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t end = std::min(url.find_first_of("/?#", host), url.size()), at = url.rfind('@', end);
  const std::string open = at != std::string::npos && at >= host ? url.substr(0, host) + url.substr(at + 1) : url;
  return open.substr(0, open.find_first_of("?#"));
}

std::string url_host(const std::string& url) { return parsed(url).host; }

std::string url_path(const std::string& url) { return parsed(url).path; }

}  // namespace hadal::net
