// Markets, runs and paper accounts over HTTP, by their table of routes, without sockets.
#include "cli/market_routes.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "market/import.h"
#include "market/market.h"
#include "market/testing/run_figures.h"
#include "server/testing/recorder.h"

namespace hadal {
namespace {

using market::test::run_figures;

constexpr const char* kBars =
    "date,symbol,open,high,low,close,volume\n"
    "2020-01-02,A,10,11,9,10,100\n"
    "2020-01-03,A,10,9,11,10,100\n"  // high below low
    "2020-01-06,A,10,11,9,10,0\n"    // no volume
    "2020-01-02,B,5,6,4,5,100\n";

class MarketRoutes : public ::testing::Test {
 protected:
  MarketRoutes() : before_(std::filesystem::current_path()) { std::filesystem::current_path(scratch_.path()); }
  ~MarketRoutes() override { std::filesystem::current_path(before_); }

  static void put(const Path& file, std::string_view text) {
    std::filesystem::create_directories(file.parent_path());
    write_file_whole(file, text);
  }
  static void import(const char* text) {
    put("files/bars.csv", text);
    std::filesystem::create_directories("markets");
    market::import_files("m", {"files/bars.csv"}, {});
  }
  void ask_into(const std::string& path, Exchange& exchange) const {
    play(table_, {.method = "GET", .target = path, .host = "", .origin = "", .authorization = ""}, exchange);
  }
  Recorder ask(const std::string& path) const {
    Recorder recorder;
    ask_into(path, recorder);
    return recorder;
  }
  Json json(const std::string& path) const {
    const Recorder reply = ask(path);
    EXPECT_EQ(reply.whole.status, 200) << path << ": " << reply.whole.body;
    return reply.json();
  }
  // The words of the error with this status.
  std::string refused(const std::string& path, int status) const {
    const Recorder reply = ask(path);
    EXPECT_EQ(reply.whole.status, status) << path << ": " << reply.whole.body;
    return reply.json().at("error").at("message");
  }

  test::ScratchFolder scratch_;
  Path before_;
  RouteTable table_{market_routes()};
};

TEST_F(MarketRoutes, WhereNothingIsTheListsAreEmpty) {
  EXPECT_EQ(json("/api/markets"), (Json{{"markets", Json::array()}}));
  EXPECT_EQ(json("/api/runs"), (Json{{"runs", Json::array()}}));
  EXPECT_EQ(json("/api/paper"), (Json{{"paper", Json::array()}}));
  EXPECT_TRUE(scratch_.names().empty()) << "looking makes nothing";
}

TEST_F(MarketRoutes, AMarketComesWithItsHealthAndAnImportChangesIt) {
  import(kBars);
  const Json list = json("/api/markets").at("markets");
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].at("name"), "m");
  EXPECT_EQ(list[0].at("instruments"), 2);
  EXPECT_EQ(list[0].at("last"), "2020-01-06");
  EXPECT_EQ(list[0].at("health").at("errors"), 1);
  EXPECT_EQ(list[0].at("health").at("counts").at("high_below_low"), 1);
  EXPECT_EQ(list[0].at("health").at("counts").at("zero_volume"), 1);
  EXPECT_EQ(json("/api/markets").at("markets"), list);

  const Json market = json("/api/markets/m");
  EXPECT_EQ(market.at("health"), list[0].at("health"));
  EXPECT_EQ(market.at("symbols"), (Json{"A", "B"}));
  EXPECT_EQ(market.at("num_issues"), market.at("issues").size());
  EXPECT_EQ(market.at("tries"), Json::array());

  import("date,symbol,open,high,low,close,volume\n2020-01-07,A,1,0.5,2,1,100\n");
  EXPECT_EQ(json("/api/markets").at("markets")[0].at("health").at("errors"), 2);
  EXPECT_EQ(json("/api/markets/m").at("last"), "2020-01-06") << "the faulty bar is kept aside";
}

TEST_F(MarketRoutes, ATrySaysWhereItIsKept) {
  import(kBars);
  put("runs/idea-1/figures.json", dump_json(run_figures()));
  put("runs/paper/etf/status.json", "{}");
  put("runs/paper/begun/journal.txt", "");
  put("accounts/etf/status.json", "{}");
  put("elsewhere/idea-1/figures.json", dump_json(run_figures()));
  const std::string here = std::filesystem::current_path().string();
  const std::vector<std::pair<std::string, Json>> places = {
      {"runs/idea-1", {{"kind", "run"}, {"run", "idea-1"}, {"paper", nullptr}}},
      {here + "/runs/../runs/idea-1/", {{"kind", "run"}, {"run", "idea-1"}, {"paper", nullptr}}},
      {"elsewhere/idea-1", {{"kind", "run"}, {"run", nullptr}, {"paper", nullptr}}},
      {"runs/paper/etf", {{"kind", "paper"}, {"run", nullptr}, {"paper", "etf"}}},
      {"runs/paper/begun", {{"kind", "paper"}, {"run", nullptr}, {"paper", nullptr}}},
      {here + "/accounts/etf", {{"kind", "paper"}, {"run", nullptr}, {"paper", nullptr}}},
      {"gone/idea-1", {{"kind", "deleted"}, {"run", nullptr}, {"paper", nullptr}}},
      {"", {{"kind", "deleted"}, {"run", nullptr}, {"paper", nullptr}}}};
  market::Market opened = market::Market::open("m");
  for (size_t i = 0; i < places.size(); ++i)
    opened.record_trial({"s" + std::to_string(i), "d", places[i].first, 1, 2, 0.5});
  const Json tries = json("/api/markets/m").at("tries");
  ASSERT_EQ(tries.size(), places.size());
  for (size_t i = 0; i < places.size(); ++i)
    for (const auto& [key, value] : places[i].second.items())
      EXPECT_EQ(tries[i].at(key), value) << places[i].first << ": " << tries[i];
}

TEST_F(MarketRoutes, ADamagedMarketIsListedAndSaysSo) {
  import(kBars);
  put("markets/broken/market.db", "not a database");
  const Json list = json("/api/markets").at("markets");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].at("name"), "broken");
  EXPECT_FALSE(list[0].at("damage").get<std::string>().empty());
  EXPECT_TRUE(list[0].at("health").is_null());
  EXPECT_FALSE(refused("/api/markets/broken", 422).empty());
  EXPECT_EQ(list[1].at("health").at("errors"), 1);
}

TEST_F(MarketRoutes, NoNameLeadsOut) {
  import(kBars);
  put("secret/market.db", "x");
  put("secret/figures.json", dump_json(run_figures()));
  put("secret/report.html", "secret");
  put("runs/idea-1/figures.json", dump_json(run_figures()));
  std::filesystem::create_directory_symlink(std::filesystem::absolute("secret"), "runs/led");
  std::filesystem::create_directory_symlink(std::filesystem::absolute("secret"), "markets/led");
  std::filesystem::create_symlink(std::filesystem::absolute("secret/report.html"), "runs/idea-1/report.html");
  const std::string long_name(5000, 'x');
  for (const std::string& name : std::vector<std::string>{"..", "%2e%2e", "..%2f..%2fsecret", "..%2fsecret", "%2fetc",
                                                          "led", "none", ".", "m%00", "%ff%fe", "m%5c..", long_name}) {
    EXPECT_EQ(ask("/api/markets/" + name).whole.status, 404) << name;
    EXPECT_EQ(ask("/api/runs/" + name).whole.status, 404) << name;
    EXPECT_EQ(ask("/api/runs/" + name + "/report.html").whole.status, 404) << name;
    EXPECT_EQ(ask("/api/paper/" + name).whole.status, 404) << name;
  }
  refused("/api/runs/idea-1/report.html", 404);
  EXPECT_EQ(json("/api/runs").at("runs").size(), 1u);
  EXPECT_HAS(json("/api/markets").at("markets")[0].at("damage").get<std::string>(), "leads out");
  std::filesystem::remove("runs/idea-1/figures.json");
  std::filesystem::create_symlink(std::filesystem::absolute("secret/figures.json"), "runs/idea-1/figures.json");
  EXPECT_HAS(refused("/api/runs/idea-1", 422), "leads out");
}

TEST_F(MarketRoutes, ARunComesWithFiguresChartsAndMemo) {
  put("runs/idea-1/figures.json", dump_json(run_figures()));
  const Json list = json("/api/runs").at("runs");
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].at("id"), "idea-1");
  EXPECT_EQ(list[0].at("finding"), "nothing");
  EXPECT_EQ(list[0].at("try"), 2);
  EXPECT_EQ(list[0].at("trials"), 3);
  EXPECT_EQ(list[0].at("report"), false);

  const Json run = json("/api/runs/idea-1");
  EXPECT_EQ(run.at("figures"), parse_json(dump_json(run_figures()), "figures"));
  EXPECT_FALSE(run.contains("damage")) << run.at("damage");
  ASSERT_FALSE(run.at("charts").empty());
  EXPECT_EQ(run.at("charts")[0].at("title"), "Equity at each close");
  EXPECT_EQ(run.at("charts")[0].at("section"), "Equity and drawdown");
  EXPECT_EQ(run.at("charts")[0].at("made_by"), "hadal market backtest idea.toml");
  EXPECT_EQ(run.at("charts")[0].at("curves")[0].at("values"), (Json{1000, 1234.56}));
  EXPECT_FALSE(run.at("memo").at("bindings").empty());
  EXPECT_FALSE(json("/api/runs/idea-1?series=0").at("figures").contains("series"));

  EXPECT_TRUE(run.at("written").is_null());
  put("runs/idea-1/memo.md", run.at("memo").at("text").get<std::string>());
  EXPECT_TRUE(json("/api/runs/idea-1").at("written").is_null()) << "it is the built one";
  put("runs/idea-1/memo.md", "It made 1234.56, and then 777.\n");
  const Json written = json("/api/runs/idea-1").at("written");
  EXPECT_EQ(written.at("text"), "It made 1234.56, and then 777.\n");
  EXPECT_EQ(written.at("unbound").size(), 1u);
  EXPECT_HAS(written.at("unbound")[0].at("text").get<std::string>(), "777");

  put("runs/idea-1/report.html", "<p>report");
  EXPECT_EQ(json("/api/runs/idea-1").at("report"), true);
  const Recorder report = ask("/api/runs/idea-1/report.html");
  EXPECT_EQ(report.whole.body, "<p>report");
  std::string policy;
  for (const auto& [name, value] : report.whole.headers)
    if (name == "Content-Security-Policy") policy = value;
  EXPECT_HAS(policy, "sandbox allow-scripts");
}

TEST_F(MarketRoutes, WhatCannotBeReadIsSaidAndTheRestIsShown) {
  put("runs/good/figures.json", dump_json(run_figures()));
  put("runs/torn/figures.json", dump_json(run_figures()).substr(0, 100));
  put("runs/other/figures.json", R"({"figures": "of something else"})");
  put("runs/empty/figures.json", "");
  put("runs/plain/notes.txt", "no run of a market");
  put("runs/learned/forecast.json", R"({"finding": "signal", "headline": "ridge: signal", "rank_ic": 0.05})");
  OrderedJson odd = run_figures();
  odd["series"] = {1, 2};
  odd["data"] = "a text";
  odd["try"] = OrderedJson::object();
  put("runs/odd/figures.json", dump_json(odd));

  std::map<std::string, Json> runs;
  const Json list = json("/api/runs").at("runs");
  for (const Json& run : list) runs[run.at("id")] = run;
  EXPECT_EQ(runs.size(), 6u);
  for (const char* id : {"torn", "other", "empty"}) {
    EXPECT_FALSE(runs.at(id).at("damage").get<std::string>().empty()) << id;
    EXPECT_FALSE(refused(std::string("/api/runs/") + id, 422).empty());
  }
  EXPECT_EQ(runs.at("good").at("strategy"), "idea");
  EXPECT_EQ(runs.at("learned").at("trained"), true);
  EXPECT_EQ(runs.at("learned").at("finding"), "signal");
  EXPECT_HAS(refused("/api/runs/learned", 422), "market backtest");
  EXPECT_TRUE(runs.at("odd").at("try").is_null());
  const Json shown = json("/api/runs/odd");
  EXPECT_TRUE(shown.at("charts").is_null());
  EXPECT_FALSE(shown.at("damage").get<std::string>().empty());
  EXPECT_EQ(shown.at("figures").at("end_equity"), "1234.56");

  put("runs/torn/figures.json", dump_json(run_figures()));
  const Json again = json("/api/runs").at("runs");
  for (const Json& run : again)
    EXPECT_EQ(run.contains("damage"), run.at("id") == "other" || run.at("id") == "empty") << run;
}

TEST_F(MarketRoutes, FiguresThatAreTooLargeForARequestAreRefused) {
  put("runs/minutes/figures.json", dump_json(run_figures()));
  EXPECT_EQ(json("/api/runs/minutes").at("id"), "minutes");
  std::filesystem::resize_file("runs/minutes/figures.json", (uint64_t{64} << 20) + 1);
  EXPECT_HAS(json("/api/runs").at("runs")[0].at("damage").get<std::string>(), "at most 64 MiB");
  EXPECT_HAS(refused("/api/runs/minutes", 422), "report.html");
}

// Changes the status while it is followed, as a paper run does.
struct Follower : Recorder {
  bool send_event(Event event) override {
    const bool goes_on = Recorder::send_event(std::move(event));
    if (next < later.size()) write_file_whole("runs/paper/etf/status.json", later[next++]);
    return goes_on;
  }
  std::vector<std::string> later;
  size_t next = 0;
};

TEST_F(MarketRoutes, AStatusIsSentAgainWheneverItChanges) {
  put("runs/paper/etf/status.json", R"({"session":"2020-01-02"})");
  std::filesystem::create_directories("runs/paper/starting");
  EXPECT_EQ(json("/api/paper"), (Json{{"paper", {"etf"}}}));
  refused("/api/paper/starting", 404);
  Follower follower;
  follower.later = {R"({"session":"2020-01-03"})", R"({"sess)", R"({"session":"2020-01-06"})"};
  follower.gone_after = 4;
  ask_into("/api/paper/etf", follower);
  EXPECT_TRUE(follower.opened);
  ASSERT_EQ(follower.events.size(), 4u);
  EXPECT_EQ(follower.events[0], R"({"session":"2020-01-02"})");
  EXPECT_EQ(follower.events[1], R"({"session":"2020-01-03"})");
  EXPECT_TRUE(parse_json(follower.events[2], "event").contains("damage")) << follower.events[2];
  EXPECT_EQ(follower.events[3], R"({"session":"2020-01-06"})");
}

// Follows once more while its first event is sent, and so on until one is refused.
struct Crowd : Recorder {
  explicit Crowd(std::function<int()> more) : follow_more(std::move(more)) {}
  bool send_event(Event) override {
    others = follow_more();
    return false;
  }
  std::function<int()> follow_more;
  int others = 0;
};

TEST_F(MarketRoutes, FollowersOfAccountsAreFew) {
  put("runs/paper/etf/status.json", "{}");
  const std::function<int()> follow = [&] {
    Crowd one(follow);
    ask_into("/api/paper/etf", one);
    if (one.opened) return 1 + one.others;
    EXPECT_EQ(one.whole.status, 503);
    return 0;
  };
  EXPECT_EQ(follow(), 32);
  EXPECT_EQ(follow(), 32) << "who leaves makes place";
}

TEST_F(MarketRoutes, ADamagedStatusIsRefused) {
  put("runs/paper/etf/status.json", "{");
  EXPECT_FALSE(refused("/api/paper/etf", 422).empty());
}

}  // namespace
}  // namespace hadal
