#include "research/run/search.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "net/web_url.h"
#include "research/fetch/answers.h"
#include "research/report/escape.h"

namespace hadal::research {
namespace {

constexpr int64_t kAnswers = 10;  // of a source to a query
constexpr size_t kPagesARound = 8;
constexpr size_t kArchivedARound = 20;  // of an archive alone, which no reader wears out
constexpr size_t kPerSite = 2;
constexpr int64_t kTriesAPage = 3;  // pages that are refused cost time too
constexpr const char* kLinks = "links";

// As it is fetched: one spelling, without a fragment.
std::string page_url(const std::string& text) {
  std::optional<net::Url> url = net::parse_url(text);
  if (!url) return "";
  url->fragment.reset();
  return url->href();
}

std::string kind_of(const std::string& source) {
  const std::string kind = source.substr(0, source.find(':'));
  return kind == "folder" || kind == "index" ? kind : "web";
}

}  // namespace

Search::Search(Steps& steps, Library& library, const RunOptions& options, std::string started)
    : steps_(steps), library_(library), options_(options), started_(std::move(started)), names_(options.sources) {
  const bool web = std::any_of(names_.begin(), names_.end(), [](const std::string& s) { return kind_of(s) == "web"; });
  if (!options.replay.empty() && !web) names_.insert(names_.begin(), "");
}

Fetcher& Search::fetcher() {
  if (!fetcher_)
    fetcher_ = options_.replay.empty() ? web_fetcher(options_.fetch, &steps_.archive())
                                       : replay_fetcher(options_.replay, &steps_.archive());
  return *fetcher_;
}

std::unique_ptr<Source> Search::opened(const std::string& name) {
  SourceContext context{fetcher(), library_.index(), &steps_.archive()};
  if (options_.replay.empty()) {
    context.date = started_;
    return open_source(name, context);
  }
  if (name.empty()) return archive_source(options_.replay, context);
  if (kind_of(name) == "web") return open_source(name, context);
  // As a run before read it; an archive that knows no such files leaves them where they are.
  try {
    context.replay = options_.replay;
    return open_source(name, context);
  } catch (const Error&) {
    context.replay.clear();
    return open_source(name, context);
  }
}

Source& Search::source(size_t i) {
  Opened& opened = sources_[i];
  if (!opened.source) opened.source = this->opened(names_[i]);
  return *opened.source;
}

bool Search::is_remote() const {
  return std::any_of(sources_.begin(), sources_.end(), [](const Opened& o) { return o.usable && o.is_outside; });
}

void Search::open(size_t i) {
  sources_.emplace_back();
  const bool past = !steps_.live();
  const OrderedJson data = steps_.step("source", [&]() -> Steps::Done {
    try {
      const Source& opened = source(i);
      OrderedJson json = {{"name", opened.name()},
                          {"private", opened.is_private()},
                          {"outside", opened.is_outside()},
                          {"documents", library_.index().list().size()}};
      for (const auto& [url, why] : opened.unread()) json["unread"].push_back({{"url", url}, {"why", brief(why, 400)}});
      return {opened.name() + " opened", std::move(json)};
    } catch (const Error& e) {
      const std::string why = e.what();
      return {why, {{"name", names_[i]}, {"error", why}}};
    }
  });
  Opened& opened = sources_.back();
  opened.name = data.at("name").get<std::string>();
  opened.usable = !data.contains("error");
  if (past) library_.restore(steps_.archive_then());
  library_.name_kind(kind_of(opened.name));
  if (!opened.usable) return refuse(opened.name, data.at("error").get<std::string>());
  opened.is_private = data.at("private").get<bool>();
  opened.is_outside = data.at("outside").get<bool>();
  if (data.contains("unread"))
    for (const OrderedJson& file : data["unread"])
      refuse(file.at("url").get<std::string>(), file.at("why").get<std::string>());
}

void Search::open_sources() {
  for (size_t i = 0; i < names_.size(); ++i) open(i);
  if (std::none_of(sources_.begin(), sources_.end(), [](const Opened& o) { return o.usable; }))
    throw_error(refused_.empty() ? "--sources: expected a source, found none" : refused_.front().why);
}

bool Search::has_pages() const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [](const Opened& o) { return o.usable && kind_of(o.name) == "web"; });
}

bool Search::has_private() const {
  return std::any_of(sources_.begin(), sources_.end(), [](const Opened& o) { return o.usable && o.is_private; });
}

std::string Search::round(const std::vector<Query>& queries, const std::vector<std::string>& links) {
  std::vector<std::vector<Candidate>> answers;
  for (const Query& query : queries)
    for (size_t i = 0; i < sources_.size(); ++i) {
      const Opened& opened = sources_[i];
      if (!opened.usable || !asked_.insert({i, query.text}).second) continue;
      if (opened.is_outside && !query.open && has_private() && !options_.private_queries) continue;
      if (std::string why = steps_.stopped_here(kSearching); !why.empty()) return why;
      for (auto& list : ask(i, query)) answers.push_back(std::move(list));
    }
  answers.push_back(std::move(waiting_));
  read_none_ = true;
  const std::vector<std::string> urls = choose(answers, links);
  waiting_.clear();
  for (const auto& list : answers)
    for (const Candidate& candidate : list)
      if (candidate.document < 0 && !seen_.contains(page_url(candidate.url))) waiting_.push_back(candidate);
  if (urls.empty()) return "";
  if (std::string why = steps_.stopped_here(kSearching); !why.empty()) return why;
  fetch(urls);
  return "";
}

OrderedJson Search::described(const Candidate& c) const {
  OrderedJson json = {{"url", c.url}, {"title", inert(c.title)}, {"document", c.document}};
  if (c.document < 0) return json;
  const IndexedDocument indexed = library_.index().document(c.document);
  json["date"] = indexed.document.date;
  json["hash"] = indexed.hash;
  return json;
}

// Of an index the documents come with its answers.
void Search::restore_kept(const OrderedJson& data) {
  std::map<std::string, Library::Kept> kept;
  if (data.contains("candidates"))
    for (const OrderedJson& c : data["candidates"])
      if (c.contains("hash"))
        kept[c["url"].get<std::string>()] = {c["title"].get<std::string>(), c["date"].get<std::string>(),
                                             c["hash"].get<std::string>()};
  library_.restore(steps_.archive_then(), kept);
}

std::vector<std::vector<Candidate>> Search::ask(size_t i, const Query& query) {
  const bool past = !steps_.live();
  const OrderedJson data = steps_.step("search", [&]() -> Steps::Done {
    OrderedJson json = {{"source", sources_[i].name}, {"query", query.text}};
    try {
      OrderedJson list = OrderedJson::array();
      for (const Candidate& c : source(i).search(query.text, kAnswers, steps_.stopper(kSearching)))
        list.push_back(described(c));
      json["candidates"] = std::move(list);
      return {fmt::format("{}: {}: {} found", sources_[i].name, query.text, json["candidates"].size()),
              std::move(json)};
    } catch (const Error& e) {
      json["error"] = brief(e.what(), 400);
      return {brief(e.what(), 400), std::move(json)};
    }
  });
  if (past) restore_kept(data);
  library_.name_kind(kind_of(sources_[i].name));
  SearchNode node{query.text, sources_[i].name, {}};
  std::vector<Candidate> list;
  if (data.contains("error")) {
    refuse(sources_[i].name, data["error"].get<std::string>());
    node.pages.push_back({sources_[i].name, "refused: " + data["error"].get<std::string>()});
  } else {
    for (const OrderedJson& c : data.at("candidates")) {
      Candidate candidate{c.at("url").get<std::string>(), c.at("title").get<std::string>(),
                          c.at("document").get<int64_t>()};
      if (candidate.document >= 0) {
        node.pages.push_back({candidate.url, "read"});
      } else if (std::string url = page_url(candidate.url); !url.empty()) {
        candidate.url = url;
        node.pages.push_back({std::move(url), "not read"});
        list.push_back(std::move(candidate));
      }
    }
  }
  tree_.push_back(std::move(node));
  return {std::move(list)};
}

std::vector<std::string> Search::choose(const std::vector<std::vector<Candidate>>& answers,
                                        const std::vector<std::string>& links) {
  std::vector<std::string> urls;
  const int64_t left = std::min(options_.budget.pages - pages_, kTriesAPage * options_.budget.pages - tried_);
  const size_t most =
      std::min(is_remote() ? kPagesARound : kArchivedARound, static_cast<size_t>(std::max<int64_t>(left, 0)));
  const auto take = [&](const std::string& text) {
    const std::string url = page_url(text);
    if (urls.size() >= most || url.empty() || !seen_.insert(url).second) return false;
    urls.push_back(url);
    return true;
  };
  SearchNode node{"", kLinks, {}};
  for (const std::string& link : links)
    if (take(link)) node.pages.push_back({urls.back(), "not read"});
  if (!node.pages.empty()) {
    node.query = "links that pages name";
    tree_.push_back(std::move(node));
  }
  for (const Candidate& candidate : fuse(answers, is_remote() ? kPerSite : kArchivedARound)) take(candidate.url);
  return urls;
}

void Search::fetch(const std::vector<std::string>& urls) {
  const bool past = !steps_.live();
  const OrderedJson data = steps_.step("fetch", [&]() -> Steps::Done {
    OrderedJson pages = OrderedJson::array();
    for (Fetched& page : fetcher().fetch(urls, steps_.stopper(kSearching))) {
      OrderedJson json = {{"url", page.url}, {"final_url", page.final_url}};
      if (page.refused.empty()) {
        const Library::Added added = library_.add_page(page, steps_.archive());
        page.refused = added.refused;
        if (!added.refused.empty()) steps_.archive().append(refusal_record(page, fetcher().now()));
        json.update({{"number", added.number}, {"title", inert(added.title)}, {"bytes", page.body.size()}});
      }
      json["refused"] = page.refused;
      pages.push_back(std::move(json));
    }
    return {counted(static_cast<int64_t>(urls.size()), "page") + " asked for", {{"pages", std::move(pages)}}};
  });
  if (past) library_.restore(steps_.archive_then());
  library_.name_kind("web");
  tried_ += static_cast<int64_t>(urls.size());
  for (const OrderedJson& page : data.at("pages")) take_page(page);
}

void Search::take_page(const OrderedJson& page) {
  const std::string url = page.at("url").get<std::string>(), why = page.at("refused").get<std::string>();
  if (why.empty()) {
    ++pages_;
    read_none_ = false;
    bytes_ += page.at("bytes").get<uint64_t>();
    // A page that says what a document of the user's own says is held by that one, which stays private.
    const auto number = page.at("number").get<int64_t>();
    if (library_.index().document(number).document.url == page.at("final_url").get<std::string>())
      library_.set_public(number);
    steps_.progress.pages = pages_;
    steps_.note("page", url + " read", {{"url", url}});
  } else {
    refuse(url, why);
    steps_.note("refused", fmt::format("{}: {}", url, why), {{"url", url}, {"why", why}});
  }
  for (SearchNode& node : tree_)
    for (SearchNode::Page& other : node.pages)
      if (other.url == url) other.what = why.empty() ? "read" : "refused: " + why;
}

void Search::refuse(const std::string& url, const std::string& why) {
  const bool known =
      std::any_of(refused_.begin(), refused_.end(), [&](const Refusal& r) { return r.url == url && r.why == why; });
  if (!known) refused_.push_back({inert(url), inert(why)});
  steps_.progress.refused = static_cast<int64_t>(refused_.size());
}

}  // namespace hadal::research
