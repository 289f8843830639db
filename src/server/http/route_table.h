// Finds the route of a request, and answers what follows from the table alone: OPTIONS, 404 and 405.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/route.h"

namespace hadal {

class RouteTable {
 public:
  // A path that cannot be read, or two routes for the same thing, are a mistake of ours. Adds /health where no route
  // has it.
  explicit RouteTable(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;  // null: the table answers by itself
    std::string methods;           // of the path, as Allow lists them; "" for a path that is not there
    bool auth = true;
    std::map<std::string, std::string, std::less<>> parameters;
  };
  Match match(const HttpRequest& request) const;

  // Answers through `exchange`, whatever happens. `request` holds the match's parameters. Any thread.
  void answer(const Match& match, const HttpRequest& request, Exchange& exchange) const;

  const std::string& all_methods() const { return all_methods_; }  // "GET, HEAD, POST, OPTIONS"

 private:
  struct Entry {
    Route route;
    std::vector<std::string> parts;  // of the path, between slashes
    int num_parameters = 0;
    bool takes_rest = false;  // the last part is "{name...}"
  };
  static Entry entry_of(Route route);
  static bool matches(const Entry& entry, const std::vector<std::string_view>& path);
  std::vector<const Entry*> entries_at(const std::string& path) const;
  HttpReply answer_of_table(const Match& match, const HttpRequest& request) const;

  std::vector<Entry> entries_;  // those with fewer parameters first
  std::string all_methods_;
};

}  // namespace hadal
