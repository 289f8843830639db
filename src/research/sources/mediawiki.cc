// Wikis that run MediaWiki, by api.php; the pages themselves are fetched at their addresses.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "net/url.h"
#include "research/sources/kinds.h"
#include "research/sources/search_server.h"

namespace hadal::research {
namespace {

class MediaWiki : public SearchServer {
 public:
  MediaWiki(std::string name, net::Url server, SourceContext context)
      : SearchServer(std::move(name), std::move(server), context) {
    if (server_.path.empty()) server_.path = "/w";  // where Wikipedia has it
    if (!server_.path.ends_with(".php")) server_.path += "/api.php";
  }

  std::vector<Candidate> search(const std::string& query, int64_t limit,
                                const std::function<bool()>& stopped) override {
    net::Url url = server_;
    url.query =
        "action=query&format=json&formatversion=2&generator=search&gsrlimit=20&prop=info&inprop=url&gsrsearch=" +
        net::url_escape(query, false);
    SearchQuestion question{name_, query, url.href()};
    question.advice = {{404, "give the address of its api.php: mediawiki:https://en.wikipedia.org/w/api.php"},
                       {403, "does its api.php answer without a login?"}};
    const Json answer = ask_server(fetcher_, question, stopped);
    if (const auto error = answer.find("error"); error != answer.end())
      fail("{}: answered with an error: {}", name_, brief(text_or_empty(*error, "info")));
    std::vector<const Json*> pages;
    try {
      if (answer.contains("query"))
        for (const Json& page : answer.at("query").at("pages")) pages.push_back(&page);
      std::stable_sort(pages.begin(), pages.end(), [](const Json* a, const Json* b) {
        return a->value("index", int64_t{1} << 40) < b->value("index", int64_t{1} << 40);
      });
    } catch (const Json::exception&) {
      fail("{}: expected \"query\": {{\"pages\": [...]}} in its answer, found {}; is it MediaWiki?", name_,
           brief_json(answer));
    }
    CandidateList list(limit);
    for (const Json* page : pages) list.add(text_or_empty(*page, "fullurl"), text_or_empty(*page, "title"));
    return list.take();
  }
};

}  // namespace

std::unique_ptr<Source> mediawiki_source(const std::string& name, const std::string& rest, SourceContext context) {
  return std::make_unique<MediaWiki>(name, server_address(name, rest, "mediawiki:https://en.wikipedia.org"), context);
}

}  // namespace hadal::research
