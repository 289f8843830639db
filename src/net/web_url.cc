#include "net/web_url.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/brief.h"
#include "base/text.h"
#include "net/url/host.h"

namespace hadal::net {
namespace {

// The percent-encode sets of the standard, without what is in all of them: controls and all beyond ASCII.
constexpr std::string_view kFragmentSet = " \"<>`";
constexpr std::string_view kQuerySet = " \"#<>'";  // of special schemes
constexpr std::string_view kPathSet = " \"#<>?^`{}";
constexpr std::string_view kUserinfoSet = " \"#<>?^`{}/:;=@[\\]|";

constexpr std::string_view kEnds = "/\\?#";  // of the host and its port

bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_slash(char c) { return c == '/' || c == '\\'; }

std::string encoded(std::string_view text, std::string_view set) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e || set.find(c) != std::string_view::npos)
      out += fmt::format("%{:02X}", byte);
    else
      out += c;
  }
  return out;
}

// Length in bytes of what one U+FFFD stands for: the longest beginning of a character, or one byte.
size_t broken_bytes(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> unsigned { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned lead = byte(at);
  const size_t length = lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 && lead <= 0xef ? 3 : 1;
  const unsigned least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (length == 1 || byte(at + 1) < least || byte(at + 1) > most) return 1;
  size_t have = 2;
  while (have < length && (byte(at + have) & 0xc0) == 0x80) ++have;
  return have;
}

// As UTF-8 decode reads it, without spaces around and line breaks and tabs within.
std::string cleaned(std::string_view input) {
  const auto is_space = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  while (!input.empty() && is_space(input.front())) input.remove_prefix(1);
  while (!input.empty() && is_space(input.back())) input.remove_suffix(1);
  std::string out;
  for (size_t at = 0; at < input.size();) {
    const char c = input[at];
    const size_t step = utf8_char_bytes(input, at);
    if (step == 0)
      out += "\ufffd";
    else if (c != '\t' && c != '\n' && c != '\r')
      out += input.substr(at, step);
    at += step == 0 ? broken_bytes(input, at) : step;
  }
  return out;
}

// The scheme in lower case, which is taken off; "" where there is none.
std::string take_scheme(std::string_view& rest) {
  if (rest.empty() || !is_letter(rest[0])) return "";
  size_t end = 1;
  while (end < rest.size() && (is_letter(rest[end]) || is_digit(rest[end]) ||
                               std::string_view("+-.").find(rest[end]) != std::string_view::npos))
    ++end;
  if (end == rest.size() || rest[end] != ':') return "";
  std::string scheme = lower_case(std::string(rest.substr(0, end)));
  rest.remove_prefix(end + 1);
  return scheme;
}

std::string_view take_until(std::string_view& rest, std::string_view ends) {
  const std::string_view part = rest.substr(0, rest.find_first_of(ends));
  rest.remove_prefix(part.size());
  return part;
}

bool read_port(Url& url, std::string_view digits) {
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return false;
  if (digits.empty()) return true;
  int port = 0;
  for (const char c : digits)
    if ((port = port * 10 + (c - '0')) > 65535) return false;
  if (port != url.effective_port()) url.port = port;
  return true;
}

// "user:password@host:port" and the slashes before it.
bool read_authority(Url& url, std::string_view& rest) {
  while (!rest.empty() && is_slash(rest[0])) rest.remove_prefix(1);
  std::string_view host = take_until(rest, kEnds);
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = host.substr(0, at);
    const size_t colon = user.find(':');
    url.username = encoded(user.substr(0, colon), kUserinfoSet);
    if (colon != std::string_view::npos) url.password = encoded(user.substr(colon + 1), kUserinfoSet);
    host.remove_prefix(at + 1);
  }
  size_t end = 0;
  for (bool inside = false; end < host.size() && (inside || host[end] != ':'); ++end) {
    if (host[end] == '[') inside = true;
    if (host[end] == ']') inside = false;
  }
  if (end == 0) return false;
  auto parsed = parse_host(host.substr(0, end));
  if (!parsed) return false;
  url.host = std::move(*parsed);
  return read_port(url, host.substr(std::min(end + 1, host.size())));
}

// A segment of dots, written plainly or as %2e: how many; else 0.
int dots_of(std::string_view segment) {
  int dots = 0;
  while (!segment.empty()) {
    if (segment[0] == '.')
      segment.remove_prefix(1);
    else if (segment.starts_with("%2e") || segment.starts_with("%2E"))
      segment.remove_prefix(3);
    else
      return 0;
    if (++dots > 2) return 0;
  }
  return dots;
}

void shorten(std::string& path) {
  if (!path.empty()) path.erase(path.rfind('/'));
}

// Appends segments to url.path, each of which begins with a slash there.
void read_path(Url& url, std::string_view& rest) {
  for (;;) {
    const std::string_view segment = take_until(rest, kEnds);
    const bool goes_on = !rest.empty() && is_slash(rest[0]);
    const int dots = dots_of(segment);
    if (dots == 2) shorten(url.path);
    if (dots == 0)
      (url.path += "/") += encoded(segment, kPathSet);
    else if (!goes_on)
      url.path += "/";
    if (!goes_on) return;
    rest.remove_prefix(1);
  }
}

void read_query_and_fragment(Url& url, std::string_view rest) {
  if (rest.starts_with('?')) {
    rest.remove_prefix(1);
    url.query = encoded(take_until(rest, "#"), kQuerySet);
  }
  if (rest.starts_with('#')) url.fragment = encoded(rest.substr(1), kFragmentSet);
}

// The standard's relative state, of an input that names no host: what it leaves out is the base's.
Url read_relative(const Url& base, std::string_view rest) {
  Url url = base;
  url.fragment.reset();
  const bool from_root = !rest.empty() && is_slash(rest[0]);
  if (from_root) {
    rest.remove_prefix(1);
    url.path.clear();
  } else if (!rest.empty() && rest[0] != '?' && rest[0] != '#') {
    shorten(url.path);
  }
  if (from_root || (!rest.empty() && rest[0] != '?' && rest[0] != '#')) {
    url.query.reset();
    read_path(url, rest);
  }
  read_query_and_fragment(url, rest);
  return url;
}

}  // namespace

std::optional<Url> parse_url(std::string_view input, const Url* base) {
  const std::string text = cleaned(input);
  std::string_view rest = text;
  const std::string scheme = take_scheme(rest);
  if (!scheme.empty() && scheme != "http" && scheme != "https") return {};
  if (scheme.empty() && base == nullptr) return {};

  const bool names_host = rest.size() >= 2 && is_slash(rest[0]) && is_slash(rest[1]);
  const bool relative = base != nullptr && (scheme.empty() || scheme == base->scheme) && !names_host;
  if (relative) return read_relative(*base, rest);

  Url url;
  url.scheme = scheme.empty() ? base->scheme : scheme;
  if (!read_authority(url, rest)) return {};
  if (!rest.empty() && is_slash(rest[0])) rest.remove_prefix(1);
  read_path(url, rest);
  read_query_and_fragment(url, rest);
  return url;
}

std::string Url::origin() const {
  return port < 0 ? fmt::format("{}://{}", scheme, host) : fmt::format("{}://{}:{}", scheme, host, port);
}

std::string Url::href() const {
  std::string text = scheme + "://";
  if (!username.empty() || !password.empty()) {
    text += username;
    if (!password.empty()) text += ":" + password;
    text += "@";
  }
  text += host;
  if (port >= 0) text += fmt::format(":{}", port);
  text += path;
  if (query) text += "?" + *query;
  if (fragment) text += "#" + *fragment;
  return text;
}

}  // namespace hadal::net
