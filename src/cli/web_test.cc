// hadal web as a caller meets it.
#include "cli/web.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "cli/verb.h"

namespace hadal {
namespace {
using test::error_of;

std::string run(std::vector<std::string> words) {
  words.insert(words.begin(), "hadal web");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  const std::string error = error_of([&] { web_command(static_cast<int>(argv.size()), argv.data()); });
  const std::string out = ::testing::internal::GetCapturedStdout();
  return error.empty() ? out : error;
}

std::string shared(const std::string& name) { return fmt::format("{}/tests/research/{}", HADAL_SOURCE_DIR, name); }

Json answers(const std::string& command, const std::string& file) {
  return parse_json(run({command, "--cases", file, "--json"}), "output");
}

TEST(WebVerb, AnswersTheSharedCases) {
  const Json urls = parse_json(read_file(shared("url.json")), "url.json", {.mend_surrogates = true}).at("cases");
  const Json url_answers = answers("url", shared("url.json")).at("results");
  ASSERT_EQ(url_answers.size(), urls.size());
  for (size_t i = 0; i < urls.size(); ++i)
    for (const auto& [name, value] : url_answers[i].items()) EXPECT_EQ(value, urls[i].at(name)) << urls[i].dump();

  const Json robots = parse_json(read_file(shared("robots.json")), "robots.json").at("cases");
  const Json robots_answers = answers("robots", shared("robots.json")).at("results");
  ASSERT_EQ(robots_answers.size(), robots.size());
  for (size_t i = 0; i < robots.size(); ++i) EXPECT_EQ(robots_answers[i], robots[i].at("allowed")) << i;

  const Json guard = parse_json(read_file(shared("addresses.json")), "addresses.json");
  const Json guard_answers = answers("check", shared("addresses.json"));
  for (const char* list : {"addresses", "urls"}) {
    ASSERT_EQ(guard_answers.at(list).size(), guard.at(list).size());
    for (size_t i = 0; i < guard.at(list).size(); ++i)
      EXPECT_EQ(guard_answers.at(list)[i], guard.at(list)[i].at("fetch")) << guard.at(list)[i].dump();
  }
}

TEST(WebVerb, SaysWhatIsWrong) {
  test::ScratchFolder folder;
  const std::string file = (folder / "cases.json").string();
  write_file_whole(file, R"({"cases": [{"input": 1}]})");
  EXPECT_HAS(run({"url", "--cases", file}), "cases.json: ");
  EXPECT_HAS(run({"robots", "--cases", file}), "not found");
  write_file_whole(file, R"({"cases": [{"input": "/x", "base": "http://"}]})");
  EXPECT_EQ(answers("url", file), (Json{{"results", {{{"failure", true}}}}}));
  EXPECT_EQ(answers("check", file), (Json{{"addresses", Json::array()}, {"urls", Json::array()}}));
  EXPECT_HAS(run({"url", "--cases", "/nowhere"}), "/nowhere");
  EXPECT_HAS(run({"help"}), "robots");
}

}  // namespace
}  // namespace hadal
