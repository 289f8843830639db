// From an index that the command line makes to a report that the command line verifies.
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "cli/verb.h"
#include "research/warc.h"

namespace hadal {
namespace {
using test::error_of;

// What it prints; of an error its text.
std::string run(int (*verb)(int, char**), const std::string& name, std::vector<std::string> words) {
  words.insert(words.begin(), name);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  const std::string error = error_of([&] { verb(static_cast<int>(argv.size()), argv.data()); });
  const std::string out = ::testing::internal::GetCapturedStdout();
  return error.empty() ? out : error;
}

TEST(IndexVerb, WhatItReadsResearchQuotes) {
  test::ScratchFolder folder;
  const std::string index = (folder / "ix").string(), out = (folder / "run").string();
  write_file_whole(folder / "n.md", "# The pump\n\nWe chose the pump P-12 because it runs at 40 degrees.\n");
  EXPECT_HAS(run(index_command, "hadal index", {"add", (folder / "n.md").string(), "--index", index}), "1 document");
  const Json hits =
      parse_json(run(index_command, "hadal index", {"search", "pump", "--index", index, "--json"}), "out");
  EXPECT_HAS(hits.at("results").at(0).at("hits").at(0).at("text").get<std::string>(), "P-12");
  const Json report = parse_json(
      run(research_command, "hadal research",
          {"Which pump did we choose?", "--sources", "index:" + index, "--no-model", "--out", out, "--json"}),
      "report");
  EXPECT_EQ(report.at("found"), true);
  EXPECT_HAS(report.at("answer").get<std::string>(), "P-12");
  EXPECT_EQ(report.at("sources").at(0).at("kind"), "index");
  const Json verdict = parse_json(run(research_command, "hadal research", {"verify", out, "--json"}), "verdict");
  EXPECT_EQ(verdict.at("ok"), true) << verdict.dump();
  EXPECT_HAS(run(research_command, "hadal research", {"show", out}), "P-12");
  EXPECT_HAS(run(index_command, "hadal index", {"list", "--index", (folder / "none").string()}), "found none");
}

// One that is broken, of a kind that is not read, or too large ends nothing.
TEST(IndexVerb, WhatCannotBeReadIsLeftOutAndNamed) {
  test::ScratchFolder folder;
  const std::string index = (folder / "ix").string();
  std::filesystem::create_directories(folder / "docs");
  write_file_whole(folder / "docs/a.md", "# The pump\n\nWe chose the pump P-12.\n");
  write_file_whole(folder / "docs/large.txt", "");
  std::filesystem::resize_file(folder / "docs/large.txt", (uint64_t{64} << 20) + 1);
  {
    research::WarcWriter writer(folder / "docs/web.warc");
    for (const auto& [url, block] :
         {std::pair("http://a.test/broken", "HTTP/1.1 no status\r\n\r\nno"),
          {"http://a.test/whole", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nThe valve."}}) {
      research::WarcRecord record;
      record.type = "response";
      record.target_uri = url;
      record.date = "2026-11-28T10:00:00Z";
      record.content_type = "application/http; msgtype=response";
      record.block = block;
      writer.append(std::move(record));
    }
  }
  const Json added = parse_json(
      run(index_command, "hadal index", {"add", (folder / "docs").string(), "--index", index, "--json"}), "added");
  EXPECT_EQ(added.at("documents"), 2) << added.dump();
  ASSERT_EQ(added.at("left_out").size(), 2u) << added.dump();
  EXPECT_HAS(added.at("left_out").at(0).get<std::string>(), "docs/large.txt");
  EXPECT_HAS(added.at("left_out").at(1).get<std::string>(), "http://a.test/broken");
  EXPECT_HAS(run(index_command, "hadal index", {"search", "valve", "--index", index}), "http://a.test/whole");
}

}  // namespace
}  // namespace hadal
