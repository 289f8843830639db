#include "server/http/route_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>

#include "base/error.h"
#include "base/log.h"
#include "server/api_error.h"

namespace hadal {
namespace {

constexpr std::array<std::string_view, 5> kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};  // as Allow lists them

// "/a/b" -> {"a", "b"}; "/" -> {""}.
std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.size(), path.find('/', begin));
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool is_parameter(std::string_view part) { return part.starts_with('{'); }

// "{name}" and "{name...}" -> "name"
std::string_view parameter_name(std::string_view part) {
  part = part.substr(1, part.size() - 2);
  return part.ends_with("...") ? part.substr(0, part.size() - 3) : part;
}

template <typename Has>
std::string list_methods(const Has& has) {
  std::string list;
  for (const std::string_view method : kMethods) {
    if (!has(method)) continue;
    list.append(method).append(", ");
    if (method == "GET") list += "HEAD, ";
  }
  return list + "OPTIONS";
}

Route health_route() {
  return {.method = "GET", .path = "/health", .probe = true, .handler = [](const HttpRequest&, Exchange& exchange) {
            exchange.reply({200, "application/json", R"({"status":"ok"})", {}});
          }};
}

}  // namespace

RouteTable::RouteTable(std::vector<Route> routes) {
  const bool has_health = std::any_of(routes.begin(), routes.end(), [](const Route& r) { return r.path == "/health"; });
  if (!has_health) routes.push_back(health_route());
  for (Route& route : routes) {
    for (const Entry& other : entries_) {
      HADAL_CHECK(other.route.method != route.method || other.route.path != route.path, "{} {} stands twice",
                  route.method, route.path);
    }
    entries_.push_back(entry_of(std::move(route)));
  }
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.takes_rest, a.num_parameters) < std::pair(b.takes_rest, b.num_parameters);
  });
  all_methods_ = list_methods([&](std::string_view method) {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.route.method == method; });
  });
}

RouteTable::Entry RouteTable::entry_of(Route route) {
  HADAL_CHECK(std::count(kMethods.begin(), kMethods.end(), route.method) == 1, "{}", route.method);
  HADAL_CHECK(route.path.starts_with('/') && route.handler, "{}", route.path);
  route.slow |= route.upload;
  Entry entry;
  const std::vector<std::string_view> parts = parts_of(route.path);
  for (const std::string_view part : parts) {
    if (is_parameter(part)) {
      HADAL_CHECK(part.ends_with('}') && !parameter_name(part).empty(), "{}", route.path);
      ++entry.num_parameters;
      entry.takes_rest |= part.ends_with("...}");
    }
    HADAL_CHECK(!entry.takes_rest || part.data() == parts.back().data(), "{}", route.path);
    entry.parts.emplace_back(part);
  }
  entry.route = std::move(route);
  return entry;
}

bool RouteTable::matches(const Entry& entry, const std::vector<std::string_view>& path) {
  const size_t count = entry.parts.size();
  if (entry.takes_rest ? path.size() < count : path.size() != count) return false;
  for (size_t i = 0; i < count; ++i) {
    const bool rest = entry.takes_rest && i + 1 == count && path.size() > count;
    if (is_parameter(entry.parts[i]) ? path[i].empty() && !rest : path[i] != entry.parts[i]) return false;
  }
  return true;
}

std::vector<const RouteTable::Entry*> RouteTable::entries_at(const std::string& path) const {
  const std::vector<std::string_view> parts = parts_of(path);
  std::vector<const Entry*> found;
  for (const Entry& entry : entries_)
    if (matches(entry, parts)) found.push_back(&entry);
  return found;
}

RouteTable::Match RouteTable::match(const HttpRequest& request) const {
  const std::string path = request.path();
  Match match;
  if (path == "*") match.methods = "OPTIONS";
  const std::vector<const Entry*> entries = entries_at(path);
  if (entries.empty()) return match;
  const auto has = [&](std::string_view method) {
    return std::any_of(entries.begin(), entries.end(), [&](const Entry* e) { return e->route.method == method; });
  };
  match.methods = list_methods(has);
  match.auth = std::any_of(entries.begin(), entries.end(), [](const Entry* e) { return e->route.auth; });
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  if (!has(method)) return match;
  const Entry& entry =
      **std::find_if(entries.begin(), entries.end(), [&](const Entry* e) { return e->route.method == method; });
  match.route = &entry.route;
  match.auth = entry.route.auth;
  const std::vector<std::string_view> parts = parts_of(path);
  for (size_t i = 0; i < entry.parts.size(); ++i) {
    if (!is_parameter(entry.parts[i])) continue;
    const bool rest = entry.takes_rest && i + 1 == entry.parts.size();
    match.parameters.emplace(parameter_name(entry.parts[i]),
                             rest ? path.substr(parts[i].data() - path.data()) : std::string(parts[i]));
  }
  return match;
}

void RouteTable::answer(const Match& match, const HttpRequest& request, Exchange& exchange) const {
  try {
    if (match.route)
      match.route->handler(request, exchange);
    else
      exchange.reply(answer_of_table(match, request));
  } catch (const ApiError& e) {
    exchange.reply(e.reply());
  } catch (const Error& e) {
    log_error("{} {}: {}", request.method, brief(request.target), e.what());
    exchange.reply(ApiError(500, fmt::format("the server failed on this request: {}", e.what())).reply());
  } catch (const std::bad_alloc&) {
    log_error("{} {}: out of memory", request.method, brief(request.target));
    exchange.reply(ApiError(503, "there is not enough memory for this request now; ask for less, or later").reply());
  } catch (const std::exception& e) {  // the words of some library, which tell a client nothing
    log_error("{} {}: {}", request.method, brief(request.target), e.what());
    exchange.reply(ApiError(500, "the server failed on this request; its log says why").reply());
  }
}

HttpReply RouteTable::answer_of_table(const Match& match, const HttpRequest& request) const {
  const std::string path = request.path();
  if (match.methods.empty()) {
    const bool there = !entries_at("/v1" + path).empty();  // the mistake of many a base URL
    throw ApiError(404, fmt::format("there is nothing at {} {}{}", brief(request.method), brief(path),
                                    there ? fmt::format("; did you mean /v1{}?", brief(path)) : ""));
  }
  if (request.method == "OPTIONS") return {204, "", "", {{"Allow", path == "*" ? all_methods_ : match.methods}}};
  ApiError error(
      405, fmt::format("{} does not know the method {}; use {}", brief(path), brief(request.method), match.methods));
  error.headers.emplace_back("Allow", match.methods);
  throw error;
}

}  // namespace hadal
