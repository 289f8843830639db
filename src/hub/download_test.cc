// One file from servers of every kind: honest, broken, changing, lying.
#include "hub/download.h"

#include <sys/resource.h>

#include <csignal>

#include "base/digest.h"
#include "hub/remote/digest.h"
#include "hub/testing/test_support.h"
#include "net/url.h"

namespace hadal {
namespace {

using test::Connection;
using test::error_of;
using test::Request;
using test::Server;

class DownloadTest : public ::testing::Test {
 protected:
  DownloadedFile fetch(const std::string& url, int64_t size = -1, const std::string& sha256 = "") {
    net::HttpSession http(options);
    RemoteFile file;
    file.url = url;
    file.size = size;
    file.sha256 = sha256;
    return download_file(http, file, path);
  }
  std::string error(const std::string& url, int64_t size = -1, const std::string& sha256 = "") {
    return error_of([&] { fetch(url, size, sha256); });
  }
  std::string sha256_of(const std::string& bytes) {
    write_file_whole(folder / "known", bytes);
    const std::string sha = sha256_of_file(folder / "known");
    std::filesystem::remove(folder / "known");
    return sha;
  }
  void expect_whole() {
    EXPECT_EQ(read_file(path), content);
    EXPECT_EQ(folder.names(), std::vector<std::string>{"model"});
  }

  test::ScratchFolder folder;
  Path path = folder / "model";
  net::HttpOptions options = test::quick();
  std::string content = test::some_bytes(300'000);
};

TEST(Digest, HashesAsTheHubDoes) {
  const test::ScratchFolder folder;
  write_file_whole(folder / "x", "abc");
  EXPECT_EQ(sha256_of_file(folder / "x"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(git_sha1_of_file(folder / "x"), "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");  // git hash-object
}

TEST_F(DownloadTest, FetchesAFile) {
  Server server([&](Connection& c, const Request& r) { c.serve(r, content); });
  const auto done = fetch(server.url("/model"), 300'000, sha256_of(content));
  EXPECT_EQ(done.bytes, content.size());
  EXPECT_EQ(done.sha256, sha256_of(content));
  expect_whole();
  EXPECT_EQ(server.count("/model"), 1u);
}

TEST_F(DownloadTest, FetchesAnEmptyFileAndOneOfUnknownLength) {
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/empty") return c.reply(200);
    c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  });
  EXPECT_EQ(fetch(server.url("/empty")).bytes, 0u);
  std::filesystem::remove(path);
  EXPECT_EQ(fetch(server.url("/chunked")).bytes, 5u);
  EXPECT_EQ(read_file(path), "abcde");
}

TEST_F(DownloadTest, GoesOnAfterEveryLostConnection) {
  Server server([&](Connection& c, const Request& r) { c.serve(r, content, "\"v1\"", 40'000); });
  fetch(server.url("/model"));
  expect_whole();
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 8u);  // more than max_failures: progress counts
  EXPECT_EQ(requests[1].header("range"), "bytes=40000-");
  EXPECT_EQ(requests[1].header("if-range"), "\"v1\"");
}

TEST_F(DownloadTest, GoesOnInALaterCall) {
  std::atomic<bool> broken = true;
  Server server([&](Connection& c, const Request& r) {
    if (broken && !r.header("range").empty()) return c.reply(503);
    c.serve(r, content, "\"v1\"", broken ? 100'000 : SIZE_MAX);
  });
  EXPECT_HAS(error(server.url("/model")), "503");
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"model.part", "model.part.json"}));
  EXPECT_EQ(partial_bytes(path), 100'000u);
  broken = false;
  fetch(server.url("/model"));
  expect_whole();
  EXPECT_EQ(server.requests().back().header("range"), "bytes=100000-");
}

TEST_F(DownloadTest, BytesOfAnotherFileAreNotContinued) {
  Server server([&](Connection& c, const Request& r) { c.serve(r, content); });
  write_file_whole(folder / "model.part", std::string(1000, 'x'));  // no note: from who knows where
  fetch(server.url("/model"));
  expect_whole();
  write_file_whole(folder / "model.part", std::string(1000, 'x'));
  write_file_whole(folder / "model.part.json",
                   R"({"url":"http://other/","etag":"\"v1\"","size":300000,"identity":""})");
  fetch(server.url("/model"));
  expect_whole();
  for (const auto& request : server.requests()) EXPECT_EQ(request.header("range"), "");
}

TEST_F(DownloadTest, AFileThatChangesUnderWayIsFetchedFromItsBeginning) {
  const std::string old = test::some_bytes(300'000, 2);
  for (const bool honours_if_range : {true, false}) {
    std::atomic<int> number = 0;
    Server server([&](Connection& c, const Request& r) {
      Request request = r;
      if (!honours_if_range) request.headers.erase("if-range");
      if (number++ == 0)
        c.serve(request, old, "\"v1\"", 100'000);
      else
        c.serve(request, content, "\"v2\"");
    });
    fetch(server.url("/model"));
    expect_whole();
    EXPECT_EQ(number, honours_if_range ? 2 : 3);
  }
}

TEST_F(DownloadTest, AFileThatNeverStopsChangingIsAnError) {
  std::atomic<int> number = 0;
  Server server([&](Connection& c, const Request& r) {
    Request request = r;
    request.headers.erase("if-range");
    const int n = ++number;
    c.serve(request, content, fmt::format("\"v{}\"", n), 50'000);
  });
  EXPECT_HAS(error(server.url("/model")), "changes while it is downloaded");
}

TEST_F(DownloadTest, AServerWithoutRangesIsServedFromTheBeginning) {
  std::atomic<int> number = 0;
  Server server([&](Connection& c, const Request& r) {
    Request plain = r;
    plain.headers.erase("range");
    c.serve(plain, content, "\"v1\"", number++ == 0 ? 100'000 : SIZE_MAX);
  });
  fetch(server.url("/model"));
  expect_whole();
  // One that always breaks at the same place makes no progress, and the end is an error.
  Server hopeless([&](Connection& c, const Request& r) {
    Request plain = r;
    plain.headers.erase("range");
    c.serve(plain, content, "\"v1\"", 100'000);
  });
  std::filesystem::remove(path);
  EXPECT_HAS(error(hopeless.url("/model")), "given up after 3 tries");
}

TEST_F(DownloadTest, LengthsThatDoNotAgreeAreErrors) {
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/chunked") {
      return void(c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n" +
                         std::string(1'000'000, 'x') + "\r\n0\r\n\r\n"));
    }
    if (r.target == "/ends") return void(c.send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\nfew"));
    c.serve(r, content);
  });
  EXPECT_HAS(error(server.url("/model"), 299'999), "expected 299999 bytes, the server announces 300000");
  EXPECT_TRUE(folder.names().empty());
  EXPECT_HAS(error(server.url("/chunked"), 300'000), "the server sends more");
  EXPECT_TRUE(folder.names().empty());
  EXPECT_HAS(error(server.url("/ends"), 300'000), "given up");
}

TEST_F(DownloadTest, ContentThatIsNotWhatTheHubSaysIsRemoved) {
  Server server([&](Connection& c, const Request& r) { c.serve(r, content); });
  EXPECT_HAS(error(server.url("/model"), 300'000, std::string(64, '0')), "expected SHA-256 0000");
  EXPECT_TRUE(folder.names().empty());
}

TEST_F(DownloadTest, ABeginningThatDoesNotFitIsFetchedAgain) {
  Server server([&](Connection& c, const Request& r) { c.serve(r, content); });
  const std::string sha = sha256_of(content);
  write_file_whole(folder / "model.part", std::string(1000, 'x'));
  write_file_whole(folder / "model.part.json",
                   fmt::format(R"({{"url":"","etag":"\"v1\"","size":300000,"identity":"{}"}})", sha));
  fetch(server.url("/model"), 300'000, sha);
  expect_whole();
  EXPECT_EQ(server.count("/model"), 2u);
}

TEST_F(DownloadTest, TheLinkedEtagOfARedirectIsChecked) {
  std::string sha;
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/data") return c.serve(r, content);
    c.reply(302, fmt::format("Location: /data\r\nX-Linked-ETag: \"{}\"\r\n", sha));
  });
  sha = std::string(64, 'a');
  EXPECT_HAS(error(server.url("/model")), "expected SHA-256 aaaa");
  sha = sha256_of(content);
  fetch(server.url("/model"));
  expect_whole();
}

TEST_F(DownloadTest, NothingLeftToFetchIsDone) {
  Server server([&](Connection& c, const Request& r) { c.serve(r, content); });
  const std::string url = server.url("/model");
  write_file_whole(folder / "model.part", content);
  write_file_whole(folder / "model.part.json",
                   fmt::format(R"({{"url":"{}","etag":"\"v1\"","size":300000,"identity":""}})", url));
  fetch(url);  // the server says 416, of 300000 bytes
  expect_whole();
  EXPECT_EQ(server.count("/model"), 1u);
  // More than the server has now: from the beginning.
  write_file_whole(folder / "model.part", content + "more");
  write_file_whole(folder / "model.part.json",
                   fmt::format(R"({{"url":"{}","etag":"\"v1\"","size":400000,"identity":""}})", url));
  fetch(url);
  expect_whole();
}

TEST_F(DownloadTest, UnwelcomeAnswersAreClear) {
  Server server([&](Connection& c, const Request& r) {
    if (r.target == "/page") return c.reply(200, "Content-Type: text/html; charset=utf-8\r\n", "<html>");
    if (r.target == "/zipped") return c.reply(200, "Content-Encoding: gzip\r\n", "xxx");
    if (r.target == "/circle") return c.reply(302, "Location: /circle\r\n");
    if (r.target == "/nowhere") return c.reply(302);
    if (r.target == "/file") return c.reply(302, "Location: file:///etc/passwd\r\n");
    if (r.target == "/hang") return c.hang();
    if (r.target == "/noise") return void(c.send("SSH-2.0-OpenSSH\r\n"));
    if (r.target == "/headers") {
      c.send("HTTP/1.1 200 OK\r\n");
      while (c.send("X: " + std::string(1000, 'x') + "\r\n")) {
      }
      return;
    }
    if (r.target == "/wait") return c.reply(429, "Retry-After: 3600\r\n");
    c.reply(std::stoi(r.target.substr(1)));
  });
  const std::pair<const char*, const char*> cases[] = {{"/404", "status 404"},
                                                       {"/401", "status 401"},
                                                       {"/416", "status 416"},
                                                       {"/204", "status 204"},
                                                       {"/500", "given up after 3 tries"},
                                                       {"/wait", "asks to wait 3600 s"},
                                                       {"/page", "found a web page"},
                                                       {"/zipped", "compressed"},
                                                       {"/circle", "circle"},
                                                       {"/nowhere", "without an address"},
                                                       {"/file", "expected an address"},
                                                       {"/hang", "sent nothing"},
                                                       {"/noise", "HTTP/0.9"},
                                                       {"/headers", "endless headers"}};
  for (const auto& [target, part] : cases) EXPECT_HAS(error(server.url(target)), part);
  EXPECT_HAS(error("ftp://127.0.0.1/x"), "http");
  EXPECT_HAS(error("http://127.0.0.1:1/x"), "given up");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(DownloadTest, ABusyServerIsAskedAgain) {
  std::atomic<int> number = 0;
  Server server([&](Connection& c, const Request& r) {
    ++number == 1 ? c.reply(429, "Retry-After: 1\r\n") : c.serve(r, content);
  });
  const auto begin = std::chrono::steady_clock::now();
  fetch(server.url("/model"));
  expect_whole();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(990));
}

TEST_F(DownloadTest, TheTokenGoesToItsOwnOriginOnly) {
  Server cdn([&](Connection& c, const Request& r) { c.serve(r, content); });
  Server hub([&](Connection& c, const Request& r) {
    c.reply(302, r.target == "/model" ? "Location: /second\r\n" : fmt::format("Location: {}\r\n", cdn.url("/data")));
  });
  net::HttpSession http(options, {"hf_secret", hub.url()});
  RemoteFile file;
  file.url = hub.url("/model");
  download_file(http, file, path);
  for (const auto& request : hub.requests()) EXPECT_EQ(request.header("authorization"), "Bearer hf_secret");
  EXPECT_EQ(hub.requests().size(), 2u);
  ASSERT_EQ(cdn.requests().size(), 1u);
  EXPECT_EQ(cdn.requests()[0].header("authorization"), "");
}

TEST_F(DownloadTest, AFullDiskKeepsWhatIsThere) {
  Server server([&](Connection& c, const Request& r) { c.serve(r, content); });
  const std::string url = server.url("/model");
  EXPECT_HAS(error(url, int64_t{1} << 60), "announces");  // before anything is written
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{100'000, old.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string said = error(url);
  ::setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_HAS(said, "free some space");
  EXPECT_EQ(partial_bytes(path), 100'000u);
  fetch(url);
  expect_whole();
}

TEST_F(DownloadTest, MoreThanTheDiskHoldsIsRefusedFirst) {
  Server server([&](Connection& c, const Request&) {
    c.send("HTTP/1.1 200 OK\r\nContent-Length: 4000000000000000000\r\n\r\nx");
    c.hang();
  });
  EXPECT_HAS(error(server.url("/model")), "4000000000.00 GB more on the disk");
}

TEST(Url, SecretsAreNotShown) {
  EXPECT_EQ(net::url_shown("https://me:pass@host/a@b?sig=x"), "https://host/a@b");
  EXPECT_EQ(net::url_origin("HTTPS://Host/x"), "https://host:443");
  EXPECT_EQ(net::url_escape("a b/c%", true), "a%20b/c%25");
  EXPECT_THROW(net::url_origin("file:///x"), Error);
}

}  // namespace
}  // namespace hadal
