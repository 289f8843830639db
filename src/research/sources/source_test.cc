#include "research/sources/source.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing/scratch.h"
#include "net/testing/test_server.h"

namespace hadal::research {
namespace {

using test::Connection;
using test::error_of;
using test::Request;
using test::ScratchFolder;
using test::Server;

const std::function<bool()> kGoOn = [] { return false; };
constexpr const char* kJson = "Content-Type: application/json\r\n";

FetchOptions quick() {
  FetchOptions options;
  options.limits.seconds = 20;
  options.limits.max_bytes = 1 << 20;
  return options;
}

struct Place {  // where sources are opened
  explicit Place(const Path& file = {}) {
    if (!file.empty()) archive = std::make_unique<WarcWriter>(file);
    fetcher = web_fetcher(quick(), archive.get());
  }
  SourceContext context() { return {*fetcher, index, archive.get()}; }
  std::vector<Candidate> search(const std::string& source, const std::string& query, int64_t limit = 10) {
    return open_source(source, context())->search(query, limit, kGoOn);
  }
  std::unique_ptr<WarcWriter> archive;
  std::unique_ptr<Fetcher> fetcher;
  Index index{":memory:"};
};

std::string error_from(const std::string& source) {
  return error_of([&] { Place().search(source, "query"); });
}

std::vector<std::string> urls_of(const std::vector<Candidate>& candidates) {
  std::vector<std::string> urls;
  for (const Candidate& candidate : candidates) urls.push_back(candidate.url);
  return urls;
}

std::vector<WarcRecord> records_of(const Path& path) {
  std::vector<WarcRecord> records;
  read_warc(path, [&](WarcRecord&& record) {
    records.push_back(std::move(record));
    return true;
  });
  return records;
}

bool holds(const Path& archive, const std::string& id) {
  const std::vector<WarcRecord> records = records_of(archive);
  return std::any_of(records.begin(), records.end(), [&](const WarcRecord& record) { return record.id == id; });
}

TEST(Source, AnErrorNamesEachKindWithALine) {
  for (const char* text : {"", "google", "folders:x", "http://example.org/"}) {
    const std::string error = error_from(text);
    for (const char* line : {"folder:~/notes", "searx:http://127.0.0.1:8888", "mediawiki:https://", "brave", "index:~"})
      EXPECT_HAS(error, line);
  }
  EXPECT_HAS(error_from("searx:"), "as in searx:http://127.0.0.1:8888");
  EXPECT_HAS(error_from("searx:http://me:secret@example.org"), "without a password");
  EXPECT_EQ(error_from("searx:http://me:secret@example.org").find("secret"), std::string::npos);
  EXPECT_HAS(error_from("folder:"), "expected a path");
  EXPECT_HAS(error_from("index:/nowhere"), "hadal index add");
}

TEST(Searx, AnswersAreReadAsPlainTextAndReplayed) {
  const ScratchFolder folder;
  Server server([](Connection& c, const Request& r) {
    EXPECT_EQ(r.target, "/sub/search?q=moons%20%26%20rings&format=json");
    c.reply(200, kJson,
            R"({"results": [{"url": "http://A.org/x#y", "title": "One &amp; <b>two</b>", "content": "1 < 2"},
                {"url": "javascript:alert", "title": "no"}, {"url": "http://a.org/x", "title": "again"}, {"url": 7}, 8,
                {"url": "http://b.org/", "title": null}, {"url": "http://c.org/"}]
})");
  });
  const std::string name = "searx:" + server.url("/sub/");
  std::vector<Candidate> found;
  {
    Place place(folder / "a");
    found = place.search(name, "moons & rings", 2);
  }
  ASSERT_EQ(urls_of(found), (std::vector<std::string>{"http://a.org/x", "http://b.org/"}));
  EXPECT_EQ(found[0].title, "One & two");
  Index index(":memory:");
  const auto replay = replay_fetcher(folder / "a", nullptr);
  const auto again = open_source(name, {*replay, index});
  EXPECT_EQ(urls_of(again->search("moons & rings", 2, kGoOn)), urls_of(found));
  EXPECT_HAS(error_of([&] { again->search("other", 2, kGoOn); }), "is not in the archive");
  EXPECT_TRUE(again->is_outside());
  EXPECT_FALSE(again->is_private());
}

TEST(Searx, EachFaultIsOneSentenceWithWhatToDo) {
  std::atomic<int> status = 200;
  std::string headers = kJson, body;
  Server server([&](Connection& c, const Request&) { c.reply(status, headers, body); });
  const std::string name = "searx:" + server.url();
  const auto error = [&](int with, const std::string& text) {
    status = with, body = text;
    return error_from(name);
  };
  EXPECT_HAS(error(403, "no"), "add json to search.formats");
  EXPECT_HAS(error(429, "no"), "too many requests");
  EXPECT_HAS(error(500, "no"), "status 500");
  EXPECT_HAS(error(200, R"({"a": 1})"), "is it SearXNG?");
  EXPECT_HAS(error(200, R"({"results": [], "unresponsive_engines": [["google", "CAPTCHA"]]})"), "google (CAPTCHA)");
  EXPECT_EQ(error(200, R"({"results": [], "unresponsive_engines": []})"), "");
  EXPECT_HAS(error(200, R"({"results": )"), "its answer");
  EXPECT_HAS(error(200, std::string(2 << 20, ' ')), "over 1 MiB");
  headers = "Content-Type: text/html\r\n";
  EXPECT_HAS(error(200, "<html>Are you human?</html>"), "a captcha");
  headers = "Location: http://10.0.0.1/\r\n";
  EXPECT_HAS(error(302, ""), "redirects to http://10.0.0.1/");
  EXPECT_HAS(error_from("searx:http://127.0.0.1:1"), "is it running");
}

TEST(Searx, ADripEndsInTime) {
  Server server([](Connection& c, const Request&) {
    c.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while (c.send(" ")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  FetchOptions options;
  options.limits.seconds = 0.3;
  const auto fetcher = web_fetcher(options, nullptr);
  Index index(":memory:");
  const auto source = open_source("searx:" + server.url(), {*fetcher, index});
  EXPECT_HAS(error_of([&] { source->search("x", 5, kGoOn); }), "over 0.3 s");
}

TEST(Brave, SendsItsKeyAndReadsAnswers) {
  std::atomic<int> status = 200;
  Server server([&](Connection& c, const Request& r) {
    EXPECT_EQ(r.target, "/res/v1/web/search?q=a%20b&count=20");
    EXPECT_EQ(r.header("x-subscription-token"), "key12");
    c.reply(
        status, kJson,
        R"({"type": "search", "web": {"results": [{"url": "https://a.org/", "title": "A", "description": "<strong>b</strong> c"}]}})");
  });
  ::unsetenv("BRAVE_API_KEY");
  EXPECT_HAS(error_from("brave"), "BRAVE_API_KEY=");
  ::setenv("BRAVE_API_KEY", "key12", 1);
  ::setenv("HADAL_BRAVE_URL", server.url().c_str(), 1);
  const auto found = Place().search("brave", "a b");
  ASSERT_EQ(urls_of(found), std::vector<std::string>{"https://a.org/"});
  status = 401;
  EXPECT_HAS(error_of([&] { Place().search("brave", "a b"); }), "is BRAVE_API_KEY right");
  status = 429;
  EXPECT_HAS(error_of([&] { Place().search("brave", "a b"); }), "too many requests");
  ::unsetenv("BRAVE_API_KEY");
  ::unsetenv("HADAL_BRAVE_URL");
}

TEST(MediaWiki, FindsPagesInTheOrderOfTheWiki) {
  std::string body = R"({"query": {"pages": [{"title": "B", "fullurl": "https://w.org/wiki/B", "index": 2},
                                             {"title": "A", "fullurl": "https://w.org/wiki/A", "index": 1}]}})";
  std::string asked;
  Server server([&](Connection& c, const Request& r) {
    asked = r.target;
    c.reply(200, kJson, body);
  });
  EXPECT_EQ(urls_of(Place().search("mediawiki:" + server.url(), "x y")),
            (std::vector<std::string>{"https://w.org/wiki/A", "https://w.org/wiki/B"}));
  EXPECT_TRUE(asked.starts_with("/w/api.php?action=query&")) << asked;
  EXPECT_HAS(asked, "gsrsearch=x%20y");
  body = R"({"batchcomplete": true})";
  EXPECT_TRUE(Place().search("mediawiki:" + server.url("/api.php"), "x").empty());
  EXPECT_TRUE(asked.starts_with("/api.php?"));
  body = R"({"error": {"code": "x", "info": "search is switched off"}})";
  EXPECT_HAS(error_from("mediawiki:" + server.url()), "search is switched off");
  body = R"({"query": 7})";
  EXPECT_HAS(error_from("mediawiki:" + server.url()), "is it MediaWiki?");
}

// A folder of a user's, with what must not be read beside it.
void make_notes(const ScratchFolder& folder) {
  namespace fs = std::filesystem;
  fs::create_directories(folder / "notes/deep/.git");
  write_file_whole(folder / "notes/pumps.md", "Pumps\n\nWe chose the pump P-12.\n");
  write_file_whole(folder / "notes/deep/costs.csv", "item,price\npump,40\n");
  write_file_whole(folder / "notes/deep/.git/pump.txt", "hidden pump");
  write_file_whole(folder / "notes/.pump.md", "hidden pump");
  write_file_whole(folder / "notes/pump.cc", "int pump;");
  write_file_whole(folder / "outside.txt", "outside pump");
  fs::create_symlink(folder / "outside.txt", folder / "notes/link.txt");
  fs::create_directory_symlink(folder / "notes", folder / "notes/deep/circle");
}

TEST(Folder, IsReadWithItsSnapshots) {
  const ScratchFolder folder;
  make_notes(folder);
  const std::string name = "folder:" + (folder / "notes/").string();
  {
    Place place(folder / "a");
    const auto source = open_source(name, place.context());
    EXPECT_EQ(source->name(), "folder:notes");
    EXPECT_TRUE(source->is_private());
    EXPECT_FALSE(source->is_outside());
    const auto found = source->search("pump", 10, kGoOn);
    std::vector<std::string> urls = urls_of(found);
    std::sort(urls.begin(), urls.end());
    EXPECT_EQ(urls, (std::vector<std::string>{"notes/deep/costs.csv", "notes/pumps.md"}));
    EXPECT_EQ(source->search("pump", 1, kGoOn).size(), 1u);
    for (const Candidate& candidate : found) {
      const IndexedDocument kept = place.index.document(candidate.document);
      EXPECT_EQ(kept.document.url, candidate.url);
      EXPECT_TRUE(holds(folder / "a", kept.snapshot));
    }
    // What has not changed is not read again; what has is.
    const uint64_t size = place.archive->bytes();
    open_source(name, place.context());
    EXPECT_EQ(place.archive->bytes(), size);
    write_file_whole(folder / "notes/pumps.md", "Pumps\n\nWe chose the siphon S-3.\n");
    EXPECT_EQ(urls_of(place.search(name, "siphon")), std::vector<std::string>{"notes/pumps.md"});
  }
  const auto records = records_of(folder / "a");
  ASSERT_EQ(records.size(), 7u);  // warcinfo, and two for each text
  EXPECT_EQ(records[1].type, "resource");
  EXPECT_EQ(records[1].content_type, "text/csv");
  EXPECT_EQ(records[2].refers_to, records[1].id);
  EXPECT_EQ(records[2].block, extract(raw_document(records[1])).text);

  // A replay reads the archive, and gives the same snapshots; the folder may be gone.
  std::filesystem::remove_all(folder / "notes");
  for (const char* copy : {"b", "c"}) {
    WarcWriter archive(folder / copy);
    const auto fetcher = replay_fetcher(folder / "a", &archive);
    Index index(":memory:");
    const auto source = open_source(name, {*fetcher, index, &archive, folder / "a"});
    EXPECT_EQ(urls_of(source->search("siphon", 10, kGoOn)), std::vector<std::string>{"notes/pumps.md"});
    EXPECT_TRUE(holds(folder / copy, records[6].id));
    EXPECT_TRUE(holds(folder / copy, records[2].id));
  }
  EXPECT_EQ(read_file(folder / "b"), read_file(folder / "c"));
}

TEST(Folder, FaultsAreOneSentence) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder / "empty");
  write_file_whole(folder / "file.md", "x");
  EXPECT_HAS(error_from("folder:" + (folder / "empty").string()), "expected files of Markdown");
  EXPECT_HAS(error_from("folder:" + (folder / "file.md").string()), "found a file");
  EXPECT_HAS(error_from("folder:" + (folder / "none").string()), "found none");
  write_file_whole(folder / "empty/broken.pdf", "%PDF-1.4 and no more");
  EXPECT_HAS(error_from("folder:" + (folder / "empty").string()), "found none that can be read; the first: ");
  write_file_whole(folder / "empty/good\n.md", "good words");
  Place place(folder / "a");
  EXPECT_EQ(urls_of(place.search("folder:" + (folder / "empty").string(), "good")),
            std::vector<std::string>{"empty/good_.md"});
  const auto records = records_of(folder / "a");
  EXPECT_EQ(records[1].type, "metadata");
  EXPECT_EQ(records[1].target_uri, "empty/broken.pdf");
  if (::geteuid() == 0) return;  // who may read everything
  ::chmod((folder / "empty/broken.pdf").c_str(), 0);
  EXPECT_EQ(Place().search("folder:" + (folder / "empty").string(), "good").size(), 1u);
}

TEST(Archive, IsSearchedByItsWords) {
  const ScratchFolder folder;
  make_notes(folder);
  {
    Server server([](Connection& c, const Request& r) {
      if (r.target == "/robots.txt")
        return c.reply(200, "Content-Type: text/plain\r\n", "# pump\nUser-agent: *\nAllow: /\n");
      if (r.target == "/picture") return c.reply(200, "Content-Type: image/png\r\n", "pump");
      c.reply(200, "Content-Type: text/plain\r\n", "A pump of the web.");
    });
    WarcWriter archive(folder / "a");
    FetchOptions options = quick();
    options.limits.host_interval_s = 0;
    options.allowed = net::AllowList({server.url().substr(7)});
    const auto fetcher = web_fetcher(options, &archive);
    fetcher->fetch({server.url("/page"), server.url("/picture")}, kGoOn);
    Index index(":memory:");
    open_source("folder:" + (folder / "notes").string(), {*fetcher, index, &archive});
  }
  WarcWriter archive(folder / "b");
  const auto replay = replay_fetcher(folder / "a", &archive);
  Index index(":memory:");
  const auto source = archive_source(folder / "a", {*replay, index, &archive});
  EXPECT_TRUE(source->is_private()) << "it holds files of the user's own";
  size_t pages = 0, files = 0;
  for (const Candidate& candidate : source->search("pump", 10, kGoOn)) {
    if (candidate.document < 0) {
      ++pages;
      EXPECT_EQ(replay->fetch({candidate.url}, kGoOn)[0].body, "A pump of the web.");
    } else {
      ++files;
      EXPECT_TRUE(holds(folder / "b", index.document(candidate.document).snapshot));
    }
  }
  EXPECT_EQ(pages, 1u);
  EXPECT_EQ(files, 2u);
  write_file_whole(folder / "c", "");
  EXPECT_HAS(error_of([&] { archive_source(folder / "c", {*replay, index}); }), "found none");
}

// Whenever a run asks again, its archive holds a document once.
TEST(KeptIndex, IsArchivedWithTheDateOfTheRun) {
  const ScratchFolder folder;
  Document document;
  document.url = "notes/pump.md";
  document.text = "We chose the pump P-12 and a valve.";
  Index(folder / "ix" / kIndexFile).add(document, "1");
  {
    Place place(folder / "a");
    SourceContext context = place.context();
    context.date = "2020-02-03T04:05:06Z";
    const auto source = open_source("index:" + (folder / "ix").string(), context);
    EXPECT_EQ(source->search("pump", 10, kGoOn).size(), 1u);
    EXPECT_EQ(source->search("valve", 10, kGoOn).size(), 1u);
  }
  std::vector<std::string> dates;
  for (const WarcRecord& record : records_of(folder / "a"))
    if (record.type == "conversion") dates.push_back(record.date);
  EXPECT_EQ(dates, std::vector<std::string>{"2020-02-03T04:05:06Z"});
}

TEST(Fuse, RanksByReciprocalRankAndLimitsSites) {
  const auto page = [](const std::string& url) { return Candidate{url, ""}; };
  const auto fused = fuse({{page("http://www.a.org/1"), page("http://a.org/2"), page("http://b.org/")},
                           {page("http://a.org/3"), page("http://b.org/"), {"notes/x.md", "", 4}}},
                          2);
  EXPECT_EQ(urls_of(fused),
            (std::vector<std::string>{"http://b.org/", "http://www.a.org/1", "http://a.org/3", "notes/x.md"}));
  EXPECT_TRUE(fuse({}, 2).empty());
}

}  // namespace
}  // namespace hadal::research
