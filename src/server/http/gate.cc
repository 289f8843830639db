#include "server/http/gate.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/base64.h"
#include "server/api_error.h"

namespace hadal {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// Takes as long for a wrong key as for a right one; only its length shows.
bool same_secret(std::string_view given, std::string_view key) {
  return given.size() == key.size() && CRYPTO_memcmp(given.data(), key.data(), key.size()) == 0;
}

// "" for what is no base64. Clients that leave the padding out are read too.
std::string decode_base64(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  return bytes_of_base64(padded).value_or("");
}

// The key inside "Bearer KEY" or inside Basic's "anyone:KEY", which is how a browser opens the page.
std::string key_of(std::string_view authorization) {
  size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return "";
  std::string scheme = lower(authorization.substr(0, space));
  std::string_view rest = authorization.substr(authorization.find_first_not_of(' ', space) == std::string_view::npos
                                                   ? authorization.size()
                                                   : authorization.find_first_not_of(' ', space));
  if (scheme == "bearer") return std::string(rest);
  if (scheme != "basic") return "";
  std::string pair = decode_base64(rest);
  size_t colon = pair.find(':');
  return colon == std::string::npos ? "" : pair.substr(colon + 1);
}

// Nothing behind the colon is the scheme's own port (RFC 3986, 3.2.3).
bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return text.empty() || (error == std::errc() && end == text.data() + text.size() && port <= 65'535);
}

bool is_list_of_names(unsigned char c) {
  return std::isalnum(c) || std::string_view("-_., ").find(static_cast<char>(c)) != std::string_view::npos;
}

}  // namespace

std::string normal_origin(std::string_view origin) {
  std::string normal = lower(origin);
  if (normal == "*" || normal == "null") return normal;
  if (normal.ends_with('/')) normal.pop_back();
  const size_t scheme = normal.find("://");
  const std::string_view host =
      scheme == std::string::npos ? std::string_view() : std::string_view(normal).substr(scheme + 3);
  if (scheme == 0 || host.empty() || host.find_first_of("/?#@* ,") != std::string_view::npos) {
    fail("--allow-origin: expected the origin of a page, as http://localhost:3000, or *, found \"{}\"", brief(origin));
  }
  return normal;
}

bool is_loopback_host(std::string_view host) {
  const size_t colon = host.find(':', host.starts_with('[') ? std::min(host.size(), host.find(']')) : 0);
  if (colon != std::string_view::npos && !is_port(host.substr(colon + 1))) return false;
  const std::string name = lower(host.substr(0, colon));
  if (name == "localhost" || name == "[::1]") return true;
  in_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

bool Gate::has_key(std::string_view authorization) const {
  std::string given = key_of(authorization);
  bool found = false;
  for (const std::string& key : api_keys_) found |= same_secret(given, key);
  return found;
}

bool Gate::origin_allowed(std::string_view origin) const {
  const auto allows = [&](const std::string& allowed) { return allowed == "*" || allowed == origin; };
  return !origin.empty() && std::any_of(allowed_origins_.begin(), allowed_origins_.end(), allows);
}

std::optional<HttpReply> Gate::refuse(const HttpRequest& request, bool auth) const {
  if (handlers_ask_ || request.peer_uid) return std::nullopt;
  // Without a Host it is no browser's request, and only browsers are led here by names that are not ours.
  if (loopback_ && !request.host.empty() && !is_loopback_host(request.host)) {
    return ApiError(403,
                    "this server is private to its machine and answers to localhost, 127.0.0.1 and [::1] only; "
                    "the request was sent to the host \"" +
                        brief(request.host) + "\"",
                    "", "host_not_allowed")
        .reply();
  }
  bool own_page = request.origin == "http://" + request.host || request.origin == "https://" + request.host;
  if (!request.origin.empty() && !own_page && !origin_allowed(request.origin)) {
    return ApiError(403,
                    "web pages of \"" + brief(request.origin) +
                        "\" may not use this server; start it with that origin "
                        "allowed if they should",
                    "", "origin_not_allowed")
        .reply();
  }
  bool preflight = request.method == "OPTIONS" && origin_allowed(request.origin);  // browsers send it without the key
  if (!auth || api_keys_.empty() || preflight || has_key(request.authorization)) return std::nullopt;
  ApiError error(401,
                 request.authorization.empty()
                     ? "this server asks for an API key; send it as \"Authorization: Bearer KEY\""
                     : "the API key is not one of this server's",
                 "", "invalid_api_key");
  // A browser asks its user for the key on Basic; API clients expect Bearer.
  bool page = request.path() == "/";
  error.headers.emplace_back("WWW-Authenticate",
                             page ? "Basic realm=\"Hadal: the API key is the password\"" : "Bearer realm=\"Hadal\"");
  return error.reply();
}

HttpHeaders Gate::cors_headers(const HttpRequest& request) const {
  if (!origin_allowed(request.origin)) return {};
  HttpHeaders headers = {{"Access-Control-Allow-Origin", request.origin},
                         {"Access-Control-Expose-Headers", "Retry-After"},
                         {"Vary", "Origin"}};
  if (request.method != "OPTIONS") return headers;
  const bool names = !request.asked_headers.empty() &&
                     std::all_of(request.asked_headers.begin(), request.asked_headers.end(), is_list_of_names);
  headers.emplace_back("Access-Control-Allow-Headers", names ? request.asked_headers : "Authorization, Content-Type");
  headers.emplace_back("Access-Control-Allow-Methods", methods_);
  headers.emplace_back("Access-Control-Max-Age", "600");
  if (request.asks_private_network) headers.emplace_back("Access-Control-Allow-Private-Network", "true");
  return headers;
}

}  // namespace hadal
