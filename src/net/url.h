// Small questions about addresses of http and https, answered by the parser of web_url.h.
#pragma once

#include <string>
#include <string_view>

namespace hadal::net {

std::string url_escape(std::string_view text, bool keep_slashes);
std::string url_unescape(std::string_view text);  // what is no %XX stays as it is
std::string url_origin(const std::string& url);   // "https://host:443"; Error when it is no http(s) address
std::string url_host(const std::string& url);     // in lower case; of IPv6 with its brackets
std::string url_shown(const std::string& url);    // for messages: without query and password, which may be secrets
std::string url_path(const std::string& url);     // "/a/b", still escaped, without query

}  // namespace hadal::net
