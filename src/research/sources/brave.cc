// The search of Brave, by its API (https://api-dashboard.search.brave.com/app/documentation/web-search).
#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/json.h"
#include "net/url.h"
#include "research/sources/kinds.h"
#include "research/sources/search_server.h"

namespace hadal::research {
namespace {

class Brave : public SearchServer {
 public:
  Brave(std::string name, net::Url server, std::string key, SourceContext context)
      : SearchServer(std::move(name), std::move(server), context), key_(std::move(key)) {
    server_.path += "/res/v1/web/search";
  }

  std::vector<Candidate> search(const std::string& query, int64_t limit,
                                const std::function<bool()>& stopped) override {
    net::Url url = server_;
    url.query = "q=" + net::url_escape(query, false) + "&count=20";
    SearchQuestion question{name_, query, url.href(), "X-Subscription-Token: " + key_};
    const std::string advice = "is BRAVE_API_KEY right, and its plan alive?";
    question.advice = {{401, advice}, {402, advice}, {403, advice}, {422, advice}};
    const Json answer = ask_server(fetcher_, question, stopped);
    CandidateList list(limit);
    const auto web = answer.find("web");
    if (web == answer.end()) return {};  // nothing was found
    const auto results = web->is_object() ? web->find("results") : web->end();
    if (!web->is_object() || results == web->end() || !results->is_array())
      fail("{}: expected \"web\": {{\"results\": [...]}} in its answer, found {}", name_, brief_json(answer));
    for (const Json& result : *results) list.add(text_or_empty(result, "url"), text_or_empty(result, "title"));
    return list.take();
  }

 private:
  std::string key_;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::unique_ptr<Source> brave_source(const std::string& name, SourceContext context) {
  const std::string key = variable("BRAVE_API_KEY"), base = variable("HADAL_BRAVE_URL");
  const auto printed = [](char c) { return c > 0x20 && c < 0x7f; };
  if (context.replay.empty() && (key.empty() || !std::all_of(key.begin(), key.end(), printed)))
    fail(
        "brave: expected its key in the environment: BRAVE_API_KEY=... hadal research ... (a key is made at "
        "https://brave.com/search/api/)");
  const net::Url server = server_address("HADAL_BRAVE_URL", base.empty() ? "https://api.search.brave.com" : base,
                                         "HADAL_BRAVE_URL=http://127.0.0.1:8080");
  return std::make_unique<Brave>(name, server, key, context);
}

}  // namespace hadal::research
