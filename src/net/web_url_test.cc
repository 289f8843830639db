#include "net/web_url.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace hadal::net {
namespace {

// Cases of the web-platform-tests (see tests/research/README.md); "fields" as scripts name them.
Json fields_of(const Url& url) {
  return {{"href", url.href()},
          {"protocol", url.scheme + ":"},
          {"username", url.username},
          {"password", url.password},
          {"hostname", url.host},
          {"port", url.port < 0 ? "" : std::to_string(url.port)},
          {"pathname", url.path},
          {"search", url.query && !url.query->empty() ? "?" + *url.query : ""},
          {"hash", url.fragment && !url.fragment->empty() ? "#" + *url.fragment : ""}};
}

TEST(WebUrl, AgreesWithTheWebPlatformTests) {
  const std::string path = fmt::format("{}/tests/research/url.json", HADAL_SOURCE_DIR);
  const Json cases = parse_json(read_file(path), path, {.mend_surrogates = true}).at("cases");
  EXPECT_GT(cases.size(), 200u);
  for (const Json& c : cases) {
    const auto input = c.at("input").get<std::string>();
    std::optional<Url> base, url;
    if (c.at("base").is_string()) base = parse_url(c.at("base").get<std::string>());
    url = parse_url(input, base ? &*base : nullptr);
    if (c.contains("failure")) {
      EXPECT_FALSE(url) << c.dump() << url->href();
      continue;
    }
    ASSERT_TRUE(url) << c.dump();
    const Json fields = fields_of(*url);
    for (const auto& [name, value] : fields.items()) EXPECT_EQ(value, c.at(name)) << c.dump();
    EXPECT_EQ(parse_url(url->href()), url) << "what is written reads back as it was";
  }
}

std::string href(std::string_view input) {
  const auto url = parse_url(input);
  return url ? url->href() : "none";
}

std::string relative(std::string_view input, std::string_view base = "https://me:pw@h.test:8080/a/b?q#f") {
  const auto from = parse_url(base);
  const auto url = parse_url(input, &*from);
  return url ? url->href() : "none";
}

TEST(WebUrl, OtherSchemesAreNone) {
  for (const char* bad :
       {"", "x", "/x", "//h/x", "file:///x", "ftp://h/", "mailto:a@b", "https+unix://x/", "http:", "javascript:1"})
    EXPECT_EQ(href(bad), "none") << bad;
  EXPECT_EQ(relative("file:x"), "none");
  EXPECT_EQ(relative("javascript:alert(1)"), "none");
}

TEST(WebUrl, RelativeOnesTakeWhatTheyLackFromTheBase) {
  EXPECT_EQ(relative(""), "https://me:pw@h.test:8080/a/b?q");
  EXPECT_EQ(relative("?x"), "https://me:pw@h.test:8080/a/b?x");
  EXPECT_EQ(relative("#x"), "https://me:pw@h.test:8080/a/b?q#x");
  EXPECT_EQ(relative("c"), "https://me:pw@h.test:8080/a/c");
  EXPECT_EQ(relative("../../c/./d/.."), "https://me:pw@h.test:8080/c/");
  EXPECT_EQ(relative("/c?"), "https://me:pw@h.test:8080/c?");
  EXPECT_EQ(relative("https:c"), "https://me:pw@h.test:8080/a/c");
  EXPECT_EQ(relative("http:c"), "http://c/");
  EXPECT_EQ(relative("\\\\o.test\\c"), "https://o.test/c");
  EXPECT_EQ(relative("https:\\/o.test"), "https://o.test/");
  EXPECT_EQ(relative(".%2E/%2e"), "https://me:pw@h.test:8080/");
}

TEST(WebUrl, HostsHaveOneForm) {
  for (const char* same : {"http://127.1", "http://0x7f000001", "http://2130706433", "http://0177.0.0.1.",
                           "http://%31%32%37.1", "http://\uff11\uff12\uff17\u30021", "HTTP:\\\\127.0.1:80"})
    EXPECT_EQ(href(same), "http://127.0.0.1/") << same;
  EXPECT_EQ(href("http://[1:0:0:2::]"), "http://[1:0:0:2::]/");
  EXPECT_EQ(href("http://[0:0:1:0:0:0:2:0]"), "http://[0:0:1::2:0]/");
  EXPECT_EQ(href("http://[::FFFF:1.2.3.4]"), "http://[::ffff:102:304]/");
  EXPECT_EQ(href("http://[1:2:3:4:5:6:7::]"), "http://[1:2:3:4:5:6:7:0]/");
  for (const char* bad : {"[1:2:3:4:5:6:7:8:9]", "[1::2::3]", "[:1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:]", "[::1.2.3]",
                          "[::01.2.3.4]", "[1:2:3:4:5:6:7:1.2.3.4]", "[fe80::1%25eth0]", "[::1", "[::12345]", "a b",
                          "1.2.3.4.5", "4294967296", "a.1", "a%2fb", "\xff", "a\u3002\xff"})
    EXPECT_EQ(href(std::string("http://") + bad + "/"), "none") << bad;
}

TEST(WebUrl, NamesBeyondAscii) {
  EXPECT_EQ(href("http://B\u00dcCHER.example"), "http://xn--bcher-kva.example/");
  EXPECT_EQ(href("http://stra\u00dfe.example"), "http://xn--strae-oqa.example/");
  EXPECT_EQ(href("http://STRA\u1e9eE.example"), "http://xn--strae-oqa.example/");
  EXPECT_EQ(href("http://\u00e4..b"), "http://xn--4ca..b/");
  // An ASCII name is taken as it is, whatever its Punycode says; beside other letters it must be right.
  EXPECT_EQ(href("http://XN--99999999"), "http://xn--99999999/");
  for (const char* bad : {"http://\u00e4.xn--", "http://\u00e4.xn--abc-", "http://\u00e4.xn--99999999",
                          "http://xn--\u00ad", "http://\u00ad", "http://a\u200db", "http://\u05d0a"})
    EXPECT_EQ(href(bad), "none") << bad;
  std::string endless = "http://";
  while (endless.size() < 100'000) endless += "\u00e4";
  EXPECT_EQ(href(endless), "none");
}

TEST(WebUrl, PiecesAreEncodedByTheirOwnSets) {
  EXPECT_EQ(href("http://a:b:c@h/ \"#"), "http://a:b%3Ac@h/%20%22#");
  EXPECT_EQ(href("http://u@v@h"), "http://u%40v@h/");
  EXPECT_EQ(href("http://h/^`{}|[]'\u00e9"), "http://h/%5E%60%7B%7D|[]'%C3%A9");
  EXPECT_EQ(href("http://h/?'`{}^#'`{}^"), "http://h/?%27`{}^#'%60{}^");
  EXPECT_EQ(href("http://h/%zz%41"), "http://h/%zz%41");
  EXPECT_EQ(href("\x01 ht\ntp://h/a\tb\r "), "http://h/ab");
}

// Broken UTF-8 becomes U+FFFD as often as browsers have it.
TEST(WebUrl, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(href("http://h/\xe2\x82|\xf0\x9f\x98|\xed\xa0\x80|\xff\x80"),
            "http://h/%EF%BF%BD|%EF%BF%BD|%EF%BF%BD%EF%BF%BD%EF%BF%BD|%EF%BF%BD%EF%BF%BD");
}

TEST(WebUrl, OriginsLeaveOutTheSchemesOwnPort) {
  EXPECT_EQ(parse_url("https://h:443/x")->origin(), "https://h");
  EXPECT_EQ(parse_url("https://h:80/x")->origin(), "https://h:80");
  EXPECT_EQ(parse_url("http://[::1]/")->effective_port(), 80);
  EXPECT_EQ(href("http://h:65536/"), "none");
  EXPECT_EQ(href("http://h:00000000080/"), "http://h/");
}

}  // namespace
}  // namespace hadal::net
