#include "net/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "base/error.h"

namespace hadal::net {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string url_part(const std::string& url, CURLUPart part, unsigned flags = 0) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  char* text = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), part, &text, flags) != CURLUE_OK) {
    fail("{}: expected an address like https://host/path, found something else", url);
  }
  const std::unique_ptr<char, decltype(&curl_free)> owner(text, curl_free);
  return text;
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
  int length = 0;
  const std::unique_ptr<char, decltype(&curl_free)> plain(
      curl_easy_unescape(nullptr, text.data(), static_cast<int>(text.size()), &length), curl_free);
  return plain ? std::string(plain.get(), static_cast<size_t>(length)) : std::string(text);
}

std::string url_origin(const std::string& url) {
  const std::string scheme = lower(url_part(url, CURLUPART_SCHEME));
  if (scheme != "http" && scheme != "https") fail("{}: expected an address that begins with http:// or https://", url);
  return fmt::format("{}://{}:{}", scheme, lower(url_part(url, CURLUPART_HOST)),
                     url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string url_shown(const std::string& url) {
  const size_t scheme = url.find("://"), host = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t end = std::min(url.find_first_of("/?#", host), url.size()), at = url.rfind('@', end);
  const std::string open = at != std::string::npos && at >= host ? url.substr(0, host) + url.substr(at + 1) : url;
  return open.substr(0, open.find_first_of("?#"));
}

std::string url_host(const std::string& url) { return lower(url_part(url, CURLUPART_HOST)); }

std::string url_path(const std::string& url) { return url_part(url, CURLUPART_PATH); }

}  // namespace hadal::net
