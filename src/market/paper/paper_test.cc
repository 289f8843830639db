// A paper account against the backtest over the same bars: whatever comes twice, late, restated or torn, and however
// often it is killed.
#include "market/paper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "base/folder_lock.h"
#include "base/text.h"
#include "market/factor_source.h"
#include "market/paper/history.h"
#include "market/testing/paper_rig.h"

namespace hadal::market {
namespace {

using test::error_of;
using test::FeedLines;
using test::joined;
using test::lines_of;
using test::PaperRig;

const std::string kBroker = "[broker]\nprofile = \"ib_us\"\ncash = 1000000\nslippage_bps = 3\nborrow_rate = 0.03\n";

std::string momentum(const std::string& kind, const std::string& start = "") {
  return start + "[factors]\nmom = \"$close/Ref($close,5)-1\"\n[portfolio]\nkind = \"" + kind +
         "\"\nscore = \"mom\"\ncount = 3\nrebalance_days = 2\n" + kBroker;
}

const std::string kRidge =
    "start = 2014-02-03\n[factors]\nmom = \"$close/Ref($close,5)-1\"\nvol = \"Std($close,10)/$close\"\n"
    "rank = \"CSRank($volume)\"\nema = \"EMA($close,8)/$close\"\n[process]\nfeatures = [\"zscore\", \"fill_zero\"]\n"
    "[forecast]\nkind = \"ridge\"\ntrain_days = 40\nvalid_days = 10\nembargo_days = 2\ntest_days = 15\nseeds = [1, 2, "
    "3]\n"
    "penalty = 10.0\n[portfolio]\nkind = \"rank\"\n" +
    kBroker;

// The same with another forecaster, or another portfolio, and the keys that it needs.
std::string forecast_by(const std::string& kind, const std::string& keys = "") {
  std::string text = kRidge;
  const std::string ridge = "kind = \"ridge\"", penalty = "penalty = 10.0\n";
  text.replace(text.find(penalty), penalty.size(), "");
  return text.replace(text.find(ridge), ridge.size(), "kind = \"" + kind + "\"\n" + keys);
}

std::string held_by(const std::string& kind, const std::string& keys) {
  std::string text = kRidge;
  const std::string rank = "kind = \"rank\"";
  return text.replace(text.find(rank), rank.size(), "kind = \"" + kind + "\"\n" + keys);
}

class Paper : public ::testing::Test {
 protected:
  // The same strategy in a backtest and from a feed of its bars.
  void expect_equal(const StrategyFile& strategy) {
    const BacktestRun backtest = rig_.backtest(strategy);
    const Feed feed = rig_.feed(strategy);
    const Date last = feed.sessions.back().date;
    // A day of bars within it ends once more as a whole.
    const Path file =
        rig_.file("feed.jsonl", joined(lines_of(feed)) + "{\"session_end\": \"" + date_text(last) + "\"}");
    std::vector<std::string> said;
    const PaperRun paper = rig_.paper(strategy, file, last, strategy.file.stem(), &said);
    EXPECT_TRUE(said.empty()) << said.front();
    EXPECT_TRUE(paper.finished);
    EXPECT_GT(backtest.result.fills.size(), 20u);
    EXPECT_EQ(paper.result.ledger_text(), backtest.result.ledger_text());
    OrderedJson expected = backtest.json(), found = paper.json();
    for (const char* key : {"run", "seconds"}) expected.erase(key), found.erase(key);
    found.erase("feed"), found.erase("finished");
    EXPECT_EQ(found, expected);  // one more try of the same strategy on the same data is none
  }
  PaperRig rig_;
};

TEST_F(Paper, GivesTheBacktestsLedgerForEveryKindOfDecision) {
  rig_.make_market(8, 160, 1);
  expect_equal(rig_.strategy("top", momentum("top")));
  expect_equal(rig_.strategy("rank", momentum("rank", "start = 2014-03-03\nprices = \"raw\"\n")));
  expect_equal(rig_.strategy("ridge", kRidge));
  expect_equal(rig_.strategy("naive", forecast_by("naive")));
  expect_equal(rig_.strategy("factor", forecast_by("factor mom")));
  expect_equal(rig_.strategy("trees", forecast_by("trees", "rounds = 5\nleaf_samples = 5\n")));
}

TEST_F(Paper, GivesTheBacktestsLedgerOfNetworksAndRisk) {
  rig_.make_market(6, 105, 11);
  const std::string small = "epochs = 2\nwidth = 8\nlook_back = 4\n";
  expect_equal(rig_.strategy("mlp", forecast_by("mlp", small)));
  expect_equal(rig_.strategy("transformer", forecast_by("transformer", small + "heads = 2\n")));
  expect_equal(rig_.strategy("mixer", forecast_by("mixer", small)));
  expect_equal(rig_.strategy("parity", held_by("risk_parity", "risk_days = 30\ncovariance = \"ledoit_wolf\"\n")));
  expect_equal(rig_.strategy("qp", held_by("qp", "risk_days = 30\nfactors = 2\nturnover = 0.5\nupper = 0.4\n")));
}

TEST_F(Paper, SeesTheStoresPanelBitForBit) {
  rig_.make_market(6, 120, 2);
  ImportOptions options;
  options.kind = "membership";
  rig_.folder().import("members.csv",
                       "symbol,first,last,list\nS0,2014-01-01,,L\nS1,2014-01-20,2014-04-01,L\nS2,2014-03-03,,L\n"
                       "S4,2014-01-01,,L\nS5,2014-01-01,,L\n",
                       options);
  const StrategyFile strategy = rig_.strategy("s", "universe = \"L\"\n" + kRidge);
  expect_equal(strategy);
  const Market market = rig_.folder().open();
  const Panel expected = market.panel(query_of(strategy));
  paper::Instruments instruments(strategy, market);
  paper::History history(strategy, market, instruments.symbols());
  const size_t past = history.panel().num_times();
  EXPECT_GT(past, 20u);
  EXPECT_LT(past, 30u);
  paper::Book book(true, strategy.start);
  std::vector<paper::EndedSession> ended;
  for (const auto& lines : lines_of(rig_.feed(strategy)))
    for (const std::string& line : lines) book.take(paper::read_event(line, instruments, "test"), ended);
  for (const auto& session : ended) history.add(session);
  const Panel& found = history.panel();
  EXPECT_EQ(found.symbols, expected.symbols);
  EXPECT_EQ(found.times, expected.times);
  EXPECT_EQ(found.sessions, expected.sessions);
  EXPECT_EQ(found.member, expected.member);
  EXPECT_EQ(std::count(found.member.begin(), found.member.end(), 0) > 100, true);
  const auto same_bits = [](const std::vector<double>& a, const std::vector<double>& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i)
      if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
    return true;
  };
  EXPECT_TRUE(same_bits(found.open, expected.open));
  EXPECT_TRUE(same_bits(found.close, expected.close));
  EXPECT_TRUE(same_bits(found.volume, expected.volume));
  EXPECT_NE(found.close.back(), rig_.feed(strategy).bars.back().close);  // it is shown with splits and dividends
}

// Bars of an hour: a step is a session of the engine, and factors are decided on at a day's last one.
TEST_F(Paper, TradesWithinDays) {
  Rng rng(10);
  std::string bars = "time,symbol,open,high,low,close,volume\n", orders = "date,symbol,quantity,type,limit,stop,tif\n";
  double price[2] = {50, 80};
  for (Date day = date(2014, 1, 6); day < date(2014, 2, 20); ++day) {
    if (weekday(day) > 4) continue;
    for (int hour = 10; hour < 16; ++hour) {
      const std::string time = fmt::format("{} {}:00:00", date_text(day), hour);
      for (int i = 0; i < 2; ++i) {
        const double open = price[i], close = open * std::exp(0.01 * rng.normal());
        price[i] = close;
        bars += fmt::format("{},S{},{:.2f},{:.2f},{:.2f},{:.2f},9000\n", time, i, open, std::max(open, close) + 0.2,
                            std::min(open, close) - 0.2, close);
      }
      if (hour == 12)
        orders += fmt::format("{}T13:00:00Z,S{},{},market,,,DAY\n", date_text(day), day % 2,
                              day % 5 - 2 == 0 ? 1 : day % 5 - 2);
    }
  }
  rig_.folder().import("bars.csv", bars);
  rig_.file("orders.csv", orders);
  const std::string data = "frequency = \"1h\"\n";
  const StrategyFile by_orders =
      rig_.strategy("orders", data + "[portfolio]\nkind = \"orders\"\nfile = \"orders.csv\"\n" + kBroker);
  expect_equal(by_orders);

  const StrategyFile by_factor = rig_.strategy("factor", data + momentum("rank"));
  const Feed feed = rig_.feed(by_factor);
  FeedLines lines = lines_of(feed);
  for (size_t s = 0; s < lines.size(); ++s) {  // days end, not steps
    lines[s].pop_back();
    if (s + 1 == lines.size() || feed.sessions[s + 1].date != feed.sessions[s].date)
      lines[s].push_back("{\"session_end\": \"" + date_text(feed.sessions[s].date) + "\"}");
  }
  const BacktestRun backtest = rig_.backtest(by_factor);
  const PaperRun paper =
      rig_.paper(by_factor, rig_.file("feed.jsonl", joined(lines)), feed.sessions.back().date, "factor");
  EXPECT_GT(backtest.result.fills.size(), 20u);
  EXPECT_EQ(paper.result.ledger_text(), backtest.result.ledger_text());
}

// The vector of all order types, whose figures a plain reference computed.
TEST_F(Paper, GivesTheScenariosFigures) {
  const Path folder = test::source_dir() / "tests/market/scenario";
  ImportOptions options;
  rig_.folder().import({folder / "bars.csv"});
  std::string splits = "date,symbol,ratio\n", dividends = "date,symbol,amount\n";
  for_each_line(folder / "actions.csv", [&](std::string_view line, int64_t) {
    const auto cells = split(line, ',');
    if (cells[2] == "split") splits += cells[0] + "," + cells[1] + "," + cells[3] + "\n";
    if (cells[2] == "dividend") dividends += cells[0] + "," + cells[1] + "," + cells[3] + "\n";
    return true;
  });
  options.kind = "splits";
  rig_.folder().import("splits.csv", splits, options);
  options.kind = "dividends";
  rig_.folder().import("dividends.csv", dividends, options);
  rig_.file("orders.csv", read_file(folder / "scenario_orders.csv"));
  const StrategyFile strategy = rig_.strategy(
      "scenario",
      "symbols = [\"FELL\", \"DRUM\", \"KILN\"]\nstart = 2014-01-02\nend = 2014-12-31\n[portfolio]\nkind = \"orders\"\n"
      "file = \"orders.csv\"\n[broker]\nprofile = \"ib_us\"\ncash = 10000000\nslippage_bps = 5\n"
      "participation = 0.0002\nborrow_rate = 0.03\n");
  expect_equal(strategy);
  EXPECT_EQ(rig_.backtest(strategy).result.end_equity.text(), "9995504.41565169");
}

// ---- Feeds that repeat, restate and break, and kills

struct Disturbed {
  FeedLines sessions;
  int64_t repeated = 0, restated = 0, late = 0, broken = 0, unknown = 0;
};

std::string with_close(const std::string& line, double factor) {
  OrderedJson json = parse_ordered_json(line, "test");
  json["close"] = json["close"].get<double>() * factor;
  json["high"] = json["high"].get<double>() * factor + 1;
  json["low"] = json["low"].get<double>() * std::min(factor, 1.0) - 1e-3;
  return dump_json(json);
}

bool is_bar(const std::string& line) { return line.find("\"close\"") != std::string::npos; }

Disturbed disturbed(const FeedLines& clean, Rng& rng) {
  Disturbed d;
  std::set<Date> saturdays;
  std::vector<std::string> past;  // bars of sessions that have ended
  for (size_t s = 0; s < clean.size(); ++s) {
    std::vector<std::string> lines = clean[s];
    const std::string end = lines.back();
    lines.pop_back();
    std::vector<std::string> out;
    for (const std::string& line : lines) {
      if (is_bar(line) && rng.uniform() < 0.05) out.push_back(with_close(line, 1.01)), ++d.restated;  // then corrected
      out.push_back(line);
      if (rng.uniform() < 0.05) out.push_back(line), ++d.repeated;
      if (rng.uniform() < 0.02) out.push_back(line.substr(0, line.size() / 2)), ++d.broken;
      if (rng.uniform() < 0.02) out.push_back("{\"time\": \"2014-05-05\", \"symbol\": \"NONE\"}"), ++d.unknown;
      if (!past.empty() && rng.uniform() < 0.05) {
        const std::string& old = past[static_cast<size_t>(rng.uniform() * static_cast<double>(past.size()))];
        out.push_back(with_close(old, 1.02 + rng.uniform())), ++d.restated;
      }
      if (s > 3 && rng.uniform() < 0.02) {  // a new bar of a Saturday that is over
        const Date monday = *parse_date(parse_json(end, "").at("session_end").get<std::string>());
        const Date saturday = monday - 2 - weekday(monday);
        Json bar = {{"time", date_text(saturday)},
                    {"symbol", "S0"},
                    {"open", 5 + rng.uniform()},
                    {"high", 7},
                    {"low", 4},
                    {"close", 6}};
        if (saturday == monday - 2) continue;  // it has not ended yet
        out.push_back(dump_json(bar));
        ++(saturdays.insert(saturday).second ? d.late : d.restated);
      }
    }
    out.push_back(end);
    if (rng.uniform() < 0.05) out.push_back(end), ++d.repeated;
    for (const std::string& line : lines)
      if (is_bar(line)) past.push_back(line);
    d.sessions.push_back(std::move(out));
  }
  return d;
}

TEST_F(Paper, StandsDisturbedFeedsAndKillsAnywhere) {
  rig_.make_market(5, 70, 3);
  const StrategyFile strategy = rig_.strategy("s", momentum("rank"));
  const std::string expected = rig_.backtest(strategy).result.ledger_sha256();
  const Feed feed = rig_.feed(strategy);
  const FeedLines clean = lines_of(feed);
  const Date last = feed.sessions.back().date;
  Rng rng(4);
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    const Path state = fmt::format("state{}", round);
    const Disturbed d = disturbed(clean, rng);
    const std::string text = joined(d.sessions);
    const PaperRun whole = rig_.paper(strategy, rig_.file("feed.jsonl", text), last, state);
    EXPECT_EQ(whole.result.ledger_sha256(), expected);
    EXPECT_EQ(whole.feed.restated, d.restated);
    EXPECT_EQ(whole.feed.repeated, d.repeated);
    EXPECT_EQ(whole.feed.late, d.late);
    EXPECT_EQ(whole.feed.broken, d.broken);
    EXPECT_EQ(whole.feed.unknown, d.unknown);
    EXPECT_EQ(whole.feed.lines, std::count(text.begin(), text.end(), '\n'));
    const std::string journal = read_file(state / "journal.txt");
    const size_t header = journal.find('\n') + 1;
    for (int kill = 0; kill < 3; ++kill) {  // what a process that was killed leaves is a beginning of the journal
      const size_t kept = header + static_cast<size_t>(rng.uniform() * static_cast<double>(journal.size() - header));
      write_file_whole(state / "journal.txt", journal.substr(0, kept));
      const PaperRun again = rig_.paper(strategy, rig_.file("feed.jsonl", text), last, state);
      EXPECT_EQ(again.result.ledger_sha256(), expected) << "cut at " << kept;
      EXPECT_EQ(again.feed.restated, d.restated) << "cut at " << kept;
      EXPECT_EQ(again.feed.late, d.late) << "cut at " << kept;
    }
    EXPECT_EQ(read_file(state / "journal.txt"), journal);
  }
}

TEST_F(Paper, ContinuesWithoutWhatTheFeedNoLongerHolds) {
  rig_.make_market(4, 60, 5);
  const StrategyFile strategy = rig_.strategy("s", momentum("top"));
  const std::string expected = rig_.backtest(strategy).result.ledger_sha256();
  const Feed feed = rig_.feed(strategy);
  const FeedLines lines = lines_of(feed);
  const auto part = [&](size_t first, size_t end) {
    return rig_.file("feed.jsonl", joined({lines.begin() + first, lines.begin() + end}));
  };
  const PaperRun half = rig_.paper(strategy, part(0, 30), feed.sessions[29].date);
  EXPECT_TRUE(half.finished);
  EXPECT_EQ(half.result.curve.size(), 30u);
  EXPECT_NE(half.result.ledger_sha256(), expected);
  const Date last = feed.sessions.back().date;
  EXPECT_EQ(rig_.paper(strategy, part(30, 60), last).result.ledger_sha256(), expected);
  std::filesystem::remove("feed.jsonl");  // everything is in the journal
  const PaperRun again = rig_.paper(strategy, "feed.jsonl", last);
  EXPECT_EQ(again.result.ledger_sha256(), expected);
  EXPECT_EQ(again.tries.count, 1);
  EXPECT_HAS(error_of([&] { rig_.paper(strategy, "feed.jsonl", last + 30); }), "feed.jsonl: expected a file");
}

// The end of the limit's session got lost: that of the next one ends it too, and no more.
TEST_F(Paper, EndsWhatIsUpToTheLimit) {
  rig_.make_market(4, 30, 12);
  const StrategyFile strategy = rig_.strategy("s", momentum("top"));
  const Feed feed = rig_.feed(strategy);
  FeedLines lines = lines_of(feed);
  const Date limit = feed.sessions[19].date;
  const PaperRun whole = rig_.paper(strategy, rig_.file("whole.jsonl", joined(lines)), limit, "whole");
  EXPECT_EQ(whole.result.curve.size(), 20u);
  lines[19].pop_back();
  const PaperRun run = rig_.paper(strategy, rig_.file("feed.jsonl", joined(lines)), limit);
  EXPECT_TRUE(run.finished);
  EXPECT_EQ(run.result.ledger_text(), whole.result.ledger_text());
  const PaperRun again = rig_.paper(strategy, rig_.file("empty.jsonl", ""), limit);
  EXPECT_TRUE(again.finished);
  EXPECT_EQ(again.result.ledger_text(), whole.result.ledger_text());
  EXPECT_EQ(rig_.paper(strategy, "feed.jsonl", feed.sessions.back().date).result.ledger_sha256(),
            rig_.backtest(strategy).result.ledger_sha256());
}

// Stopped between the last session's end and what it decides: nobody may take the account for finished.
TEST_F(Paper, IsNotFinishedWhereItWasStopped) {
  rig_.make_market(3, 20, 13);
  const StrategyFile strategy = rig_.strategy("s", momentum("top"));
  const Feed feed = rig_.feed(strategy);
  const Path file = rig_.file("feed.jsonl", "no event\n" + joined(lines_of(feed)));
  const Date last = feed.sessions.back().date;
  Market market = rig_.folder().open();
  std::atomic<bool> stop = false;
  PaperOptions options;
  options.feed = file.string(), options.state = "state", options.until = end_of(last), options.stop = &stop;
  options.report = [&](const std::string&) { stop = true; };
  const PaperRun stopped = run_paper(strategy, market, options);
  EXPECT_TRUE(stopped.result.curve.empty());
  EXPECT_FALSE(stopped.finished);
  EXPECT_EQ(read_paper_status("state").at("finished"), false);
  const PaperRun again = rig_.paper(strategy, file, last);
  EXPECT_TRUE(again.finished);
  EXPECT_EQ(again.result.ledger_sha256(), rig_.backtest(strategy).result.ledger_sha256());
}

TEST_F(Paper, ShowsWhereItStands) {
  rig_.make_market(4, 80, 6);
  const StrategyFile all = rig_.strategy("s", momentum("top"));
  rig_.backtest(all);
  const StrategyFile strategy = rig_.strategy("s", momentum("top", "start = 2014-03-03\n"));
  const Feed feed = rig_.feed(strategy);
  const Path file = rig_.file("feed.jsonl", joined(lines_of(feed)));
  const PaperRun run = rig_.paper(strategy, file, feed.sessions.back().date, paper_folder(strategy));
  EXPECT_EQ(run.run, Path("runs/paper/s"));
  EXPECT_EQ(paper_names(), std::vector<std::string>{"s"});
  const OrderedJson status = read_paper_status("runs/paper/s");
  EXPECT_EQ(status.at("strategy"), "s.toml");
  EXPECT_EQ(status.at("session"), date_text(feed.sessions.back().date));
  EXPECT_EQ(status.at("sessions"), feed.sessions.size());
  EXPECT_EQ(status.at("equity"), run.result.end_equity.text());
  EXPECT_EQ(status.at("finished"), true);
  EXPECT_FALSE(status.at("positions").empty());
  EXPECT_EQ(status.at("equity_curve").back().at(0), status.at("session"));
  Decimal sum = *Decimal::parse(status.at("cash").get<std::string>());
  for (const auto& position : status.at("positions")) sum += *Decimal::parse(position.at("value").get<std::string>());
  EXPECT_EQ(sum, run.result.end_equity);
  // The backtest before the account's first session.
  EXPECT_EQ(status.at("expected").at("from"), "2014-01-01");
  EXPECT_LT(status.at("expected").at("to").get<std::string>(), "2014-03-03");
  EXPECT_FALSE(status.at("expected").at("z").is_null());
  // What is ordered for the next session are the last orders of the backtest.
  std::vector<std::string> orders;
  for (const auto& item : run.result.orders)
    if (item.date == feed.sessions.back().date)
      orders.push_back(run.result.symbols[static_cast<size_t>(item.order.instrument)] + "," +
                       item.order.quantity.text() + ",market,,,DAY");
  ASSERT_EQ(status.at("orders_next").size(), orders.size());
  const std::string csv = read_file("runs/paper/s/orders_next.csv");
  EXPECT_TRUE(csv.starts_with("symbol,quantity,type,limit,stop,tif,order,decided,close\n"));
  for (const std::string& order : orders) EXPECT_HAS(csv, order + ",");
}

TEST_F(Paper, RefusesWhatCannotBeTheSame) {
  rig_.make_market(3, 30, 7);
  const StrategyFile strategy = rig_.strategy("s", momentum("top"));
  const Path file = rig_.file("feed.jsonl", joined(lines_of(rig_.feed(strategy))));
  const Date last = date(2014, 1, 20);
  rig_.paper(strategy, file, last);
  EXPECT_HAS(error_of([&] { rig_.paper(rig_.strategy("other", momentum("rank")), file, last); }),
             "expected the state of this strategy, found that of");
  EXPECT_HAS(error_of([&] { rig_.paper(rig_.strategy("b", momentum("top", "prices = \"back\"\n")), file, last, "b"); }),
             "expected forward or raw for factors on paper, found back");
  const FolderLock other("state", "x", "y");
  EXPECT_HAS(error_of([&] { rig_.paper(strategy, file, last); }),
             "another paper account works in this state: process ");
  EXPECT_HAS(error_of([&] { check_feed("tcp://10.0.0.1:80"); }), "tcp://127.0.0.1:PORT");
  EXPECT_HAS(error_of([&] { check_feed("tcp://127.0.0.1:99999"); }), "tcp://127.0.0.1:PORT");
}

}  // namespace
}  // namespace hadal::market
