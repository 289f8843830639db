#include "research/fetch.h"

#include <gtest/gtest.h>

#include "base/testing/scratch.h"
#include "net/testing/test_server.h"
#include "research/testing/packed.h"

namespace hadal::research {
namespace {

using test::Connection;
using test::error_of;
using test::packed;
using test::Request;
using test::ScratchFolder;
using test::Server;

const std::function<bool()> kGoOn = [] { return false; };
constexpr const char* kHtml = "Content-Type: text/html; charset=utf-8\r\n";

std::string port_of(const Server& server) {
  const std::string url = server.url();
  return url.substr(url.rfind(':') + 1);
}

FetchOptions options_for(const Server& server) {
  FetchOptions options;
  options.allowed = net::AllowList({"127.0.0.1:" + port_of(server)});
  options.limits.host_interval_s = 0;
  options.limits.seconds = 20;
  return options;
}

Fetched fetch_one(const FetchOptions& options, const std::string& url, WarcWriter* archive = nullptr) {
  return web_fetcher(options, archive)->fetch({url}, kGoOn)[0];
}

std::vector<WarcRecord> records_of(const Path& path) {
  std::vector<WarcRecord> records;
  read_warc(path, [&](WarcRecord&& record) {
    records.push_back(std::move(record));
    return true;
  });
  return records;
}

// A small web, right and wrong.
void small_web(Connection& c, const Request& r) {
  if (r.target == "/robots.txt") return c.reply(200, "", "User-agent: hadal\nDisallow: /secret\n");
  if (r.target == "/page")
    return c.reply(200, std::string(kHtml) + "Content-Encoding: gzip\r\n", packed("<p>Hello</p>"));
  if (r.target == "/chunks")
    return static_cast<void>(
        c.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n"
               "Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n"));
  if (r.target == "/moved") return c.reply(302, "Location: page#top\r\n");
  if (r.target == "/circle") return c.reply(302, "Location: /circle\r\n");
  if (r.target == "/inside") return c.reply(302, "Location: http://10.0.0.1/\r\n");
  if (r.target == "/local") return c.reply(302, "Location: http://printer.local/\r\n");
  if (r.target == "/mail") return c.reply(302, "Location: mailto:a@example.org\r\n");
  if (r.target == "/picture") return c.reply(200, "Content-Type: image/png\r\n", "png");
  if (r.target == "/large") return c.reply(200, kHtml, std::string(70'000, 'x'));
  if (r.target == "/bomb")
    return c.reply(200, std::string(kHtml) + "Content-Encoding: gzip\r\n", packed(std::string(8 << 20, 'x')));
  if (r.target == "/broken")
    return c.reply(200, std::string(kHtml) + "Content-Encoding: gzip\r\n", packed("x").substr(0, 9));
  if (r.target == "/endless") {
    c.send(std::string("HTTP/1.1 200 OK\r\nConnection: close\r\n") + kHtml + "\r\n");
    while (c.send(std::string(1000, 'x'))) {
    }
    return;
  }
  c.reply(404, kHtml, "none");
}

TEST(Fetch, APageIsReadAndRecordedAsItCame) {
  const ScratchFolder folder;
  Server server(small_web);
  Fetched page, moved, chunks;
  {
    WarcWriter archive(folder / "a");
    const auto fetcher = web_fetcher(options_for(server), &archive);
    const auto all = fetcher->fetch({server.url("/page#part"), server.url("/moved"), server.url("/chunks")}, kGoOn);
    page = all[0], moved = all[1], chunks = all[2];
  }
  EXPECT_EQ(page.refused, "");
  EXPECT_EQ(page.url, server.url("/page#part"));
  EXPECT_EQ(page.final_url, server.url("/page"));
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_EQ(page.body, "<p>Hello</p>");
  EXPECT_EQ(moved.body, page.body);
  EXPECT_EQ(moved.final_url, page.final_url);
  EXPECT_EQ(chunks.body, "Hello");
  EXPECT_EQ(server.count("/robots.txt"), 1u) << "asked once a day";
  for (const Request& request : server.requests()) EXPECT_TRUE(request.header("user-agent").starts_with("hadal/"));

  const auto records = records_of(folder / "a");
  ASSERT_GE(records.size(), 5u);  // warcinfo, robots.txt, page, redirect, the page again (at a later second), chunks
  EXPECT_EQ(records[0].type, "warcinfo");
  EXPECT_EQ(records[1].target_uri, server.url("/robots.txt"));
  const auto found = std::find_if(records.begin(), records.end(), [&](const auto& r) { return r.id == page.record; });
  ASSERT_NE(found, records.end());
  EXPECT_EQ(found->target_uri, server.url("/page"));
  EXPECT_EQ(found->date, page.date);
  EXPECT_TRUE(found->block.starts_with("HTTP/1.1 200 X\r\nConnection: close\r\nContent-Type: text/html"));
  EXPECT_HAS(found->block, packed("<p>Hello</p>"));
  EXPECT_HAS(records.back().block, "\r\nX-Orig-Transfer-Encoding: chunked\r\n\r\nHello");
}

TEST(Fetch, WhatIsNotReadIsRefusedWithOneReason) {
  Server server(small_web);
  FetchOptions options = options_for(server);
  options.limits.max_bytes = 65536;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {server.url("/nothing"), "status 404"},
      {server.url("/secret/page"), "robots.txt"},
      {server.url("/picture"), "type image/png"},
      {server.url("/large"), "over 64 KiB"},
      {server.url("/bomb"), "over 64 KiB"},
      {server.url("/endless"), "over 64 KiB"},
      {server.url("/broken"), "HTTP answer: expected a packed body, found one that is cut off"},
      {server.url("/circle"), "more than 5 redirects"},
      {server.url("/mail"), "status 302 without an address of http or https"},
      {"ftp://example.org/", "no address of http or https"},
  };
  const auto fetcher = web_fetcher(options, nullptr);
  for (const auto& [url, why] : cases) {
    const Fetched fetched = fetcher->fetch({url}, kGoOn)[0];
    EXPECT_EQ(fetched.refused, why) << url;
    EXPECT_EQ(fetched.body, "");
    EXPECT_EQ(fetched.url, url);
  }
}

TEST(Fetch, NoAddressInsideIsReached) {
  Server server(small_web);
  FetchOptions options = options_for(server);
  const size_t before = server.requests().size();
  EXPECT_HAS(fetch_one({}, server.url("/page")).refused, "loopback");
  EXPECT_HAS(fetch_one({}, "http://user:secret@example.org/").refused, "password");
  EXPECT_HAS(fetch_one({}, "http://localhost/").refused, "local network");
  EXPECT_EQ(server.requests().size(), before);
  EXPECT_EQ(fetch_one(options, server.url("/inside")).refused, "private address 10.0.0.1");
  EXPECT_HAS(fetch_one(options, server.url("/local")).refused, "local");
  // A name that leads inside: the address that is connected to is judged.
  options.resolve = {"rebound.example.com:" + port_of(server) + ":127.0.0.1"};
  EXPECT_EQ(fetch_one(options, "http://rebound.example.com:" + port_of(server) + "/page").refused,
            "robots.txt does not answer (loopback address 127.0.0.1)");
  options.robots = false;
  EXPECT_EQ(fetch_one(options, "http://rebound.example.com:" + port_of(server) + "/page").refused,
            "loopback address 127.0.0.1");
}

TEST(Fetch, RobotsThatFailForbidAndThatAreMissingAllow) {
  std::atomic<int> status = 404;
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/robots.txt") return c.reply(status, "", "User-agent: *\nDisallow: /\n");
    c.reply(200, kHtml, "x");
  });
  EXPECT_EQ(fetch_one(options_for(server), server.url("/")).refused, "");
  status = 503;
  EXPECT_EQ(fetch_one(options_for(server), server.url("/")).refused, "robots.txt does not answer (status 503)");
  status = 200;
  EXPECT_EQ(fetch_one(options_for(server), server.url("/")).refused, "robots.txt");
  FetchOptions dead = options_for(server);
  dead.allowed = net::AllowList({"127.0.0.1:1"});
  EXPECT_HAS(fetch_one(dead, "http://127.0.0.1:1/").refused, "robots.txt does not answer");
}

TEST(Fetch, ADripEndsInTime) {
  Server server([](Connection& c, const Request& r) {
    if (r.target == "/robots.txt") return c.reply(404);
    c.send(std::string("HTTP/1.1 200 OK\r\nConnection: close\r\n") + kHtml + "\r\n");
    while (c.send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  FetchOptions options = options_for(server);
  options.limits.seconds = 0.3;
  EXPECT_EQ(fetch_one(options, server.url("/")).refused, "over 0.3 s");
}

TEST(Fetch, ABusyServerIsAskedOnceMore) {
  std::atomic<int> asked = 0;
  std::atomic<const char*> wait = "Retry-After: 0\r\n";
  std::atomic<int> busy = 1;
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/robots.txt") return c.reply(404);
    if (++asked <= busy) return c.reply(429, wait.load());
    c.reply(200, kHtml, "there");
  });
  EXPECT_EQ(fetch_one(options_for(server), server.url("/")).body, "there");
  EXPECT_EQ(asked, 2);
  asked = 0, busy = 9;
  EXPECT_EQ(fetch_one(options_for(server), server.url("/")).refused, "status 429; it asks to wait 0 s");
  EXPECT_EQ(asked, 2);
  asked = 0, wait = "";
  EXPECT_EQ(fetch_one(options_for(server), server.url("/")).refused, "status 429");
  EXPECT_EQ(asked, 1);
  asked = 0, wait = "Retry-After: 3600\r\n";
  const auto all = web_fetcher(options_for(server), nullptr)->fetch({server.url("/a"), server.url("/b")}, kGoOn);
  EXPECT_EQ(all[0].refused, "status 429; it asks to wait 3600 s");
  EXPECT_HAS(all[1].refused, "the server asks to wait");
  EXPECT_EQ(asked, 1) << "and is left alone";
}

TEST(Fetch, OneRequestAtATimeToAHostAndSeveralHostsAtOnce) {
  std::atomic<int> here = 0, most = 0, met = 0;
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/robots.txt") return c.reply(404);
    const bool one = r.header("host").starts_with("one.");
    if (one) most = std::max(most.load(), ++here);
    if (r.target == "/meet") {  // waits until the other host's page is asked for too
      ++met;
      for (int i = 0; i < 1000 && met < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (one) --here;
    c.reply(200, kHtml, std::to_string(met));
  });
  const std::string port = port_of(server);
  FetchOptions options = options_for(server);
  options.limits.host_interval_s = 0.01;
  options.allowed = net::AllowList({"one.example.com:" + port, "two.example.com:" + port});
  options.resolve = {"one.example.com:" + port + ":127.0.0.1", "two.example.com:" + port + ":127.0.0.1"};
  const std::string one = "http://one.example.com:" + port, two = "http://two.example.com:" + port;
  const auto all = web_fetcher(options, nullptr)->fetch({one + "/meet", one + "/a", one + "/b", two + "/meet"}, kGoOn);
  for (const Fetched& fetched : all) EXPECT_EQ(fetched.refused, "");
  EXPECT_EQ(all[0].body, "2");
  EXPECT_EQ(all[3].body, "2");
  EXPECT_EQ(most, 1);
}

TEST(Fetch, IsStopped) {
  std::atomic<bool> asked = false;
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/robots.txt") return c.reply(404);
    asked = true;
    c.hang();
  });
  const ScratchFolder folder;
  {
    WarcWriter archive(folder / "a");
    const auto fetcher = web_fetcher(options_for(server), &archive);
    const auto all = fetcher->fetch({server.url("/a"), server.url("/b")}, [&] { return asked.load(); });
    EXPECT_EQ(all[0].refused, "stopped");
    EXPECT_EQ(all[1].refused, "stopped");
  }
  EXPECT_EQ(records_of(folder / "a").size(), 1u) << "warcinfo alone";
}

TEST(Fetch, ASearchServersSecretStaysWithIt) {
  std::string elsewhere;
  Server other([](Connection& c, const Request&) { c.reply(200, "", "{}"); });
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/away") return c.reply(302, "Location: " + other.url("/") + "\r\n");
    if (r.target == "/moved") return c.reply(302, "Location: /there\r\n");
    c.reply(r.target == "/no" ? 403 : 200, "Content-Type: application/json\r\n",
            "{\"secret\":\"" + r.header("x-key") + "\", \"x\":\"\xff\"}");
  });
  const ScratchFolder folder;
  std::string body;
  {
    WarcWriter archive(folder / "a");
    const auto fetcher = web_fetcher(FetchOptions(), &archive);
    const Fetched moved = fetcher->ask("s\nq", server.url("/moved"), "X-Key: 12", kGoOn);
    EXPECT_EQ(moved.refused, "");
    EXPECT_EQ(moved.status, 200);
    EXPECT_EQ(moved.body, "{\"secret\":\"12\", \"x\":\"\xEF\xBF\xBD\"}");
    body = moved.body;
    EXPECT_EQ(fetcher->ask("s\nno", server.url("/no"), "X-Key: 12", kGoOn).status, 403);
    EXPECT_HAS(fetcher->ask("s\naway", server.url("/away"), "X-Key: 12", kGoOn).refused, "redirects to");
    EXPECT_NE(fetcher->ask("s\ndead", "http://127.0.0.1:1/", "", kGoOn).refused, "");
  }
  EXPECT_EQ(other.requests().size(), 0u);
  for (const WarcRecord& record : records_of(folder / "a")) EXPECT_EQ(record.block.find("X-Key"), std::string::npos);
  const auto replay = replay_fetcher(folder / "a", nullptr);
  EXPECT_EQ(replay->ask("s\nq", "x", "", kGoOn).body, body);
  EXPECT_EQ(replay->ask("s\nno", "x", "", kGoOn).status, 403);
  EXPECT_HAS(replay->ask("s\naway", "x", "", kGoOn).refused, "redirects to");
  EXPECT_EQ(replay->ask("s\nother", "x", "", kGoOn).refused, "not in the archive");
}

TEST(Replay, AnswersAsTheWebDid) {
  const ScratchFolder folder;
  std::vector<std::string> urls;
  std::vector<Fetched> live;
  {
    Server server(small_web);
    for (const char* path : {"/page", "/moved#x", "/chunks", "/circle", "/inside", "/picture", "/secret", "/nothing"})
      urls.push_back(server.url(path));
    WarcWriter archive(folder / "live");
    live = web_fetcher(options_for(server), &archive)->fetch(urls, kGoOn);
  }
  urls.push_back("http://example.org/never");
  Path from = folder / "live";
  for (const char* name : {"first", "second", "third"}) {
    WarcWriter archive(folder / name);
    const auto replay = replay_fetcher(from, &archive);
    EXPECT_GE(replay->now(), live[0].date);
    const auto again = replay->fetch(urls, kGoOn);
    for (size_t i = 0; i < live.size(); ++i) {
      EXPECT_EQ(again[i].refused, live[i].refused) << urls[i];
      EXPECT_EQ(again[i].body, live[i].body) << urls[i];
      EXPECT_EQ(again[i].final_url, live[i].final_url) << urls[i];
      EXPECT_EQ(again[i].record, live[i].record) << urls[i];
      EXPECT_EQ(again[i].date, live[i].date) << urls[i];
      EXPECT_EQ(again[i].content_type, live[i].content_type) << urls[i];
    }
    EXPECT_EQ(again.back().refused, "not in the archive");
    const uint64_t size = archive.bytes();
    replay->fetch(urls, kGoOn);
    EXPECT_EQ(archive.bytes(), size) << "a second time adds nothing";
    from = folder / name;
  }
  EXPECT_EQ(read_file(folder / "first"), read_file(folder / "second"));
  EXPECT_EQ(read_file(folder / "first"), read_file(folder / "third"));
}

TEST(Replay, ChangedRecordsAndForeignFilesAreRefused) {
  const ScratchFolder folder;
  const std::string record =
      "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://a.org/\r\nWARC-Date: 2020-01-02T03:04:05.678Z\r\n"
      "WARC-Block-Digest: sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nContent-Type: text/plain\r\nContent-Length: "
      "1\r\n\r\nx\r\n\r\n";
  write_file_whole(folder / "a", record);
  const auto replay = replay_fetcher(folder / "a", nullptr);
  EXPECT_EQ(replay->now(), "2020-01-02T03:04:05Z");
  const Fetched fetched = replay->fetch({"http://a.org/"}, kGoOn)[0];
  EXPECT_HAS(fetched.refused, "its bytes were changed");
  EXPECT_EQ(fetched.body, "");
  write_file_whole(folder / "a", "hello");
  EXPECT_HAS(error_of([&] { replay_fetcher(folder / "a", nullptr); }), "is it a WARC file");
  write_file_whole(folder / "a", "");
  EXPECT_HAS(error_of([&] { replay_fetcher(folder / "a", nullptr); }), "bear a date");
}

}  // namespace
}  // namespace hadal::research
