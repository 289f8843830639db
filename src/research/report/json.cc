// report.json: written, and read back with every field checked.
#include "base/json.h"

#include "base/error.h"
#include "research/report.h"

namespace hadal::research {
namespace {

OrderedJson to_json(const Claim& claim) {
  OrderedJson cites = OrderedJson::array();
  for (const Cite& cite : claim.cites)
    cites.push_back({{"source", cite.source}, {"start", cite.start}, {"end", cite.end}, {"quote", cite.quote}});
  return {{"text", claim.text}, {"kind", claim.kind}, {"support", claim.support}, {"cites", std::move(cites)}};
}

OrderedJson to_json(const std::vector<Claim>& claims) {
  OrderedJson all = OrderedJson::array();
  for (const Claim& claim : claims) all.push_back(to_json(claim));
  return all;
}

template <typename Sections>
OrderedJson sections_to_json(const Sections& sections) {
  OrderedJson all = OrderedJson::array();
  for (const auto& section : sections)
    all.push_back({{"heading", section.heading}, {"claims", to_json(section.claims)}});
  return all;
}

OrderedJson to_json(const SearchNode& node) {
  OrderedJson pages = OrderedJson::array();
  for (const auto& page : node.pages) pages.push_back({{"url", page.url}, {"what", page.what}});
  return {{"query", node.query}, {"source", node.source}, {"pages", std::move(pages)}};
}

// Reads an object field by field, so that an Error names the one that is wrong.
class Fields {
 public:
  Fields(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) fail("{}: expected an object, found {}", where_, brief_json(json));
  }
  std::string text(const char* name) const { return get(name, &Json::is_string, "a text").get<std::string>(); }
  bool flag(const char* name) const { return get(name, &Json::is_boolean, "true or false").get<bool>(); }
  double number(const char* name) const { return get(name, &Json::is_number, "a number").get<double>(); }
  int64_t whole(const char* name) const { return get(name, &Json::is_number_integer, "a whole number").get<int64_t>(); }
  size_t size(const char* name) const {
    const int64_t value = whole(name);
    if (value < 0) fail("{}: expected a whole number from 0 in \"{}\", found {}", where_, name, value);
    return static_cast<size_t>(value);
  }
  std::optional<double> maybe_number(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end() || found->is_null()) return {};
    return number(name);
  }
  template <typename F>
  void each(const char* name, F&& use) const {
    size_t i = 0;
    for (const Json& item : get(name, &Json::is_array, "a list"))
      use(item, fmt::format("{}: {}[{}]", where_, name, i++));
  }
  std::vector<std::string> texts(const char* name) const {
    std::vector<std::string> all;
    each(name, [&](const Json& item, const std::string& where) {
      if (!item.is_string()) fail("{}: expected a text, found {}", where, brief_json(item));
      all.push_back(item.get<std::string>());
    });
    return all;
  }
  Fields object(const char* name) const { return {get(name, &Json::is_object, "an object"), where_ + ": " + name}; }

 private:
  const Json& get(const char* name, bool (Json::*is)() const noexcept, const char* expected) const {
    const auto found = json_.find(name);
    if (found == json_.end()) fail("{}: expected a field \"{}\", found none", where_, name);
    if (!((*found).*is)()) fail("{}: expected {} in \"{}\", found {}", where_, expected, name, brief_json(*found));
    return *found;
  }
  const Json& json_;
  std::string where_;
};

std::vector<Claim> read_claims(const Fields& section) {
  std::vector<Claim> claims;
  section.each("claims", [&](const Json& json, const std::string& where) {
    const Fields fields(json, where);
    Claim claim{fields.text("text"), fields.text("kind"), fields.text("support"), {}};
    fields.each("cites", [&](const Json& cite, const std::string& at) {
      const Fields f(cite, at);
      claim.cites.push_back({f.whole("source"), f.size("start"), f.size("end"), f.text("quote")});
    });
    claims.push_back(std::move(claim));
  });
  return claims;
}

Cost read_cost(const Fields& f) {
  return {f.whole("tokens_in"), f.whole("tokens_out"), f.number("seconds"),
          f.whole("pages"),     f.size("bytes"),       f.maybe_number("joules")};
}

// A run makes some dozens; who checks or shows a report compares each cite with all sources and all other cites.
void check_counts(const Report& report, const std::string& where) {
  constexpr size_t kMost = 20'000;
  size_t cites = 0;
  for (const Section& section : report.sections)
    for (const Claim& claim : section.claims) cites += claim.cites.size();
  for (const ReportConflict& conflict : report.conflicts)
    for (const Claim& claim : conflict.claims) cites += claim.cites.size();
  for (const auto& [name, count] : {std::pair("sources", report.sources.size()), {"cites", cites}})
    if (count > kMost)
      fail("{}: expected at most {} {}, found {}; no run of Hadal wrote it", where, kMost, name, count);
}

SearchNode read_search(const Fields& f) {
  SearchNode node{f.text("query"), f.text("source"), {}};
  f.each("pages", [&](const Json& page, const std::string& where) {
    const Fields p(page, where);
    node.pages.push_back({p.text("url"), p.text("what")});
  });
  return node;
}

}  // namespace

OrderedJson to_json(const Report& report) {
  OrderedJson sources = OrderedJson::array(), refused = OrderedJson::array(), searches = OrderedJson::array();
  for (const ReportSource& s : report.sources)
    sources.push_back({{"id", s.id},
                       {"url", s.url},
                       {"title", s.title},
                       {"date", s.date},
                       {"kind", s.kind},
                       {"snapshot", s.snapshot},
                       {"fetched", s.fetched}});
  for (const Refusal& r : report.refused) refused.push_back({{"url", r.url}, {"why", r.why}});
  for (const SearchNode& node : report.searches) searches.push_back(to_json(node));
  const Cost& cost = report.cost;
  return {{"question", report.question},
          {"found", report.found},
          {"answer", report.answer},
          {"mode", report.mode},
          {"model", report.model},
          {"slots", report.slots},
          {"slots_why", report.slots_why},
          {"sections", sections_to_json(report.sections)},
          {"sources", std::move(sources)},
          {"gaps", report.gaps},
          {"conflicts", sections_to_json(report.conflicts)},
          {"refused", std::move(refused)},
          {"searches", std::move(searches)},
          {"rejected", report.rejected},
          {"stopped", report.stopped},
          {"cost",
           {{"tokens_in", cost.tokens_in},
            {"tokens_out", cost.tokens_out},
            {"seconds", cost.seconds},
            {"pages", cost.pages},
            {"bytes", cost.bytes},
            {"joules", cost.joules ? OrderedJson(*cost.joules) : OrderedJson(nullptr)}}}};
}

Report report_from_json(const Json& json, const std::string& where) {
  const Fields f(json, where);
  Report report;
  report.question = f.text("question");
  report.found = f.flag("found");
  report.answer = f.text("answer");
  report.mode = f.text("mode");
  report.model = f.text("model");
  report.slots = f.texts("slots");
  report.slots_why = f.texts("slots_why");
  f.each("sections", [&](const Json& item, const std::string& at) {
    const Fields section(item, at);
    report.sections.push_back({section.text("heading"), read_claims(section)});
  });
  f.each("sources", [&](const Json& item, const std::string& at) {
    const Fields s(item, at);
    report.sources.push_back({s.whole("id"), s.text("url"), s.text("title"), s.text("date"), s.text("kind"),
                              s.text("snapshot"), s.text("fetched")});
  });
  report.gaps = f.texts("gaps");
  f.each("conflicts", [&](const Json& item, const std::string& at) {
    const Fields conflict(item, at);
    report.conflicts.push_back({conflict.text("heading"), read_claims(conflict)});
  });
  f.each("refused", [&](const Json& item, const std::string& at) {
    const Fields r(item, at);
    report.refused.push_back({r.text("url"), r.text("why")});
  });
  f.each("searches",
         [&](const Json& item, const std::string& at) { report.searches.push_back(read_search(Fields(item, at))); });
  report.rejected = f.whole("rejected");
  report.stopped = f.text("stopped");
  report.cost = read_cost(f.object("cost"));
  check_counts(report, where);
  return report;
}

}  // namespace hadal::research
