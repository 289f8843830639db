#include "net/address.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/json.h"
#include "base/testing/scratch.h"
#include "net/testing/test_server.h"

namespace hadal::net {
namespace {
using test::Connection;
using test::error_of;
using test::Request;
using test::Server;

std::string refusal(std::string_view text) {
  const auto address = parse_address(text);
  return address ? address_refusal(*address) : "no address";
}

bool may_begin(std::string_view text) {
  const auto url = parse_url(text);
  return url && url_refusal(*url).empty();
}

TEST(PublicAddress, AgreesWithTheCases) {
  const std::string path = fmt::format("{}/tests/research/addresses.json", HADAL_SOURCE_DIR);
  const Json cases = parse_json(read_file(path), path);
  EXPECT_GT(cases.at("addresses").size(), 60u);
  EXPECT_GT(cases.at("urls").size(), 90u);
  for (const Json& c : cases.at("addresses"))
    EXPECT_EQ(refusal(c.at("address").get<std::string>()).empty(), c.at("fetch").get<bool>()) << c.dump();
  for (const Json& c : cases.at("urls"))
    EXPECT_EQ(may_begin(c.at("url").get<std::string>()), c.at("fetch").get<bool>()) << brief(c.dump(), 200);
}

// Both ends of each range, and the addresses beside it.
TEST(PublicAddress, RangesEndWhereTheRegistriesSay) {
  for (const char* inside : {"0.255.255.255",   "10.255.255.255",
                             "100.127.255.255", "127.0.0.0",
                             "127.255.255.255", "169.254.0.0",
                             "192.0.0.0",       "192.0.2.0",
                             "192.0.2.255",     "192.88.99.0",
                             "192.88.99.255",   "198.18.0.0",
                             "198.51.100.0",    "203.0.113.0",
                             "203.0.113.255",   "224.0.0.0",
                             "255.255.255.255", "::1",
                             "64:ff9b:1::",     "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
                             "100:0:0:1::",     "1fff::",
                             "4000::",          "2001::1",
                             "2001:2::",        "2001:10::",
                             "2001:1f:ffff::",  "2001:20::",
                             "2001:2f:ffff::",  "2001:1ff:ffff::",
                             "2001:db8:ffff::", "3fff::",
                             "3fff:fff:ffff::", "5f00::",
                             "fdff::",          "febf::",
                             "fec0::",          "ff02::1"})
    EXPECT_NE(refusal(inside), "") << inside;
  for (const char* outside :
       {"1.0.0.0",     "9.255.255.255",   "11.0.0.0",        "100.63.255.255",  "100.128.0.0",   "126.255.255.255",
        "128.0.0.0",   "169.255.0.0",     "172.32.0.0",      "191.255.255.255", "192.0.1.0",     "192.0.1.255",
        "192.0.3.0",   "192.88.100.0",    "192.167.255.255", "198.17.255.255",  "198.51.99.255", "203.0.112.255",
        "203.0.114.0", "223.255.255.255", "2001:200::",      "2001:db7:ffff::", "2001:db9::",    "2003::",
        "3fff:1000::", "3ffe:ffff::",     "2000::"})
    EXPECT_EQ(refusal(outside), "") << outside;
}

TEST(PublicAddress, AnAddressWithinAnotherIsJudgedAsItself) {
  for (const char* form : {"::ffff:{}", "::{}", "::ffff:0:{}", "64:ff9b::{}"}) {
    EXPECT_EQ(refusal(fmt::format(fmt::runtime(form), "8.8.8.8")), "") << form;
    EXPECT_EQ(refusal(fmt::format(fmt::runtime(form), "10.0.0.1")), "private") << form;
    EXPECT_EQ(refusal(fmt::format(fmt::runtime(form), "224.0.0.1")), "multicast") << form;
  }
  EXPECT_EQ(refusal("2002:808:808::1"), "");
  EXPECT_EQ(refusal("2002:a9fe:a9fe::1"), "link local");
  EXPECT_EQ(refusal("2001:0:808:808::f7f7:f7f7"), "Teredo");
  EXPECT_EQ(refusal("64:ff9b:1::808:808"), "local-use NAT64");
}

TEST(PublicAddress, TextIsReadStrictly) {
  for (const char* bad :
       {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "::1%lo", "[1.2.3.4]", "[::1", "0x7f.0.0.1", "localhost"})
    EXPECT_FALSE(parse_address(bad)) << bad;
  EXPECT_FALSE(parse_address(std::string_view("1.1.1.1\0", 8)));
  EXPECT_EQ(parse_address("[2001:DB8::1]")->text(), "2001:db8::1");
}

TEST(PublicUrl, NamesPortsAndLengths) {
  for (const char* good : {"https://example.org/", "http://a.b.example.org.:8080/", "https://xn--bcher-kva.de/",
                           "http://local.example.org/", "https://mytest.org/", "http://[2606:4700::1]:8443/"})
    EXPECT_TRUE(may_begin(good)) << good;
  for (const char* bad :
       {"http://intranet/", "http://com./", "http://./", "http://a..org/", "http://.org/", "http://a.LOCAL./",
        "http://x.y.test/", "http://1.0.0.127.in-addr.arpa/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
        "https://a.org:0/", "http://a.org:22/", "http://a.org:3306/", "http://a.org:11211/", "http://a.org:10080/",
        "http://a.org:6665/", "http://u@a.org/", "http://:p@a.org/"})
    EXPECT_FALSE(may_begin(bad)) << bad;
  const auto label = std::string(63, 'a') + ".";
  EXPECT_TRUE(may_begin("http://" + label + label + label + std::string(57, 'a') + ".org/"));  // 253 bytes
  EXPECT_FALSE(may_begin("http://" + label + label + label + std::string(58, 'a') + ".org/"));
  EXPECT_FALSE(may_begin("http://" + std::string(64, 'a') + ".org/"));
  const std::string start = "http://a.org/";
  EXPECT_TRUE(may_begin(start + std::string(8192 - start.size(), 'x')));
  EXPECT_FALSE(may_begin(start + std::string(8193 - start.size(), 'x')));
}

TEST(AllowListTest, HoldsHostsWithTheirPorts) {
  const AllowList list({"LOCALHOST:8080", "127.1:80", "[0::1]:8888"});
  EXPECT_TRUE(list.contains("localhost", 8080));
  EXPECT_TRUE(list.contains("127.0.0.1", 80));
  EXPECT_TRUE(list.contains("[::1]", 8888));
  EXPECT_FALSE(list.contains("localhost", 80));
  EXPECT_FALSE(list.contains("127.0.0.1", 8080));
  EXPECT_FALSE(AllowList().contains("", 0));
  for (const char* bad : {"", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:x", ":80",
                          "::1:80", "u@h:80", "h/x:80", "http://h:80", "h:-1"})
    EXPECT_HAS(error_of([&] { AllowList({bad}); }), "HOST:PORT");
}

// Servers on this machine under names of the internet, as a hostile DNS would give them.
class Fetching : public ::testing::Test {
 protected:
  static std::string port_of(const Server& server) { return server.url().substr(server.url().rfind(':') + 1); }
  static std::string at(const std::string& host, const Server& server) {
    return "http://" + host + ":" + port_of(server) + "/";
  }
  static HttpOptions options(const AllowList& allowed) {
    HttpOptions out;
    out.guard = public_only(allowed);
    out.url_guard = public_urls(allowed);
    return out;
  }
  // "" where the body came.
  static std::string fetch(const HttpOptions& options, const std::string& url) {
    HttpSession http(options);
    TransferRequest request{.url = url};
    std::string body;
    request.body = [&](std::string_view piece) {
      body += piece;
      return true;
    };
    try {
      http.send(request);
    } catch (const AddressRefused& refused) {
      return std::string("refused: ") + refused.what();
    }
    return body == "secret" ? "" : "no answer";
  }
  Server inner_{[](Connection& c, const Request&) { c.reply(200, "", "secret"); }};
};

TEST_F(Fetching, ANameThatResolvesToALocalAddressIsRefused) {
  HttpOptions pinned = options({});
  for (const char* address : {"127.0.0.1", "127.0.0.2", "[::1]", "[::ffff:127.0.0.1]"}) {
    pinned.resolve = {fmt::format("rebound.org:{}:{}", port_of(inner_), address)};
    EXPECT_HAS(fetch(pinned, at("rebound.org", inner_)), "no connection may go to") << address;
  }
  for (const char* host : {"127.0.0.1", "127.1", "0x7f000001", "localhost", "[::ffff:127.0.0.1]", "localhost."})
    EXPECT_HAS(fetch(options({}), at(host, inner_)), "nothing is fetched from") << host;
  EXPECT_EQ(inner_.requests().size(), 0u);
}

TEST_F(Fetching, ARedirectMeetsTheSameGuards) {
  std::string target;
  Server outer([&](Connection& c, const Request&) { c.reply(302, "Location: " + target + "\r\n"); });
  HttpOptions pinned = options(AllowList({"outer.org:" + port_of(outer)}));
  pinned.resolve = {fmt::format("outer.org:{}:127.0.0.1", port_of(outer)),
                    fmt::format("rebound.org:{}:127.0.0.1", port_of(inner_))};
  for (const char* host : {"rebound.org", "127.0.0.1", "localhost", "u:p@rebound.org", "printer.local"}) {
    target = at(host, inner_);
    EXPECT_HAS(fetch(pinned, at("outer.org", outer)), "refused: ") << host;
  }
  target = "//rebound.org:" + port_of(inner_);
  EXPECT_HAS(fetch(pinned, at("outer.org", outer)), "no connection may go to");
  EXPECT_EQ(inner_.requests().size(), 0u);
  EXPECT_EQ(outer.requests().size(), 6u);
  pinned.guard = public_only(AllowList({"outer.org:" + port_of(outer), "rebound.org:" + port_of(inner_)}));
  EXPECT_EQ(fetch(pinned, at("outer.org", outer)), "");
}

TEST_F(Fetching, WhatIsAllowedPassesAndNothingBesideIt) {
  const std::string port = port_of(inner_);
  EXPECT_EQ(fetch(options(AllowList({"127.0.0.1:" + port})), at("127.1", inner_)), "");
  EXPECT_NE(fetch(options(AllowList({"127.0.0.1:1"})), at("127.0.0.1", inner_)), "");
  EXPECT_NE(fetch(options(AllowList({"127.0.0.2:" + port})), at("127.0.0.1", inner_)), "");
  EXPECT_NE(fetch(options(AllowList({"127.0.0.1:" + port})), at("u:p@127.0.0.1", inner_)), "");
  EXPECT_EQ(inner_.requests().size(), 1u);
}

TEST_F(Fetching, RelativeRedirectsAreResolvedByTheSameParser) {
  Server server([](Connection& c, const Request& r) {
    if (r.target == "/x/%C3%A9?a%20b") return c.reply(200, "", "secret");
    c.reply(302, r.target == "/" ? "Location: /x\\y/../z/./q#part\r\n" : "Location: ../\xc3\xa9?a b#f\r\n");
  });
  EXPECT_EQ(fetch(options(AllowList({"127.0.0.1:" + port_of(server)})), server.url("#top")), "");
  EXPECT_EQ(server.requests()[1].target, "/x/z/q");
  Server wild([](Connection& c, const Request&) { c.reply(302, "Location: file:///etc/passwd\r\n"); });
  HttpSession http;
  EXPECT_HAS(error_of([&] { http.send({.url = wild.url("/")}); }), "expected an address of http or https");
}

}  // namespace
}  // namespace hadal::net
