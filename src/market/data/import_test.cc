// Imports as a user meets them: restatements, views as of a time, kills, locks, full disks, bad files.
#include "market/import.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "market/backtest_run.h"
#include "market/checks.h"
#include "market/data/importer.h"
#include "market/factor_source.h"
#include "market/starter.h"
#include "market/testing/market_files.h"

namespace hadal::market {
namespace {
using test::error_of;
using test::MarketFolder;

constexpr const char* kThreeDays =
    "Date,Open,High,Low,Close,Volume\n"
    "2020-01-02,10,11,9,10.5,100\n"
    "2020-01-03,10.5,12,10,11,200\n"
    "2020-01-06,11,11.5,10,10.25,300\n";

std::vector<double> closes(const Market& market, const std::string& symbol, Query query = {}) {
  std::vector<double> values;
  for (const Bar& bar : market.bars(symbol, query)) values.push_back(bar.close);
  return values;
}

using Closes = std::vector<double>;

TEST(MarketImport, SaysThatAnotherTimeOfTheSameBarsChangesNothing) {
  MarketFolder folder;
  folder.import("ABC.csv", kThreeDays, {.prices = "adjusted", .known_at = parse_time("2020-03-01", "test")});
  const ImportReport again =
      folder.import("ABC.csv", kThreeDays, {.prices = "adjusted", .known_at = parse_time("2020-02-01", "test")});
  ASSERT_EQ(again.notes.size(), 1u);
  EXPECT_HAS(again.notes[0], "unchanged: these bars are there already, known from 2020-03-01");
  EXPECT_EQ(again.notes[0].find("known as said"), std::string::npos);
}

// An empty last day and a clock say nothing of the order of days and months.
TEST(MarketImport, EventsMayHaveDaysWithSlashesBesideEmptyFieldsAndClocks) {
  MarketFolder folder;
  const ImportReport members = folder.import(
      "list.csv", "ticker,start_date,end_date\nA,3/4/2019,13/5/2019\nB,5/6/2019,\n", {.kind = "membership"});
  EXPECT_EQ(members.files[0].first, "2019-04-03");
  EXPECT_EQ(members.files[0].last, "2019-06-05");
  const ImportReport sessions = folder.import(
      "s.csv", "session,open_utc,close_utc\n3/1/2020,10:00,12:00\n1/13/2020,10:00,12:00\n", {.kind = "sessions"});
  EXPECT_EQ(sessions.files[0].first, "2020-01-13");
  EXPECT_EQ(sessions.files[0].last, "2020-03-01");
  EXPECT_HAS(
      error_of([&] { folder.import("x.csv", "ticker,start_date,end_date\nA,3/4/2019,\n", {.kind = "membership"}); }),
      "--dates");
}

TEST(MarketImport, KeepsEveryVersionOfABar) {
  MarketFolder folder;
  const ImportReport first = folder.import("ABC.csv", kThreeDays);
  EXPECT_EQ(first.files[0].format, "csv");
  EXPECT_EQ(first.files[0].rows, 3);
  EXPECT_EQ(first.files[0].accepted, 3);
  EXPECT_EQ(first.files[0].first, "2020-01-02");
  EXPECT_EQ(first.files[0].last, "2020-01-06");
  EXPECT_EQ(first.files[0].symbols, std::vector<std::string>{"ABC"});
  EXPECT_EQ(first.files[0].sha256.size(), 64u);
  const std::string hash = folder.open().data_hash({});

  EXPECT_EQ(folder.import("ABC.csv", kThreeDays).restated, 0);  // the same again changes nothing
  EXPECT_EQ(folder.open().data_hash({}), hash);
  EXPECT_EQ(folder.open().summary().bars, 3);

  ImportOptions later;
  later.known_at = parse_time("2020-02-01", "test");
  const ImportReport restated =
      folder.import("ABC.csv", "Date,Open,High,Low,Close,Volume\n2020-01-03,10.5,12,10,11.5,200\n", later);
  EXPECT_EQ(restated.restated, 1);
  const Market market = folder.open();
  EXPECT_EQ(closes(market, "ABC"), (Closes{10.5, 11.5, 10.25}));
  EXPECT_NE(market.data_hash({}), hash);
  Query query{.as_of = parse_time("2020-01-31", "test")};
  EXPECT_EQ(closes(market, "ABC", query), (Closes{10.5, 11, 10.25}));
  EXPECT_EQ(market.data_hash(query), hash);
  query.as_of = parse_time("2020-02-01", "test");
  EXPECT_EQ(closes(market, "ABC", query), (Closes{10.5, 11.5, 10.25}));
  query.as_of = parse_time("2020-01-03", "test");
  EXPECT_EQ(closes(market, "ABC", query), (Closes{10.5, 11}));
  query.as_of = parse_time("2019-01-01", "test");
  EXPECT_EQ(closes(market, "ABC", query), Closes{});
  // The version of February, brought again, changes nothing either.
  EXPECT_EQ(folder.import("ABC.csv", "Date,Open,High,Low,Close,Volume\n2020-01-03,10.5,12,10,11.5,200\n").restated, 0);
}

TEST(MarketImport, ARestatementWithoutATimeIsKnownNow) {
  MarketFolder folder;
  folder.import("ABC.csv", kThreeDays);
  const ImportReport report =
      folder.import("ABC.csv", "Date,Open,High,Low,Close,Volume\n2020-01-06,11,11.5,10,11,300\n2020-01-07,1,1,1,1,1\n");
  EXPECT_EQ(report.restated, 1);
  const Market market = folder.open();
  EXPECT_EQ(closes(market, "ABC"), (Closes{10.5, 11, 11, 1}));
  EXPECT_EQ(closes(market, "ABC", {.as_of = parse_time("2020-01-07", "test")}), (Closes{10.5, 11, 10.25, 1}));
}

TEST(MarketImport, QuarantinedBarsAreKeptAndMended) {
  MarketFolder folder;
  const char* bad = "Date,Open,High,Low,Close,Volume\n2020-01-02,10,9,9,10,1\n2020-01-03,1,1,1,1,1\n";
  const ImportReport report = folder.import("ABC.csv", bad);
  EXPECT_EQ(report.files[0].quarantined, 1);
  EXPECT_EQ(report.issues.at("high_below_body"), 1);
  EXPECT_EQ(check_market(folder.open()).counts.at("high_below_body"), 1);
  folder.import("ABC.csv", bad);
  EXPECT_EQ(check_market(folder.open()).counts.at("high_below_body"), 1);
  folder.import("ABC.csv", "Date,Open,High,Low,Close,Volume\n2020-01-02,10,10,9,10,1\n");
  EXPECT_EQ(check_market(folder.open()).counts.count("high_below_body"), 0u);
  EXPECT_EQ(closes(folder.open(), "ABC"), (Closes{10, 1}));
}

TEST(MarketImport, AKillLeavesTheOldView) {
  MarketFolder folder;
  folder.import("ABC.csv", kThreeDays);
  const std::string hash = folder.open().data_hash({});
  const Path more = folder.file("DEF.csv", kThreeDays);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Import import(folder.market(), {});
    import.add_file(more);
    import.write_segments();
    ::_exit(std::filesystem::exists(Path(folder.market()) / "bars/000002.seg") ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(WEXITSTATUS(status), 7);  // the segment was there when it died
  EXPECT_EQ(folder.open().data_hash({}), hash);
  folder.import({more});
  EXPECT_EQ(folder.open().symbols(), (std::vector<std::string>{"ABC", "DEF"}));
  EXPECT_EQ(folder.open().summary().bars, 6);
}

TEST(MarketImport, AFullDiskLeavesTheOldView) {
  MarketFolder folder;
  folder.import("ABC.csv", kThreeDays);
  const std::string hash = folder.open().data_hash({});
  std::string big = "Date,Open,High,Low,Close,Volume\n";
  for (Date day = 0; day < 9000; ++day) big += date_text(day) + ",1,2,1,2,3\n";
  const Path file = folder.file("DEF.csv", big);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200'000, 200'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string error = error_of([&] { import_files(folder.market(), {file}, {}); });
    ::_exit(error.find("cannot write") != std::string::npos ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(folder.open().data_hash({}), hash);
  EXPECT_FALSE(std::filesystem::exists(Path(folder.market()) / "bars/000002.seg"));
}

TEST(MarketImport, ASecondImportWaitsThenSaysSo) {
  MarketFolder folder;
  folder.import("ABC.csv", kThreeDays);
  const ImportLock lock(folder.market(), 0);
  EXPECT_HAS(error_of([&] { folder.import("ABC.csv", kThreeDays, {.wait_seconds = 0.1}); }),
             "another import is writing to this market");
  EXPECT_EQ(folder.open().summary().bars, 3);  // readers do not wait
}

TEST(MarketImport, AFailedFirstImportLeavesNoMarket) {
  MarketFolder folder;
  EXPECT_NE(error_of([&] { folder.import("ABC.csv", "Date,Open,High,Low,Close\n2020-01-02,a,1,1,1\n"); }), "");
  EXPECT_FALSE(std::filesystem::exists(folder.market()));
  EXPECT_HAS(error_of([&] { folder.open(); }), "expected a market, found none");
}

TEST(MarketImport, BadFilesAreRefusedWithTheirLine) {
  MarketFolder folder;
  const auto error = [&](std::string_view content, const ImportOptions& options = {}) {
    return error_of([&] { folder.import("bad.csv", content, options); });
  };
  const std::string header = "Date,Open,High,Low,Close,Volume\n";
  EXPECT_HAS(error("Date,Open,High,Low,Volume\n2020-01-02,1,1,1,1\n"),
             "without close; say which they are, as --map close=");
  EXPECT_HAS(error(header + "2020-01-02,1,1,1,x,1\n"), "bad.csv:2: close: expected a number, found");
  EXPECT_HAS(error("Date;Open;High;Low;Close\n2020-01-02;1,5;2,5;1,5;2,5\n"), "a decimal point and no commas");
  EXPECT_HAS(error(header + "2020-13-02,1,1,1,1,1\n"), "bad.csv:2: Date: expected a date or time");
  EXPECT_HAS(error(header + "2020-01-02,1,1\n"), "bad.csv:2: expected 6 fields, found 3");
  EXPECT_HAS(error(header + "2020-01-02 09:30:00-05:00,1,1,1,1,1\n2020-01-02 09:31:00+09:00,1,1,1,1,1\n"),
             "expected all times of one zone");
  EXPECT_HAS(error(header + "2020-01-02 09:30,1,1,1,1,1\n2020-01-02 09:31Z,1,1,1,1,1\n"), "with and without a zone");
  EXPECT_HAS(error(header + "2020-01-02,1,2,1,1,1\n2020-01-02,5,5,5,5,5\n2020-01-03,1,2,1,1,1\n2020-01-03,6,6,6,6,6\n"),
             "two instruments in one file");
  EXPECT_HAS(error(std::string("Date,Open\0,High", 15)), "bad.csv:1: expected text, found a NUL byte");
  EXPECT_HAS(error(header + std::string(200'000, '1')), "bad.csv:2: expected a line of at most");
  EXPECT_HAS(error(header + std::string(10'000, ',') + "\n2020-01-02" + std::string(10'000, ',') + "\n"),
             "expected at most 256 columns");
  EXPECT_HAS(error(header + "\"2020-01-02,1,1,1,1,1\n"), "expected a closing \"");
  EXPECT_HAS(error(""), "expected at least one row");
  EXPECT_HAS(error(header + "2020-01-02,1,1,1,1,1\n", {.columns = {{"close", "Last"}}}), "found no such");
  EXPECT_HAS(error(header + "2020-01-02,1,1,1,1,1\n", {.calendar = "NYSE"}), "--calendar: expected XNYS");
  EXPECT_FALSE(std::filesystem::exists(folder.market()));
  folder.import("ABC.csv", kThreeDays);
  EXPECT_HAS(error_of([&] { folder.import("ABC.csv", kThreeDays, {.prices = "adjusted"}); }), "expected raw prices");
  EXPECT_HAS(error_of([&] { folder.import("s.csv", "date,symbol,ratio\n2020-01-03,NONE,2\n", {.kind = "splits"}); }),
             "s.csv:2: expected a symbol of the market m, found");
  EXPECT_HAS(error_of([&] { folder.import({folder.path() / "absent.csv"}); }), "expected a file, found none");
}

TEST(MarketImport, ADamagedSegmentIsFound) {
  MarketFolder folder;
  folder.import("ABC.csv", kThreeDays);
  const Path segment = Path(folder.market()) / "bars/000001.seg";
  std::string bytes = read_file(segment);
  for (const size_t at : {size_t{3}, size_t{40}, size_t{70}, bytes.size() - 4}) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    write_file_whole(segment, damaged);
    EXPECT_HAS(error_of([&] { folder.open().bars("ABC", {}); }), "the file is damaged");
  }
  write_file_whole(segment, bytes.substr(0, bytes.size() / 2));
  EXPECT_HAS(error_of([&] { folder.open(); }), "the file is damaged");
  std::filesystem::remove(segment);
  EXPECT_HAS(error_of([&] { folder.open(); }), "expected this segment of the market, found none");
  write_file_whole(segment, bytes);
  EXPECT_EQ(closes(folder.open(), "ABC"), (Closes{10.5, 11, 10.25}));
}

TEST(MarketImport, TrialsOfOneStrategyOnTheSameDataAreOne) {
  MarketFolder folder;
  folder.import("ABC.csv", kThreeDays);
  {
    Market market = folder.open();
    market.record_trial({"s1", "d1", "runs/a", 1, 2, 0.5});
    market.record_trial({"s2", "d1", "runs/b", 1, 2, kMissing});
    market.record_trial({"s1", "d1", "runs/c" + run_suffix("s1", "d1"), 1, 2, kMissing});
    market.record_trial({"s1", "d1", "runs/paper/c", 1, 1, 0.7});
  }
  const Market market = folder.open();
  const auto trials = market.trials();
  ASSERT_EQ(trials.size(), 2u);
  EXPECT_EQ(trials[0].run, "runs/c" + run_suffix("s1", "d1")) << "in the order of the first time, the account after it";
  EXPECT_EQ(trials[0].sharpe, 0.5) << "a training does not forget it";
  EXPECT_TRUE(std::isnan(trials[1].sharpe));
  EXPECT_EQ(market.summary().trials, 2);
}

TEST(MarketImport, AnEmptyDatabaseBesideSegmentsIsALossAndSaysSo) {
  MarketFolder folder;
  folder.import("ABC.csv", kThreeDays);
  for (const char* name : {"market.db", "market.db-wal", "market.db-shm"})
    std::filesystem::remove(Path(folder.market()) / name);
  write_file_whole(Path(folder.market()) / "market.db", "");
  EXPECT_HAS(error_of([&] { folder.open(); }), "found an empty one beside 1 segment in bars/");
  EXPECT_HAS(error_of([&] { folder.import("ABC.csv", kThreeDays); }), "found an empty one beside 1 segment");
  EXPECT_EQ(read_file(Path(folder.market()) / "market.db"), "");
}

TEST(MarketImport, DamagedMarketsAreListedBesideTheOthers) {
  const test::ScratchFolder folder;
  const Path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_file_whole("ABC.csv", kThreeDays);
  for (const char* name : {"a", "b", "c"}) import_files(name, {"ABC.csv"}, {});
  for (const char* name : {"market.db-wal", "market.db-shm"}) std::filesystem::remove(Path("markets/b") / name);
  write_file_whole("markets/b/market.db", "this is no database, but long enough to be taken for one\n");
  const std::vector<MarketSummary> markets = list_markets();
  std::filesystem::current_path(before);
  ASSERT_EQ(markets.size(), 3u);
  EXPECT_EQ(markets[0].damage + markets[2].damage, "");
  EXPECT_EQ(markets[2].bars, 3);
  EXPECT_EQ(markets[1].name, "b");
  EXPECT_HAS(markets[1].damage, "expected the database of a market");
}

TEST(MarketImport, FrequenciesOfStrategyAndBarsMustAgree) {
  MarketFolder folder;
  std::string hours = "Datetime,Open,High,Low,Close,Volume\n";
  for (Date day = date(2020, 1, 1); day < date(2020, 3, 1); ++day)
    for (int hour = 10; hour < 16; ++hour)
      hours += fmt::format("{} {}:00,10,11,9,{},1000\n", date_text(day), hour, 9.5 + day % 3 * 0.5);
  folder.import("HRS.csv", hours);
  Market market = folder.open();
  const std::string text = starter_strategy(starter_facts(market, folder.market()));
  EXPECT_HAS(text, "frequency = \"1h\"");
  const StrategyFile good = parse_strategy(text, folder.path() / "s.toml");
  EXPECT_EQ(error_of([&] { check_frequency(good, market); }), "");
  StrategyFile wrong = good;
  wrong.frequency = "1d";
  EXPECT_HAS(error_of([&] { run_strategy(wrong, market); }),
             "s.toml: [data] frequency: expected \"1h\", as the bars of HRS in this market are, found \"1d\"");
  EXPECT_HAS(error_of([&] { train_run(wrong, market, {}, true); }), "frequency: expected \"1h\"");
  folder.import("ABC.csv", kThreeDays);
  EXPECT_HAS(error_of([&] { check_frequency(good, folder.open()); }), "expected instruments of one frequency");
  wrong.symbols = {"ABC"};
  EXPECT_EQ(error_of([&] { check_frequency(wrong, folder.open()); }), "");
}

}  // namespace
}  // namespace hadal::market
