#include "research/sources/search_server.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "research/fetch/answers.h"

namespace hadal::research {
namespace {

constexpr size_t kMaxTextBytes = 1000;  // of a title

// Titles come with marks of emphasis.
std::string plain_text(std::string_view html) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kEntities = {{{"&lt;", "<"},
                                                                                              {"&gt;", ">"},
                                                                                              {"&quot;", "\""},
                                                                                              {"&#39;", "'"},
                                                                                              {"&#x27;", "'"},
                                                                                              {"&nbsp;", " "},
                                                                                              {"&amp;", "&"}}};
  std::string out;
  while (!html.empty() && out.size() < kMaxTextBytes) {
    const bool tag =
        html.size() > 1 && html[0] == '<' && (html[1] == '/' || std::isalpha(static_cast<unsigned char>(html[1])));
    const size_t end = tag ? html.substr(0, 200).find('>') : std::string_view::npos;
    if (end != std::string_view::npos) {
      html.remove_prefix(end + 1);
      continue;
    }
    const auto entity =
        std::find_if(kEntities.begin(), kEntities.end(), [&](const auto& e) { return html.starts_with(e.first); });
    const bool known = entity != kEntities.end();
    const char c = html[0];
    if (known)
      out += entity->second;
    else
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    html.remove_prefix(known ? entity->first.size() : 1);
  }
  return out.size() < kMaxTextBytes ? out : brief(out, kMaxTextBytes);
}

std::string what_came(const Fetched& answer) {
  const std::string type = lower_case(answer.content_type.substr(0, answer.content_type.find(';')));
  if (type == "text/html") return "a page of HTML (a captcha or a login?)";
  return type.empty() ? "something else" : brief(type);
}

}  // namespace

net::Url server_address(const std::string& name, const std::string& text, const std::string& example) {
  auto url = net::parse_url(text);
  if (!url) fail("{}: expected an address of http or https, as in {}, found {}", brief(name), example, brief(text));
  if (!url->username.empty() || !url->password.empty())
    fail("{}: expected an address without a password, as in {}", brief(name.substr(0, name.find(':'))), example);
  url->query.reset();
  url->fragment.reset();
  return std::move(*url);
}

Json ask_server(Fetcher& fetcher, const SearchQuestion& question, const std::function<bool()>& stopped) {
  const std::string& name = question.name;
  const Fetched answer = fetcher.ask(name + "\n" + question.query, question.url, question.secret, stopped);
  if (answer.refused == kNotInArchive)
    fail("{}: what it answered to {} is not in the archive", name, brief(question.query));
  if (answer.refused == "stopped") fail("{}: stopped before it answered", name);
  if (!answer.refused.empty())
    fail("{}: expected a search server, found none that answers ({}); is it running, at this address?", name,
         answer.refused);
  if (answer.status != 200) {
    const auto advice = question.advice.find(answer.status);
    std::string what = advice != question.advice.end() ? advice->second : "";
    if (what.empty() && answer.status == 429) what = "too many requests: ask it again later, or raise its limit";
    if (what.empty()) what = "look into its log";
    fail("{}: answered status {}; {}", name, answer.status, what);
  }
  const std::string_view body = answer.body;
  const size_t first = body.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || body[first] != '{')
    fail("{}: expected an answer in JSON, found {}; open its address in a browser", name, what_came(answer));
  return parse_json(body, name + ": its answer", {.mend_surrogates = true});
}

void CandidateList::add(const std::string& text, const std::string& title) {
  if (static_cast<int64_t>(list_.size()) >= limit_) return;
  auto url = net::parse_url(text);
  if (!url) return;
  url->fragment.reset();
  std::string href = url->href();
  if (std::any_of(list_.begin(), list_.end(), [&](const Candidate& c) { return c.url == href; })) return;
  list_.push_back({std::move(href), plain_text(title)});
}

std::string text_or_empty(const Json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace hadal::research
