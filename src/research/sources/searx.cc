// SearXNG and searx, by their JSON.
#include "base/error.h"
#include "base/json.h"
#include "net/url.h"
#include "research/sources/kinds.h"
#include "research/sources/search_server.h"

namespace hadal::research {
namespace {

// "google (CAPTCHA)": an engine that did not answer, and why.
std::string silent_engines(const Json& answer) {
  const auto found = answer.find("unresponsive_engines");
  if (found == answer.end() || !found->is_array()) return "";
  std::string text;
  for (const Json& engine : *found) {
    const bool pair = engine.is_array() && engine.size() >= 2 && engine[0].is_string() && engine[1].is_string();
    if (!pair && !engine.is_string()) continue;
    text += text.empty() ? "" : ", ";
    text += pair ? fmt::format("{} ({})", engine[0].get<std::string>(), engine[1].get<std::string>())
                 : engine.get<std::string>();
  }
  return text;
}

class Searx : public SearchServer {
 public:
  Searx(std::string name, net::Url server, SourceContext context)
      : SearchServer(std::move(name), std::move(server), context) {
    if (!server_.path.ends_with("/search")) server_.path += "/search";
  }

  std::vector<Candidate> search(const std::string& query, int64_t limit,
                                const std::function<bool()>& stopped) override {
    net::Url url = server_;
    url.query = "q=" + net::url_escape(query, false) + "&format=json";
    SearchQuestion question{name_, query, url.href()};
    question.advice = {{403, "add json to search.formats of its settings.yml"}};
    const Json answer = ask_server(fetcher_, question, stopped);
    const auto results = answer.find("results");
    if (results == answer.end() || !results->is_array())
      fail("{}: expected \"results\" in its answer, found {}; is it SearXNG?", name_, brief_json(answer));
    CandidateList list(limit);
    for (const Json& result : *results) list.add(text_or_empty(result, "url"), text_or_empty(result, "title"));
    std::vector<Candidate> found = list.take();
    const std::string silent = silent_engines(answer);
    if (found.empty() && !silent.empty())
      fail("{}: found nothing, for engines that it asks did not answer: {}; choose others in its settings.yml", name_,
           brief(silent));
    return found;
  }
};

}  // namespace

std::unique_ptr<Source> searx_source(const std::string& name, const std::string& rest, SourceContext context) {
  return std::make_unique<Searx>(name, server_address(name, rest, "searx:http://127.0.0.1:8888"), context);
}

}  // namespace hadal::research
