#include "research/run/hops.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/text.h"
#include "net/web_url.h"
#include "research/claims/facts.h"

namespace hadal::research {
namespace {

constexpr size_t kStrong = 4;  // quotes that are looked at
constexpr size_t kMaxLinks = 500;

bool is_capital(const Word& word) { return std::isupper(static_cast<unsigned char>(word.text[0])) != 0; }

// Runs of capitalised words, of two or within a sentence.
std::vector<std::string> names_in(const std::string& text) {
  const std::vector<Word> words = words_of(text);
  std::vector<std::string> names;
  for (size_t i = 0; i < words.size();) {
    size_t k = i;
    while (k < words.size() && is_capital(words[k]) && k - i < 4 && (k == i || !words[k].starts_sentence)) ++k;
    if (k - i > 1 || (k - i == 1 && !words[i].starts_sentence && words[i].text.size() > 3)) {
      const size_t end = words[k - 1].begin + words[k - 1].text.size();
      names.push_back(text.substr(words[i].begin, end - words[i].begin));
    }
    i = std::max(k, i + 1);
  }
  return names;
}

std::string quote_text(const Library& library, const Quote& quote) {
  const std::string text = library.index().document(quote.document).document.text;
  return text.substr(quote.span.begin, quote.span.end - quote.span.begin);
}

}  // namespace

std::vector<Query> hop_queries(const Library& library, const Evidence& evidence, const std::string& question,
                               size_t limit) {
  std::string missing;
  for (size_t i = 0; i < std::min<size_t>(evidence.missing.size(), 6); ++i) missing += " " + evidence.missing[i];
  const std::string asked = lower_case(question);
  std::vector<Query> queries;
  std::set<std::string> known;
  for (size_t i = 0; i < std::min(kStrong, evidence.quotes.size()); ++i)
    for (const std::string& name : names_in(quote_text(library, evidence.quotes[i]))) {
      if (queries.size() >= limit) return queries;
      if (asked.find(lower_case(name)) != std::string::npos || !known.insert(lower_case(name)).second) continue;
      queries.push_back({name + missing, library.is_public(evidence.quotes[i].document)});
    }
  return queries;
}

std::vector<std::string> hop_links(const Library& library, const Evidence& evidence,
                                   const std::vector<SubQuestion>& missing, const Search& search, size_t limit) {
  std::set<std::string> wanted;
  for (const SubQuestion& part : missing)
    for (const std::string& word : content_words(part.text)) wanted.insert(word);
  std::vector<std::pair<size_t, std::string>> links;
  std::set<int64_t> looked;
  for (size_t i = 0; i < std::min(kStrong, evidence.quotes.size()); ++i) {
    const int64_t number = evidence.quotes[i].document;
    if (!library.is_public(number) || !looked.insert(number).second) continue;
    const Document document = library.index().document(number).document;
    const std::optional<net::Url> page = net::parse_url(document.url);
    if (!page) continue;
    for (size_t k = 0; k < std::min(kMaxLinks, document.links.size()); ++k) {
      const Link& link = document.links[k];
      std::optional<net::Url> url = net::parse_url(link.url);
      if (!url || url->host != page->host) continue;
      url->fragment.reset();
      if (search.seen(url->href())) continue;
      size_t shared = 0;
      for (const std::string& word : content_words(link.text)) shared += wanted.count(word);
      if (shared > 0) links.emplace_back(shared, url->href());
    }
  }
  std::stable_sort(links.begin(), links.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> urls;
  for (const auto& [shared, url] : links)
    if (urls.size() < limit && std::find(urls.begin(), urls.end(), url) == urls.end()) urls.push_back(url);
  return urls;
}

}  // namespace hadal::research
