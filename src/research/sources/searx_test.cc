// The real searx of Debian, over the small web of tests/research, on loopback.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/process.h"
#include "base/testing/scratch.h"
#include "research/sources/source.h"

namespace hadal::research {
namespace {

const std::function<bool()> kGoOn = [] { return false; };

ProcessEnd run(const std::vector<std::string>& command) {
  ProcessOptions options;
  options.command = command;
  options.output = options.error = {ProcessStream::Kind::null};
  return Process(options).wait();
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  HADAL_CHECK(::bind(fd, plain, size) == 0 && ::getsockname(fd, plain, &size) == 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

void replace(std::string& text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  HADAL_CHECK(at != std::string::npos, "the settings lack {}", what);
  text.replace(at, what.size(), with);
}

TEST(RealSearx, FindsThePagesOfASmallWeb) {
  const std::string python = "/usr/bin/python3";
  const std::string look = "import importlib.util as u, sys; sys.exit(u.find_spec('searx') is None)";
  if (!std::filesystem::exists(python) || !run({python, "-c", look}).ok())
    GTEST_SKIP() << "python3-searx is not installed (apt-get install python3-searx)";
  const test::ScratchFolder folder;
  const Path data = Path(HADAL_SOURCE_DIR) / "tests/research";
  const std::string database = (folder / "pages.db").string();
  ASSERT_TRUE(run({python, (data / "searx/make_db.py").string(), (data / "web.warc.gz").string(), database}).ok());
  const int port = free_port();
  std::string settings = read_file(data / "searx/settings.yml");
  settings.erase(0, settings.find("general:"));  // the comment names the database too
  replace(settings, "port: 8899", fmt::format("port: {}", port));
  replace(settings, "database: DATABASE", "database: " + database);
  write_file_whole(folder / "settings.yml", settings);

  ProcessOptions options;
  options.command = {python, "-m", "searx.webapp"};
  options.folder = folder.path();
  options.environment = {{"SEARX_SETTINGS_PATH", (folder / "settings.yml").string()}};
  options.output = options.error = {ProcessStream::Kind::file, folder / "log"};
  Process searx(options);

  const auto fetcher = web_fetcher({}, nullptr);
  Index index(":memory:");
  const auto source = open_source(fmt::format("searx:http://127.0.0.1:{}", port), {*fetcher, index});
  std::vector<Candidate> found;
  std::string error = "not asked";
  for (int i = 0; i < 600 && !error.empty() && !searx.poll(); ++i) {  // until it is up
    error = test::error_of([&] { found = source->search("moons of Saturn", 10, kGoOn); });
    if (!error.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ASSERT_EQ(error, "") << read_file(folder / "log");
  ASSERT_FALSE(found.empty());
  EXPECT_LE(found.size(), 10u);
  EXPECT_TRUE(std::any_of(found.begin(), found.end(), [](const Candidate& c) {
    return c.url.starts_with("http://textbooks.test/");
  })) << found[0].url;
  for (const Candidate& candidate : found) EXPECT_NE(candidate.title, "") << candidate.url;
  searx.stop(2000);
}

}  // namespace
}  // namespace hadal::research
