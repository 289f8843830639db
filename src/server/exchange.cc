#include "server/exchange.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"

namespace hadal {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes the next character of `text`, a percent code or itself.
char take_decoded(std::string_view& text) {
  const int high = text.size() > 2 && text[0] == '%' ? hex_digit(text[1]) : -1;
  const int low = high >= 0 ? hex_digit(text[2]) : -1;
  const char c = low >= 0 ? static_cast<char>(high * 16 + low) : text[0];
  text.remove_prefix(low >= 0 ? 3 : 1);
  return c;
}

std::string decoded_query(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool plus = text[0] == '+';
    const char c = take_decoded(text);
    out += plus ? ' ' : c;
  }
  return out;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::string HttpRequest::path() const {
  std::string_view raw = std::string_view(target).substr(0, target.find_first_of("?#"));
  std::string path;
  while (!raw.empty()) {
    if (raw[0] == '/' && path.ends_with('/'))
      raw.remove_prefix(1);
    else
      path += take_decoded(raw);
  }
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::string HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return value;
  return "";
}

std::optional<std::string> HttpRequest::query(std::string_view name) const {
  auto all = queries();
  const auto found = all.find(name);
  return found == all.end() ? std::nullopt : std::optional(std::move(found->second));
}

std::map<std::string, std::string, std::less<>> HttpRequest::queries() const {
  std::map<std::string, std::string, std::less<>> found;
  const std::string_view text = std::string_view(target).substr(0, target.find('#'));
  const size_t mark = text.find('?');
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : text.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    const size_t equals = std::min(field.size(), field.find('='));
    found.try_emplace(decoded_query(field.substr(0, equals)),
                      decoded_query(field.substr(std::min(field.size(), equals + 1))));
  }
  return found;
}

std::string HttpRequest::parameter(std::string_view name) const {
  const auto found = parameters.find(name);
  HADAL_CHECK(found != parameters.end(), "the route's path has no {{{}}}", name);
  return found->second;
}

}  // namespace hadal
