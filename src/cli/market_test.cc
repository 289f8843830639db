// hadal market as a caller meets it.
#include "cli/market.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "base/text.h"
#include "cli/verb.h"

namespace hadal {
namespace {
using test::error_of;

class MarketVerb : public ::testing::Test {
 protected:
  // What the verb prints; it must end well.
  std::string run(std::vector<std::string> words) {
    words.insert(words.begin(), "hadal market");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    ::testing::internal::CaptureStdout();
    int code = 1;
    const std::string error = error_of([&] { code = market_command(static_cast<int>(argv.size()), argv.data()); });
    const std::string out = ::testing::internal::GetCapturedStdout();
    if (!error.empty()) return error;
    EXPECT_EQ(code, 0) << out;
    return out;
  }
  Json json(std::vector<std::string> words) {
    words.push_back("--json");
    return parse_json(run(std::move(words)), "output");
  }
  std::string file(const std::string& name, std::string_view content) {
    write_file_whole(folder_ / name, content);
    return (folder_ / name).string();
  }
  test::ScratchFolder folder_;
  std::string market_ = (folder_ / "m").string();
};

TEST_F(MarketVerb, ImportsShowsAndChecks) {
  const std::string bars = file("ABC.csv",
                                "Date,Open,High,Low,Close,Volume\n2020-01-02,10,11,9,10.5,100\n"
                                "2020-01-03,10.5,12,10,11,0\n2020-01-06,11,10,10,10.25,300\n");
  const Json imported = json({"import", market_, bars, "--calendar", "XNYS"});
  EXPECT_EQ(imported.at("market"), "m");
  EXPECT_EQ(imported.at("restated"), 0);
  EXPECT_EQ(imported.at("issues"), (Json{{"high_below_body", 1}, {"zero_volume", 1}}));
  const Json& one = imported.at("files").at(0);
  EXPECT_EQ(one.at("file"), bars);
  EXPECT_EQ(one.at("format"), "csv");
  EXPECT_EQ(one.at("symbols"), Json{"ABC"});
  EXPECT_EQ(one.at("rows"), 3);
  EXPECT_EQ(one.at("accepted"), 2);
  EXPECT_EQ(one.at("quarantined"), 1);
  EXPECT_EQ(one.at("first"), "2020-01-02");
  EXPECT_EQ(one.at("last"), "2020-01-06");

  const Json shown = json({"show", market_, "ABC", "--from", "2020-01-03"});
  EXPECT_EQ(shown.at("symbol"), "ABC");
  EXPECT_EQ(shown.at("prices"), "raw");
  EXPECT_EQ(
      shown.at("bars"),
      Json::array(
          {{{"time", "2020-01-03"}, {"open", 10.5}, {"high", 12.0}, {"low", 10.0}, {"close", 11.0}, {"volume", 0.0}}}));
  EXPECT_EQ(json({"show", market_, "ABC", "--as-of", "2019-12-31"}).at("bars"), Json::array());

  const Json checked = json({"check", market_});
  EXPECT_EQ(checked.at("bars"), 2);
  EXPECT_EQ(checked.at("instruments"), 1);
  EXPECT_EQ(checked.at("counts").at("high_below_body"), 1);
  EXPECT_EQ(checked.at("issues").at(1), (Json{{"code", "high_below_body"},
                                              {"severity", "error"},
                                              {"symbol", "ABC"},
                                              {"time", "2020-01-06"},
                                              {"detail", "high 10 is below open 11 or close 10.25"}}));
}

TEST_F(MarketVerb, TakesSeveralFilesBeforeAndBehindOptions) {
  const char* bars = "Date,Open,High,Low,Close\n2020-01-02,10,11,9,10.5\n";
  const Json imported = json({"import", market_, file("A.csv", bars), file("B.csv", bars), "--calendar", "XNYS"});
  EXPECT_EQ(imported.at("files").size(), 2u);
  EXPECT_EQ(json({"import", "--format", "csv", market_, file("C.csv", bars), file("D.csv", bars)}).at("files").size(),
            2u);
  EXPECT_EQ(json({"show", market_}).at("instruments").size(), 4u);
}

TEST_F(MarketVerb, WordsEndWithTheNextCommand) {
  const std::string bars = file("ABC.csv", "Date,Open,High,Low,Close\n2020-01-02,10,11,9,10.5\n");
  EXPECT_HAS(run({"import", market_, bars}), "1 row, 1 accepted, 0 quarantined, 2020-01-02 to 2020-01-02");
  EXPECT_HAS(run({"show", market_}), "Next: hadal market show");
  EXPECT_HAS(run({"show", market_, "ABC"}), "Next: hadal market check");
  EXPECT_HAS(run({"check", market_}), "Next: hadal market init");
  EXPECT_HAS(run({"list"}), "Next: hadal market");
  EXPECT_HAS(run({"show", market_, "ABD"}), "the nearest is ABC");
  EXPECT_HAS(run({"import", market_, bars, "--known-at", "soon"}), "--known-at: expected a date");
  EXPECT_HAS(run({}), "usage: hadal market COMMAND");
}

TEST_F(MarketVerb, MistakesOnTheCommandLineAreUsageErrors) {
  const std::string bars = file("ABC.csv", "Date,Open,High,Low,Close\n2020-01-02,10,11,9,10.5\n");
  run({"import", market_, bars});
  const std::vector<std::vector<std::string>> mistakes = {{"import", market_, bars, "--known-at", "soon"},
                                                          {"import", market_, bars, "--calendar", "XXXX"},
                                                          {"import", market_, bars, "--zone", "Nowhere"},
                                                          {"import", market_, bars, "--map", "x"},
                                                          {"show", market_, "--as-of", "soon"},
                                                          {"show", market_, "ABC", "--from", "soon"},
                                                          {"factors", market_, "--set", "alpha1"},
                                                          {"factors", market_, "--expr", "no name"},
                                                          {"factors", market_, "--expr", "x=Nope($close)"},
                                                          {"factors", market_, "--expr", "x=$close", "--to", "soon"},
                                                          {"factors", market_},
                                                          {"memo"},
                                                          {"memo", "--verify", bars},
                                                          {"stats", "--sharpe", "nan", "--length", "100"},
                                                          {"stats"}};
  for (std::vector<std::string> words : mistakes) {
    std::string shown;
    for (const std::string& word : words) shown += word + " ";
    words.insert(words.begin(), "hadal market");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    EXPECT_THROW(market_command(static_cast<int>(argv.size()), argv.data()), UsageError) << shown;
  }
}

TEST_F(MarketVerb, OptimizesAndNamesContradictions) {
  const auto code_and_json = [&](const std::string& path) {
    std::vector<std::string> words = {"hadal market", "optimize", path, "--json"};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    ::testing::internal::CaptureStdout();
    const int code = market_command(static_cast<int>(argv.size()), argv.data());
    return std::pair(code, parse_json(::testing::internal::GetCapturedStdout(), "output"));
  };
  const auto [code, found] =
      code_and_json(file("p.json", R"({"P": [[2, 0], [0, 1]], "q": [0, 0], "A": [[1, 1]], "l": [3], "u": [null]})"));
  EXPECT_EQ(code, 0);
  EXPECT_EQ(found.at("status"), "solved");
  EXPECT_NEAR(found.at("x").at(0).get<double>(), 1, 1e-12);
  EXPECT_NEAR(found.at("x").at(1).get<double>(), 2, 1e-12);
  EXPECT_NEAR(found.at("objective").get<double>(), 3, 1e-12);
  EXPECT_LE(found.at("kkt_residual").get<double>(), 1e-9);
  EXPECT_EQ(found.at("conflict"), Json::array());
  for (const char* key : {"iterations", "milliseconds"}) EXPECT_TRUE(found.at(key).is_number()) << key;
  const auto [refused, why] = code_and_json(
      file("no.json", R"({"mean": [0, 0], "covariance": [[1, 0], [0, 1]], "budget": 1, "lower": 0, "upper": 0.4})"));
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(why.at("status"), "infeasible");
  EXPECT_TRUE(why.at("x").is_null());
  EXPECT_EQ(why.at("conflict"), (Json{"budget = 1", "upper bounds (sum 0.8)"}));
  EXPECT_HAS(run({"optimize", file("p.json", R"({"P": [[2, 0], [0, 1]], "q": [-2, 0]})")}), "1 at 0");
  EXPECT_HAS(run({"optimize", file("p.json", R"({"P": [[-2]], "q": [1]})")}), "positive semidefinite");
}

TEST_F(MarketVerb, AFileToWriteNeedsAName) {
  run({"import", market_, file("ABC.csv", "Date,Open,High,Low,Close\n2020-01-02,10,11,9,10.5\n")});
  std::vector<std::string> words = {"hadal market", "init", market_, "--out", ""};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  EXPECT_EQ(market_command(static_cast<int>(argv.size()), argv.data()), 2);
}

TEST_F(MarketVerb, TextShowsNoControlCharactersAndNoNan) {
  const std::string bars = file("ABC.csv", "symbol,Date,Open,High,Low,Close\nA\x1b[31mB,2020-01-02,10,11,9,10.5\n");
  run({"import", market_, bars});
  for (const std::string& text :
       {run({"show", market_}), run({"show", market_, "A\x1b[31mB"}), run({"check", market_})}) {
    EXPECT_EQ(text.find('\x1b'), text.npos) << text;
    EXPECT_EQ(text.find("nan"), text.npos) << text;
  }
  EXPECT_HAS(run({"show", market_, "A\x1b[31mB"}), "raw prices");
}

TEST_F(MarketVerb, FactorsAreJudgedByTheirCorrelationWithALabel) {
  std::string bars = "symbol,Date,Open,High,Low,Close\n";
  const char* days[] = {"2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"};
  for (int day = 0; day < 4; ++day)
    for (int i = 0; i < 4; ++i) {
      const int price = 10 * (1 << i) + day;
      bars += fmt::format("{},{},{},{},{},{}\n", static_cast<char>('A' + i), days[day], price, price, price, price);
    }
  run({"import", market_, file("bars.csv", bars), "--calendar", "XNYS"});
  const std::string out = (folder_ / "ic.csv").string();
  const std::vector<std::string> words = {
      "factors",          market_,  "--expr",          "same=$close", "--expr",
      "against=0-$close", "--expr", "log=Log($close)", "--expr",      "flat=$close-$close",
      "--label",          "$close", "--from",          "2020-01-03"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return more;
  };
  const Json pearson = json(with({"--ic", "pearson", "--out", out}));
  EXPECT_EQ(pearson.at("label"), "$close");
  EXPECT_EQ(pearson.at("instruments"), 4);
  EXPECT_EQ(pearson.at("bars"), 16);
  const Json& factors = pearson.at("factors");
  ASSERT_EQ(factors.size(), 4u);
  EXPECT_NEAR(factors.at(0).at("ic").get<double>(), 1, 1e-12);
  EXPECT_EQ(factors.at(0).at("times"), 3) << "from --from on";
  EXPECT_NEAR(factors.at(1).at("ic").get<double>(), -1, 1e-12);
  EXPECT_GT(factors.at(2).at("ic").get<double>(), 0.9);
  EXPECT_LT(factors.at(2).at("ic").get<double>(), 0.99);
  EXPECT_TRUE(factors.at(3).at("ic").is_null()) << factors.dump();
  EXPECT_EQ(factors.at(3).at("times"), 0);
  const std::vector<std::string> lines = split(read_file(out), '\n');
  ASSERT_EQ(lines.size(), 5u) << "a head, three days, and the end";
  EXPECT_EQ(lines[0], "time,same,against,log,flat");
  EXPECT_EQ(lines[1].substr(0, 11), "2020-01-03,");
  EXPECT_TRUE(lines[1].ends_with(",")) << "what is missing is empty: " << lines[1];

  const Json rank = json(with({"--ic", "rank"}));
  EXPECT_NEAR(rank.at("factors").at(2).at("ic").get<double>(), 1, 1e-12) << "Log keeps the order";
  const std::string text = run(with({"--ic", "pearson"}));
  EXPECT_HAS(text, "16 bars of 4 instruments");
  EXPECT_EQ(text.find("nan"), text.npos) << text;
}

TEST_F(MarketVerb, WhatIsWrittenToADeviceIsNotMixedWithHints) {
  run({"import", market_, file("ABC.csv", "Date,Open,High,Low,Close\n2020-01-02,10,11,9,10.5\n")});
  EXPECT_EQ(run({"factors", market_, "--expr", "c=$close", "--out", "/dev/stdout"}),
            "symbol,time,c\nABC,2020-01-02,10.5\n");
  std::string bars = "Date,Open,High,Low,Close\n";
  for (int day = 1; day <= 31; ++day) bars += fmt::format("2020-01-{:02},10,11,9,10.5\n", day);
  const std::string longer = (folder_ / "longer").string();
  run({"import", longer, file("DEF.csv", bars), "--calendar", "24/7"});
  const std::string strategy = run({"init", longer, "--out", "/dev/stdout"});
  EXPECT_HAS(strategy, "[data]");
  EXPECT_EQ(strategy.find("next:"), strategy.npos);
}

TEST_F(MarketVerb, NothingIsWrittenIntoAMarketsFolder) {
  run({"import", market_, file("ABC.csv", "Date,Open,High,Low,Close\n2020-01-02,10,11,9,10.5\n")});
  const std::string before = read_file(market_ + "/market.db");
  for (const std::string& out : {market_ + "/market.db", market_ + "/bars/x.csv", market_ + "/new.csv"})
    EXPECT_HAS(run({"factors", market_, "--expr", "c=$close", "--out", out}), "expected a file outside of a market")
        << out;
  EXPECT_EQ(read_file(market_ + "/market.db"), before);
  EXPECT_FALSE(std::filesystem::exists(market_ + "/new.csv"));
}

TEST_F(MarketVerb, AMarketWithoutAnImportIsSaidToBeEmpty) {
  const Path before = std::filesystem::current_path();
  std::filesystem::create_directories(folder_ / "markets/new/bars");  // as an import leaves it that was killed
  write_file_whole(folder_ / "markets/new/market.db", "");
  std::filesystem::current_path(folder_.path());
  const std::string text = run({"list"});
  std::filesystem::current_path(before);
  EXPECT_HAS(text, "new ");
  EXPECT_HAS(text, "empty: no import into it has ended");
}

TEST_F(MarketVerb, HintsCallTheProgramAsItsUserDid) {
  ::setenv("HADAL_CALLED_AS", "./run", 1);
  const std::string text = run({"list"});
  ::unsetenv("HADAL_CALLED_AS");
  EXPECT_HAS(text, "Next: ./run market ");
  EXPECT_HAS(run({"list"}), "Next: hadal market ");
}

}  // namespace
}  // namespace hadal
