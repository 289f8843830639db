// hadal verify as a caller meets it.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/verb.h"

namespace hadal {
namespace {

class Verify : public ::testing::Test {
 protected:
  ~Verify() override { std::filesystem::remove(path_); }

  // The printed document; the message where the verb fails.
  std::string run(const std::string& content, std::vector<std::string> more = {"--json"}) {
    write_file_whole(path_, content);
    std::vector<std::string> words = {"hadal verify", "--file", path_.string()};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    ::testing::internal::CaptureStdout();
    try {
      const int code = verify_command(static_cast<int>(argv.size()), argv.data());
      const std::string out = ::testing::internal::GetCapturedStdout();
      return code == 0 ? out : "exit code " + std::to_string(code);
    } catch (const Error& e) {
      EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
      return e.what();
    }
  }
  Json results(const std::string& content, std::vector<std::string> more = {"--json"}) {
    return parse_json(run(content, std::move(more)), "output").at("results");
  }
  Path path_ = std::filesystem::temp_directory_path() / ("hadal_verify_" + std::to_string(::getpid()) + ".jsonl");
};

std::string line_of(const std::string& reply, const std::string& task = R"("task":"countdown",)") {
  return "{\"item\":{" + task + "\"numbers\":[19,36,55],\"target\":38},\"reply\":" + Json(reply).dump() + "}\n";
}

TEST_F(Verify, GivesAVerdictALine) {
  const Json found =
      results("\xEF\xBB\xBF" + line_of("<think>x</think>19+55-36") + "\n \r\n" + line_of("5") + line_of("<think>x"));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0], (Json{{"right", true}, {"reward", 1}, {"answer", "19+55-36"}, {"why", "makes 38"}}));
  EXPECT_EQ(found[1]["right"], false);
  EXPECT_EQ(found[1]["reward"], 0);
  EXPECT_EQ(found[1]["answer"], "5");
  EXPECT_EQ(found[2], (Json{{"right", false}, {"reward", 0}, {"answer", nullptr}, {"why", "the thinking has no end"}}));
  EXPECT_EQ(run(line_of("19+55-36") + line_of("19"), {}),
            "line 1: right: makes 38\nline 2: wrong: 36 is not used\n1 of 2 right\n");
}

TEST_F(Verify, TheTaskMayBeSaidForAllItems) {
  EXPECT_EQ(results(line_of("19+55-36", ""), {"--json", "--task", "countdown"})[0]["right"], true);
  EXPECT_EQ(results(line_of("19+55-36"), {"--json", "--task", "countdown"})[0]["right"], true);
  EXPECT_NE(
      run(line_of("x"), {"--task", "knights"}).find("line 1: expected the task knights of --task, found \"countdown\""),
      std::string::npos);
  EXPECT_NE(run(line_of("x"), {"--task", "dance"}).find("expected one of countdown"), std::string::npos);
}

TEST_F(Verify, AGoldStandsForAnItemOfMath) {
  const std::string lines = R"({"gold":"2 1/2","reply":"\\boxed{5/2}"})"
                            "\n"
                            R"({"gold":7,"reply":"<think>7</think>8"})";
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--json"}, {"--json", "--task", "math"}}) {
    const Json found = results(lines, more);
    EXPECT_EQ(found[0]["right"], true);
    EXPECT_EQ(found[1]["right"], false);
  }
  EXPECT_NE(run(lines, {"--task", "countdown"}).find("line 1: expected the task countdown"), std::string::npos);
  EXPECT_NE(run(R"({"gold":"many","reply":"7"})").find("line 1"), std::string::npos);
}

TEST_F(Verify, BadLinesAreErrorsThatNameTheLine) {
  const std::string good = line_of("5");
  for (const std::string bad :
       {"[]", "{", "5", "null", "{}", R"({"reply":"x"})", R"({"item":{"task":"countdown"}})",
        R"({"item":5,"reply":"x"})", R"({"item":{},"reply":"x"})", R"({"item":{"task":"dance"},"reply":"x"})",
        R"({"item":{"task":"countdown","numbers":[1,2],"target":3},"reply":7})",
        R"({"item":{"task":"countdown","numbers":[1,2],"target":3},"gold":3,"reply":"3"})",
        R"({"item":{"task":"countdown","numbers":[1,-2],"target":3},"reply":"3"})",
        R"({"item":{"task":"countdown","numbers":[1,2],"target":3,"question":5},"reply":"3"})"}) {
    EXPECT_NE(run(good + bad + "\n").find(": line 2"), std::string::npos) << bad << "\n" << run(good + bad + "\n");
  }
  EXPECT_NE(run("").find("expected at least one line"), std::string::npos);
  EXPECT_NE(run("\n\n").find("expected at least one line"), std::string::npos);
}

TEST_F(Verify, HostileRepliesAreJudgedInTime) {
  const std::string open(20'000, '('), close(20'000, ')');
  std::string lines;
  for (int i = 0; i < 50; ++i)
    lines += line_of(open + "19+55-36" + close) + line_of("<think>" + open + "</think>" + close);
  lines += line_of(std::string(2'000'000, '-')) + line_of(std::string(2'000'000, '\0')) + line_of("\xF0\x9F\x98\x80");
  for (const Json& result : results(lines)) {
    EXPECT_FALSE(result["right"].get<bool>());
    EXPECT_LE(result["answer"].is_null() ? 0u : result["answer"].get_ref<const std::string&>().size(), 4000u);
  }
}

// The program's file is named by its path, so it is seen in the sandbox though it lies in /tmp.
TEST_F(Verify, AProgramMayJudge) {
  const Path script = path_.string() + ".sh";
  write_file_whole(script, R"(while read -r line; do
  case "$line" in
    *die*) exit 1 ;;
    *good*) echo '{"reward": 1.5, "why": "it is good"}' ;;
    *) echo '{"reward": 0}' ;;
  esac
done)");
  const std::string lines = R"({"item":{},"reply":"good"}
{"item":{"any":[1]},"reply":"die"}
{"item":{},"reply":"bad"})";
  const std::string command = "sh " + script.string(), text = run(lines, {"--command", command});
  if (text.find("bwrap") != std::string::npos) {
    std::filesystem::remove(script);
    GTEST_SKIP() << "needs a sandbox: " << text;
  }
  EXPECT_EQ(text,
            "line 1: right: it is good\nline 2: no verdict: it ended with exit code 1\nline 3: wrong\n"
            "1 of 3 right, 1 without a verdict\n");
  const Json found = results(lines, {"--json", "--command", command, "--command-seconds", "60"});
  EXPECT_EQ(found[0], (Json{{"right", true}, {"reward", 1.5}, {"answer", nullptr}, {"why", "it is good"}}));
  EXPECT_EQ(found[1]["right"], nullptr);
  EXPECT_EQ(found[1]["reward"], nullptr);
  EXPECT_EQ(found[2]["reward"], 0);
  EXPECT_NE(run(R"({"item":1,"reply":"x"})", {"--command", command}).find("line 1: \"item\": expected an object"),
            std::string::npos);
  EXPECT_NE(run(lines, {"--command", " "}).find("--command: expected a program"), std::string::npos);
  std::filesystem::remove(script);
}

}  // namespace
}  // namespace hadal
