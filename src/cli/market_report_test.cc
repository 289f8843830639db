// hadal market report and memo as a caller meets them.
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "cli/market.h"
#include "cli/verb.h"
#include "market/testing/run_figures.h"

namespace hadal {
namespace {
using test::error_of;

struct Ended {
  int code;
  std::string out;
};

Ended run(std::vector<std::string> words) {
  words.insert(words.begin(), "hadal market");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  Ended ended{-1, ""};
  const std::string error = error_of([&] { ended.code = market_command(static_cast<int>(argv.size()), argv.data()); });
  ended.out = ::testing::internal::GetCapturedStdout();
  if (!error.empty()) ended.out = error;
  return ended;
}

class MarketReport : public ::testing::Test {
 protected:
  MarketReport() {
    std::filesystem::create_directories(run_);
    OrderedJson figures = market::test::run_figures();
    figures["run"] = run_, figures["forecast"] = nullptr;
    write_file_whole(folder_ / "run/figures.json", dump_json(figures));
  }
  test::ScratchFolder folder_;
  std::string run_ = (folder_ / "run").string();
};

TEST_F(MarketReport, WritesThePageWhereItIsAsked) {
  const std::string out = (folder_ / "page.html").string();
  const Ended ended = run({"report", run_, "--out", out, "--json"});
  EXPECT_EQ(ended.code, 0) << ended.out;
  EXPECT_EQ(parse_json(ended.out, "output"), (Json{{"out", out}}));
  EXPECT_HAS(read_file(out), "1234.56");
  EXPECT_HAS(run({"report", run_}).out, run_ + "/report.html\nnext: hadal market memo " + run_);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "run/report.html"));
}

TEST_F(MarketReport, MemoVerifiesAndAChangedOneDoesNot) {
  const Ended written = run({"memo", run_, "--json"});
  EXPECT_EQ(written.code, 0) << written.out;
  const Json memo = parse_json(written.out, "output");
  EXPECT_EQ(memo.at("text"), read_file(folder_ / "run/memo.md"));
  EXPECT_FALSE(memo.at("bindings").empty());
  const std::string file = (folder_ / "run/memo.md").string();
  const Ended good = run({"memo", "--verify", file, "--run", run_, "--json"});
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_EQ(parse_json(good.out, "output"), (Json{{"verified", true}, {"unbound", Json::array()}}));

  const std::string other = (folder_ / "other.md").string();
  write_file_whole(other, "\xC3\xA9 23.4% and 1234.57");
  const Ended bad = run({"memo", "--verify", other, "--run", run_, "--json"});
  EXPECT_EQ(bad.code, 1);
  const Json unbound = parse_json(bad.out, "output").at("unbound");
  EXPECT_EQ(unbound, Json::array({{{"text", "23.4"}, {"begin", 2}, {"end", 6}},
                                  {{"text", "1234.57"}, {"begin", 12}, {"end", 19}}}));
  const Ended words = run({"memo", "--verify", other, "--run", run_});
  EXPECT_EQ(words.code, 1);
  EXPECT_HAS(words.out, "1234.57");
}

TEST_F(MarketReport, FiguresOfAnotherKindAreRefused) {
  write_file_whole(folder_ / "run/figures.json", "{}");
  EXPECT_HAS(run({"memo", run_}).out, "expected figures of this version");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/memo.md"));
}

TEST_F(MarketReport, AModelWordsTheMemoOrIsSaidToHaveFailed) {
  const std::string model = (Path(HADAL_SOURCE_DIR) / "models/pilot").string();
  const Ended worded = run({"memo", run_, "--model", model, "--json"});
  EXPECT_EQ(worded.code, 0) << worded.out;
  const Json memo = parse_json(worded.out, "output");
  EXPECT_EQ(memo.at("model"), "pilot");
  EXPECT_EQ(memo.at("text"), read_file(folder_ / "run/memo.md"));
  for (const Json& p : memo.at("paragraphs")) EXPECT_EQ(p.at("rephrased"), p.at("why") == "") << p;
  EXPECT_EQ(run({"memo", "--verify", (folder_ / "run/memo.md").string(), "--run", run_}).code, 0);
  EXPECT_EQ(run({"memo", run_, "--model", model, "--json"}).out, worded.out) << "the same answer again";
}

TEST_F(MarketReport, SaysWhatIsMissing) {
  EXPECT_HAS(run({"memo", run_, "--model", "no/such"}).out, "no/such");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/memo.md"));
  EXPECT_EQ(run({"memo", "--verify", run_, "--run", run_, "--model", "pilot"}).code, 2);
  EXPECT_HAS(run({"memo"}).out, "expected a run");
  EXPECT_HAS(run({"report", "nowhere"}).out, "expected the folder of a run");
  EXPECT_EQ(run({"memo", run_, "--run", run_}).code, 2) << "--run needs --verify";
}

}  // namespace
}  // namespace hadal
