#include "research/sources/source.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "net/web_url.h"
#include "research/sources/kinds.h"

namespace hadal::research {
namespace {

constexpr const char* kKinds =
    "expected searx:URL, brave, mediawiki:URL, index:DIR or folder:PATH. A line for each:\n"
    "  --sources folder:~/notes\n"
    "  --sources searx:http://127.0.0.1:8888\n"
    "  --sources mediawiki:https://en.wikipedia.org\n"
    "  BRAVE_API_KEY=... hadal research ... --sources brave\n"
    "  --sources index:~/library     (made by: hadal index add PATH --index ~/library)";

std::string site_of(const std::string& address) {
  const auto url = net::parse_url(address);
  if (!url) return address;
  return url->host.starts_with("www.") ? url->host.substr(4) : url->host;
}

}  // namespace

std::unique_ptr<Source> open_source(const std::string& text, SourceContext context) {
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (text.empty()) fail("sources: {}", kKinds);
  if (kind == "searx" || kind == "searxng") return searx_source(text, rest, context);
  if (text == "brave") return brave_source(text, context);
  if (kind == "mediawiki") return mediawiki_source(text, rest, context);
  if (kind == "index") return index_source(text, rest, context);
  if (kind == "folder") return folder_source(rest, context);
  fail("sources: found {}; {}", brief(text), kKinds);
}

std::vector<Candidate> fuse(const std::vector<std::vector<Candidate>>& answers, size_t per_site) {
  constexpr double kRank = 60;  // Cormack, Clarke and Büttcher, SIGIR 2009
  struct Found {
    Candidate candidate;
    double score = 0;
  };
  std::vector<Found> all;
  std::map<std::string, size_t> known;
  for (const auto& answer : answers) {
    for (size_t rank = 0; rank < answer.size(); ++rank) {
      const auto [place, is_new] = known.emplace(answer[rank].url, all.size());
      if (is_new) all.push_back({answer[rank], 0});
      all[place->second].score += 1 / (kRank + static_cast<double>(rank) + 1);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) { return a.score > b.score; });
  std::vector<Candidate> fused;
  std::map<std::string, size_t> of_site;
  for (Found& found : all) {  // the user's own documents are no site
    if (found.candidate.document < 0 && ++of_site[site_of(found.candidate.url)] > per_site) continue;
    fused.push_back(std::move(found.candidate));
  }
  return fused;
}

}  // namespace hadal::research
