#include "net/robots.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace hadal::net {
namespace {

TEST(Robots, AgreesWithTheCases) {
  const std::string path = fmt::format("{}/tests/research/robots.json", HADAL_SOURCE_DIR);
  const Json cases = parse_json(read_file(path), path).at("cases");
  EXPECT_GT(cases.size(), 80u);
  for (const Json& c : cases) {
    const auto robots = c.at("robots").get<std::string>(), agent = c.at("agent").get<std::string>();
    EXPECT_EQ(robots_allow(robots, agent, c.at("url").get<std::string>()), c.at("allowed").get<bool>())
        << brief(c.dump(), 400);
  }
}

// One rule for every agent: is the path closed?
bool closes(const std::string& rule, const std::string& path) {
  return !robots_allow("user-agent: *\n" + rule, "hadal", "https://h.test" + path);
}

TEST(Robots, LinesAreReadWithTheirCommonSlips) {
  for (const char* rule :
       {"disallow: /a", "DISALLOW : /a", "disallow /a", "disallow\t/a # why", "  disallow:/a  ", "dissallow: /a",
        "dissalow: /a", "disalow: /a", "diasllow: /a", "disallaw: /a", "disallowed: /a",
        "\xef\xbb\xbf"
        "x\ndisallow: /a"})
    EXPECT_TRUE(closes(rule, "/a/b")) << rule;
  for (const char* rule : {"", "disallow", "disallow:", "disallow /a /b", ": /a", "dis allow: /a", "# disallow: /a",
                           "noindex: /a", "disallow: a", "disallow: /a$ b"})
    EXPECT_FALSE(closes(rule, "/a/b")) << rule;
  for (const char* agent :
       {"User-agent: *", "useragent: * all of you", "USER AGENT:*", "\xef\xbbUser-agent: *", "user-agent *"})
    EXPECT_FALSE(robots_allow(std::string(agent) + "\rdisallow: /", "hadal", "http://h/")) << agent;
  EXPECT_TRUE(closes(std::string("disallow: /a\0b", 14), "/ax")) << "a NUL ends the line";
}

TEST(Robots, GroupsOfAnAgentCountAsOne) {
  const std::string robots =
      "user-agent: a\nuser-agent: hadal\ncrawl-delay: 3\nsitemap: x\ndisallow: /1\n"
      "user-agent: *\ndisallow: /\n"
      "user-agent: Hadal/2.0\ndisallow: /2\n";
  for (const char* path : {"/1", "/2"}) EXPECT_FALSE(robots_allow(robots, "hadal", path)) << path;
  EXPECT_TRUE(robots_allow(robots, "hadal", "/3"));
  EXPECT_FALSE(robots_allow(robots, "other", "/3"));
  EXPECT_TRUE(robots_allow(robots, "a", "/2"));
  EXPECT_TRUE(robots_allow("user-agent: hadal\n\nuser-agent: *\nallow: /", "hadal", "/x"));
  EXPECT_TRUE(robots_allow("user-agent: *\ndisallow: /\nuser-agent: hadal\ndisallow:\n", "hadal", "/x"));
  EXPECT_TRUE(robots_allow("user-agent: had\nuser-agent: hadalx\ndisallow: /\n", "hadal", "/x"));
  EXPECT_TRUE(robots_allow("disallow: /\nuser-agent: hadal\n", "hadal", "/x")) << "a rule of nobody";
}

TEST(Robots, PatternsMatch) {
  EXPECT_TRUE(closes("disallow: /*.php$", "/a.php.php"));
  EXPECT_FALSE(closes("disallow: /*.php$", "/a.php?x"));
  EXPECT_TRUE(closes("disallow: /a**b", "/ab"));
  EXPECT_TRUE(closes("disallow: *b", "/ab"));
  EXPECT_TRUE(closes("disallow: /a*$", "/a"));
  EXPECT_TRUE(closes("disallow: /a$b", "/a$bc")) << "a $ within is itself";
  EXPECT_FALSE(closes("disallow: /ab*ab$", "/ab")) << "pieces do not overlap";
  EXPECT_FALSE(closes("disallow: /aba*ba$", "/aba"));
  EXPECT_FALSE(closes("disallow: $", "/a"));
  EXPECT_TRUE(closes("disallow: /\u00e9", "/%C3%A9"));
  EXPECT_TRUE(closes("disallow: /%c3%a9", "/%C3%A9"));
  EXPECT_FALSE(closes("disallow: /%7Ea", "/~a"));
}

TEST(Robots, TheLongestRuleDecidesAndAllowWinsATie) {
  EXPECT_FALSE(closes("disallow: /a\nallow: /b\nallow: /a", "/a"));
  EXPECT_TRUE(closes("disallow: /a/\nallow: /a", "/a/"));
  EXPECT_FALSE(closes("disallow: /\nallow: /d/index.html", "/d/"));
  EXPECT_TRUE(closes("disallow: /\nallow: /d/index.html", "/d/x"));
  EXPECT_TRUE(closes("disallow: /d/\nallow: /d/page.html", "/d/"));
}

TEST(Robots, OfAnAddressPathAndQueryCount) {
  for (const char* url : {"http://h/a?b", "//h/a?b", "/a?b", "h/a?b", "http://h/a?b#/c"})
    EXPECT_FALSE(robots_allow("user-agent: *\ndisallow: /a?b$", "x", url)) << url;
  for (const char* url : {"http://h?q=http://i/a", "h?q=http://i/a", "http://h;q", "http://h", "http://h#/a", ""})
    EXPECT_TRUE(robots_allow("user-agent: *\ndisallow: /a", "x", url)) << url;
  EXPECT_FALSE(robots_allow("user-agent: *\ndisallow: /?q", "x", "http://h?q"));
}

TEST(Robots, LongLinesAndFilesAreCut) {
  const std::string path = "/" + std::string(20'000, 'a');
  EXPECT_TRUE(closes("disallow: " + path + "b", path)) << "what is cut off cannot differ";
  EXPECT_FALSE(closes(std::string(kMaxRobotsBytes, '\n') + "disallow: /", "/"));
}

// Tried one choice after the other this would not end in a lifetime; and in quadratic time not in a test's.
TEST(Robots, ManyStarsTakeLinearTime) {
  std::string pattern = "/", path = "/" + std::string(100'000, 'a');
  for (int i = 0; i < 4000; ++i) pattern += "*a";
  EXPECT_FALSE(closes("disallow: " + pattern + "b", path));
  EXPECT_TRUE(closes("disallow: " + pattern, path));
  EXPECT_FALSE(closes("disallow: *" + std::string(8000, 'a') + "b", path));
}

TEST(Robots, CrawlDelays) {
  const std::string robots =
      "user-agent: *\ncrawl-delay: 2.5\nuser-agent: slow\nCrawl-Delay: 30\nuser-agent: odd\ncrawl-delay: soon\n"
      "user-agent: less\ncrawl-delay: -1\nuser-agent: endless\ncrawl-delay: inf\n";
  EXPECT_EQ(robots_crawl_delay(robots, "hadal"), 2.5);
  EXPECT_EQ(robots_crawl_delay(robots, "slow"), 30);
  for (const char* none : {"odd", "less", "endless"}) EXPECT_EQ(robots_crawl_delay(robots, none), 0) << none;
  EXPECT_EQ(robots_crawl_delay("crawl-delay: 5\n", "hadal"), 0);
}

}  // namespace
}  // namespace hadal::net
