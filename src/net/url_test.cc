#include "net/url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal::net {
namespace {

TEST(Url, IsTakenApart) {
  EXPECT_EQ(url_origin("https://Host/x"), "https://host:443");
  EXPECT_EQ(url_origin("http://[::1]:8080/x"), "http://[::1]:8080");
  EXPECT_EQ(url_host("http://Me:pass@Example.ORG:81/a"), "example.org");
  EXPECT_EQ(url_host("http://[2001:db8::1]/"), "[2001:db8::1]");
  EXPECT_EQ(url_path("http://h/a%20b/c?q#f"), "/a%20b/c");
  EXPECT_EQ(url_path("http://h"), "/");
  for (const char* bad : {"", "file:///x", "ftp://h/", "http://", "//h/x"}) EXPECT_THROW(url_origin(bad), Error) << bad;
}

TEST(Url, EscapingComesBack) {
  EXPECT_EQ(url_escape("a/b c?", true), "a/b%20c%3F");
  EXPECT_EQ(url_escape("a/b", false), "a%2Fb");
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(url_unescape(url_escape(all, false)), all);
}

TEST(Url, SecretsAreNotShown) { EXPECT_EQ(url_shown("https://me:pass@h/a?token=1#x"), "https://h/a"); }

}  // namespace
}  // namespace hadal::net
