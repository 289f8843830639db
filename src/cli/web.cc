// hadal web COMMAND ...: what Hadal does with addresses and pages of the web, one piece at a time.
#include "cli/web.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "net/address.h"
#include "net/robots.h"
#include "net/web_url.h"

namespace hadal {
namespace {

constexpr Verb kCommands[] = {
    {"url", "addresses, taken apart as browsers do", web_url_command},
    {"fetch", "a page of the public web as text", web_fetch_command},
    {"check", "may a fetch begin at these addresses?", web_check_command},
    {"extract", "what a page, a text or a PDF says", web_extract_command},
    {"robots", "may this agent fetch this page, under this robots.txt?", web_robots_command},
};

// What `answer` makes of the file that --cases names; printed.
int answer_cases(int argc, char** argv, const std::string& about, Json (*answer)(const Json&)) {
  constexpr uint64_t kMaxBytes = 256 << 20;
  CommandLine app(about);
  std::string file;
  bool json = false;
  app.add_option("--cases", file, "a file of JSON with the cases").required();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  const Json cases = parse_json(read_file(file, kMaxBytes), file, {.mend_surrogates = true});
  try {
    const Json answers = answer(cases);
    print_text(dump_json(answers, json ? -1 : 2) + "\n");
  } catch (const Json::exception& e) {
    fail("{}: {}", file, plain_words(e));
  }
  return 0;
}

std::string text_at(const Json& c, const char* name) { return c.at(name).get_ref<const std::string&>(); }

std::string with_mark(char mark, const std::optional<std::string>& text) {
  return text && !text->empty() ? mark + *text : "";
}

Json url_answer(const Json& c) {
  std::optional<net::Url> base, url;
  const bool has_base = c.contains("base") && !c.at("base").is_null();
  if (has_base) base = net::parse_url(text_at(c, "base"));
  if (base || !has_base) url = net::parse_url(text_at(c, "input"), base ? &*base : nullptr);
  if (!url) return {{"failure", true}};
  return {{"href", url->href()},
          {"protocol", url->scheme + ":"},
          {"username", url->username},
          {"password", url->password},
          {"hostname", url->host},
          {"port", url->port < 0 ? "" : std::to_string(url->port)},
          {"pathname", url->path},
          {"search", with_mark('?', url->query)},
          {"hash", with_mark('#', url->fragment)}};
}

template <typename Answer>
Json each(const Json& cases, Answer&& answer) {
  Json answers = Json::array();
  for (const Json& c : cases) answers.push_back(answer(c));
  return answers;
}

bool may_begin(const std::string& text) {
  const auto url = net::parse_url(text);
  return url && net::url_refusal(*url).empty();
}

bool may_connect(const std::string& text) {
  const auto address = net::parse_address(text);
  return address && net::address_refusal(*address).empty();
}

}  // namespace

int web_url_command(int argc, char** argv) {
  return answer_cases(argc, argv,
                      "Takes addresses of http and https apart as the WHATWG URL Standard says. The file: {\"cases\": "
                      "[{\"input\", \"base\"}]}; base may be null.",
                      [](const Json& cases) -> Json {
                        return {{"results", each(cases.at("cases"), url_answer)}};
                      });
}

int web_robots_command(int argc, char** argv) {
  return answer_cases(argc, argv,
                      "Says whether an agent may fetch an address under a robots.txt: true or false for each case. "
                      "The file: {\"cases\": [{\"robots\", \"agent\", \"url\"}]}.",
                      [](const Json& cases) -> Json {
                        return {{"results", each(cases.at("cases"), [](const Json& c) {
                                   return net::robots_allow(text_at(c, "robots"), text_at(c, "agent"),
                                                            text_at(c, "url"));
                                 })}};
                      });
}

int web_check_command(int argc, char** argv) {
  return answer_cases(
      argc, argv,
      "Says where strangers' links may lead: true for public addresses and for URLs at which a fetch may begin. Names "
      "are not looked up. The file: {\"addresses\": [{\"address\"}], \"urls\": [{\"url\"}]}.",
      [](const Json& cases) -> Json {
        return {{"addresses", each(cases.value("addresses", Json::array()),
                                   [](const Json& c) { return may_connect(text_at(c, "address")); })},
                {"urls",
                 each(cases.value("urls", Json::array()), [](const Json& c) { return may_begin(text_at(c, "url")); })}};
      });
}

int web_command(int argc, char** argv) {
  return run_command_of("web", "addresses and pages of the web, one piece at a time", kCommands, argc, argv);
}

}  // namespace hadal
