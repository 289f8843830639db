// Formats of vendors, recognised from small files; LEAN's with what stands beside its bars.
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "market/checks.h"
#include "market/data/fields.h"
#include "market/testing/market_files.h"

namespace hadal::market {
namespace {
using test::error_of;
using test::MarketFolder;

std::string first_bar(const Market& market, const std::string& symbol, Query query = {}) {
  const Bar bar = market.bars(symbol, query).at(0);
  return fmt::format("{} {} {} {} {} {} {}", time_text(bar.time), bar.open, bar.high, bar.low, bar.close, bar.volume,
                     bar.vwap);
}

// Format, symbols and first bar of one file.
std::string recognised(const std::string& name, std::string_view content, const ImportOptions& options = {}) {
  MarketFolder folder;
  const ImportReport report = folder.import(name, content, options);
  std::string text = report.files[0].format;
  for (const auto& symbol : report.files[0].symbols) text += " " + symbol;
  return text + ": " + first_bar(folder.open(), report.files[0].symbols[0]);
}

TEST(MarketFormats, AreRecognisedFromTheFile) {
  EXPECT_EQ(recognised("AAPL.csv", "Date,Open,High,Low,Close,Adj Close,Volume\n2020-01-02,1,2,0.5,1.5,1.4,100\n"),
            "yahoo AAPL: 2020-01-02T23:59:59.999999Z 1 2 0.5 1.5 100 nan");
  EXPECT_EQ(recognised("aapl_us_d.csv", "Date,Open,High,Low,Close,Volume\n2020-01-02,1,2,0.5,1.5,100\n"),
            "stooq AAPL.US: 2020-01-02T23:59:59.999999Z 1 2 0.5 1.5 100 nan");
  EXPECT_EQ(recognised("aapl.us.txt",
                       "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
                       "AAPL.US,D,20200102,000000,1,2,0.5,1.5,100,0\n"),
            "stooq AAPL.US: 2020-01-02T23:59:59.999999Z 1 2 0.5 1.5 100 nan");
  EXPECT_EQ(recognised("SH600000.csv", "date,open,close,high,low,volume,factor\n2020-01-02,1,1.5,2,0.5,100,0.1\n",
                       {.calendar = "XSHG"}),
            "qlib SH600000: 2020-01-02T07:00:00Z 1 2 0.5 1.5 100 nan");
  EXPECT_EQ(recognised("x.csv",
                       "symbol,timestamp,open,high,low,close\nB,2020-01-02,1,2,0.5,1.5\nA,2020-01-02,1,2,0.5,1.25\n"),
            "csv A B: 2020-01-02T23:59:59.999999Z 1 2 0.5 1.25 nan nan");
  ImportOptions map;
  map.columns = parse_column_map("date=When,close=Last,open=First,high=Top,low=Bottom", "--map");
  map.symbol = "ZED", map.calendar = "XNYS", map.dates = "mdy";
  EXPECT_EQ(recognised("x.csv", "When;First;Top;Bottom;Last\n1/2/2020;1;2;0.5;1.5\n", map),
            "csv ZED: 2020-01-02T21:00:00Z 1 2 0.5 1.5 nan nan");
  EXPECT_EQ(
      recognised(
          "x.csv",
          "\xef\xbb\xbf\"Date\",\"Open\",\"High\",\"Low\",\"Close\"\r\n\"2020-01-02\",\"1\",\"2\",\"0.5\",\"1.5\"\r\n"),
      "csv x: 2020-01-02T23:59:59.999999Z 1 2 0.5 1.5 nan nan");
  EXPECT_HAS(error_of([] { parse_column_map("klose=Last", "--map"); }), "did you mean close?");
}

TEST(MarketFormats, BinanceInMillisecondsAndMicroseconds) {
  const char* old_row =
      "1577836800000,1,2,0.5,1.1,100,1577836859999,150,7,50,75,0\n1577836860000,1,2,0.5,1.1,100,1577836919999,150,7,50,"
      "75,0\n";
  EXPECT_EQ(recognised("BTCUSDT-1m-2020-01.csv", old_row), "binance BTCUSDT: 2020-01-01T00:01:00Z 1 2 0.5 1.1 100 1.5");
  const char* new_row = "1735689600000000,1,2,0.5,1.1,100,1735689659999999,150,7,50,75,0\n";
  EXPECT_EQ(recognised("BTCUSDT-1m-2025-01.csv", new_row), "binance BTCUSDT: 2025-01-01T00:01:00Z 1 2 0.5 1.1 100 1.5");
  const char* daily =
      "open_time,open,high,low,close,volume,close_time,quote_volume,count\n1577836800000,1,2,0.5,1.1,100,1577923199999,"
      "150,7\n";
  EXPECT_EQ(recognised("BTCUSDT-1d-2020-01.csv", daily, {.calendar = "24/7"}),
            "binance BTCUSDT: 2020-01-01T23:59:59.999999Z 1 2 0.5 1.1 100 1.5");
  MarketFolder folder;  // both in one market
  folder.import("BTCUSDT-1m-2020-01.csv", old_row);
  EXPECT_EQ(folder.import("BTCUSDT-1m-2025-01.csv", new_row).issues.size(), 0u);
  EXPECT_EQ(folder.open().summary().bars, 3);
}

TEST(MarketFormats, MinuteBarsStandInTheExchangesZone) {
  const char* rows = "Datetime,Open,High,Low,Close\n2020-07-01 09:30,1,2,1,1\n2020-07-01 09:31,1,2,1,1\n";
  EXPECT_EQ(recognised("A.csv", rows, {.calendar = "XNYS"}), "csv A: 2020-07-01T13:31:00Z 1 2 1 1 nan nan");
  EXPECT_EQ(recognised("A.csv", rows, {.zone = "Asia/Hong_Kong"}), "csv A: 2020-07-01T01:31:00Z 1 2 1 1 nan nan");
  EXPECT_EQ(recognised("A.csv", rows), "csv A: 2020-07-01T09:31:00Z 1 2 1 1 nan nan");
  EXPECT_EQ(
      recognised("A.csv",
                 "End,Open,High,Low,Close\n2020-07-01 09:31:00-04:00,1,2,1,1\n2020-07-01 09:32:00-04:00,1,2,1,1\n",
                 {.columns = {{"end", "End"}}}),
      "csv A: 2020-07-01T13:31:00Z 1 2 1 1 nan nan");
  EXPECT_EQ(
      recognised("A.csv",
                 "Date,Open,High,Low,Close\n2020-07-01 00:00:00-04:00,1,2,1,1\n2020-12-01 00:00:00-05:00,1,2,1,1\n",
                 {.calendar = "XNYS"}),
      "csv A: 2020-07-01T20:00:00Z 1 2 1 1 nan nan");
}

TEST(MarketFormats, AdjustedPricesAreMarkedAndKnownFromTheImportOn) {
  MarketFolder folder;
  const ImportReport report =
      folder.import("AAPL.csv", "Date,Open,High,Low,Close,Adj Close,Volume\n2020-01-02,1,2,0.5,1.5,1.4,100\n");
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_HAS(report.notes[0], "split-adjusted prices, known from this import on");
  EXPECT_EQ(folder.open().bars("AAPL", {.as_of = parse_time("2021-01-01", "test")}).size(), 0u);
  EXPECT_EQ(folder.open().bars("AAPL", {}).size(), 1u);
}

constexpr const char* kYfinance =
    "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits,Capital Gains\n"
    "2020-08-27,10,11,9,10,9.8,100,0.0,0.0,0.0\n"
    "2020-08-28,10,11,9,10.5,10.3,100,0.205,0.0,0.0\n"
    "2020-08-31,11,12,10,11,11,400,0.0,4.0,0.0\n";

std::string actions_of(const Market& market, const std::string& symbol) {
  std::string text;
  for (const Action& action : market.actions(symbol))
    text += action.kind == Action::Kind::split
                ? fmt::format("{} {}:{} ", date_text(action.effective), action.over, action.under)
                : fmt::format("{} {} ", date_text(action.effective), action.amount.text());
  return text;
}

TEST(MarketFormats, YfinancesDividendsAndSplitsAreEventsUnlessPricesHoldThem) {
  {
    MarketFolder folder;  // auto_adjust=False: adjusted for splits alone
    const ImportReport report = folder.import("AAPL.csv", kYfinance);
    EXPECT_EQ(report.files[0].format, "yahoo");
    ASSERT_EQ(report.notes.size(), 1u);
    EXPECT_HAS(report.notes[0],
               "split-adjusted prices, known from this import on; 1 dividends taken as events; 1 splits, which are "
               "inside these prices; not read: Adj Close, Capital Gains");
    const Market market = folder.open();
    EXPECT_EQ(actions_of(market, "AAPL"), "2020-08-28 0.205 ");
    EXPECT_EQ(market.actions("AAPL", parse_time("2021-01-01", "test")).size(), 0u) << "known as its prices are";
    const auto forward = market.bars("AAPL", {.prices = Prices::forward});
    EXPECT_DOUBLE_EQ(forward[2].close, 11 / (1 - 0.205 / 10));
    EXPECT_EQ(folder.import("AAPL.csv", kYfinance).restated, 0) << "the same again changes nothing";
    // A table of splits does not split them a second time.
    const ImportReport splits = folder.import("s.csv", "date,symbol,ratio\n2020-08-31,AAPL,4\n", {.kind = "splits"});
    EXPECT_EQ(splits.files[0].accepted, 0);
    EXPECT_HAS(splits.notes.at(0), "1 splits are inside the adjusted prices of their instruments, and not taken");
    EXPECT_EQ(actions_of(folder.open(), "AAPL"), "2020-08-28 0.205 ");
  }
  {
    MarketFolder folder;  // as said
    ImportOptions raw{.prices = "raw"};
    EXPECT_HAS(folder.import("AAPL.csv", kYfinance, raw).notes.at(0), "1 splits taken as events");
    EXPECT_EQ(actions_of(folder.open(), "AAPL"), "2020-08-28 0.205 2020-08-31 4:1 ");
    EXPECT_EQ(folder.open().actions("AAPL")[1].known_at, start_of(date(2020, 8, 31)) + 1);
  }
  MarketFolder folder;  // auto_adjust=True: no other close, dividends are inside too
  const ImportReport report = folder.import(
      "AAPL.csv",
      "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2020-08-28 00:00:00-04:00,1,2,1,1,5,0.2,0.0\n");
  EXPECT_HAS(report.notes.at(0),
             "adjusted prices, known from this import on; 1 dividends, which are inside these prices; 0 splits");
  EXPECT_EQ(actions_of(folder.open(), "AAPL"), "");
  EXPECT_HAS(error_of([&] {
               folder.import("B.csv", "Date,Open,High,Low,Close,Dividends,Stock Splits\n2020-08-28,1,2,1,1,-0.2,0\n");
             }),
             "B.csv:2: Dividends: expected 0, or a number above it, found");
}

TEST(MarketFormats, ColumnsThatAreNotReadAreNamed) {
  MarketFolder folder;
  EXPECT_HAS(folder.import("A.csv", ",Date,Open,High,Low,Close,Trades\n0,2020-01-02,1,2,1,1,7\n").notes.at(0),
             "A.csv: not read: column 1, Trades");
  EXPECT_TRUE(folder.import("B.csv", "Date,Open,High,Low,Close\n2020-01-02,1,2,1,1\n").notes.empty());
}

TEST(MarketFormats, TwoColumnsOfOneNameAreRefused) {
  const auto error = [](const std::string& header, const ImportOptions& options = {}) {
    MarketFolder folder;
    return error_of([&] { folder.import("A.csv", header + "\n2020-01-02,1,2,1,1,5\n", options); });
  };
  EXPECT_HAS(error("Date,Open,High,Low,Close,close"),
             "A.csv:1: expected one column of this name, found two, columns 5 (Close) and 6 (close); rename one, "
             "or say which it is, as --map close=Close");
  EXPECT_EQ(error("Date,Open,High,Low,Close,close", {.columns = {{"close", "close"}}}), "");
  EXPECT_HAS(error("Date,Open,High,Low,Close,Close", {.columns = {{"close", "Close"}}}), "found two, columns 5");
  EXPECT_EQ(error("Date,Open,High,Low,Close,Close/Last"), "") << "Close goes first";
  MarketFolder folder;
  folder.import("A.csv", "Date,Open,High,Low,Close\n2020-01-02,1,2,1,1\n");
  EXPECT_HAS(
      error_of([&] { folder.import("d.csv", "Date,symbol,Amount,amount\n2020-01-02,A,1,2\n", {.kind = "dividends"}); }),
      "found two, columns 3 (Amount) and 4 (amount)");
}

// The days of a file's bars, or the error.
std::string days_of(const std::vector<std::string>& days, const std::string& dates = "") {
  MarketFolder folder;
  std::string text = "Date,Open,High,Low,Close\n", found;
  for (const std::string& day : days) text += day + ",1,2,1,1\n";
  const std::string error = error_of([&] {
    folder.import("A.csv", text, {.dates = dates});
    for (const Bar& bar : folder.open().bars("A", {})) found += date_text(bar.session) + " ";
  });
  return error.empty() ? found : error;
}

TEST(MarketFormats, AFileShowsWhetherDayOrMonthStandsFirst) {
  const std::string march = "2020-03-04 2020-03-05 2020-03-13 ";
  EXPECT_EQ(days_of({"3/4/2020", "3/5/2020", "3/13/2020"}), march);
  EXPECT_EQ(days_of({"04/03/2020", "05/03/2020", "13/03/2020"}), march) << "the last line shows it";
  EXPECT_EQ(days_of({"13/03/2020", "05/03/2020", "04/03/2020"}), march) << "the first line shows it";
  EXPECT_EQ(days_of({"04/03/2020 00:00", "05/03/2020 00:00", "13/03/2020 00:00"}), march);
  EXPECT_EQ(days_of({"3/3/2020", "4/4/2020"}), "2020-03-03 2020-04-04 ") << "the same in both";
  EXPECT_EQ(days_of({"3/4/2020", "3/5/2020"}, "mdy"), "2020-03-04 2020-03-05 ");
  EXPECT_EQ(days_of({"4/3/2020", "5/3/2020"}, "dmy"), "2020-03-04 2020-03-05 ");
  EXPECT_EQ(days_of({"4.3.2020", "5.3.2020"}), "2020-03-04 2020-03-05 ");
  EXPECT_HAS(days_of({"3/3/2020", "3/4/2020", "3/5/2020"}),
             "A.csv:3: expected days that show whether the day or the month stands first, found 3/4/2020 and none "
             "that shows it; say --dates mdy (month first) or --dates dmy (day first)");
  EXPECT_HAS(days_of({"3/4/2020", "13/4/2020", "4/14/2020"}),
             "A.csv:3 has it, found 4/14/2020; write the dates as 2014-06-09");
  EXPECT_HAS(days_of({"3/13/2020"}, "dmy"), "A.csv:2: expected the day first, as --dates says, found");
  EXPECT_HAS(days_of({"2020-03-02", "3/4/2020", "13/4/2020"}), "expected days written in one way");
}

TEST(MarketFormats, EventsShowWhetherDayOrMonthStandsFirst) {
  MarketFolder folder;
  folder.import("A.csv", "Date,Open,High,Low,Close\n2020-01-02,9,9,9,9\n2020-12-30,9,9,9,9\n");
  const auto import = [&](const std::string& text, const std::string& dates = "") {
    return folder.import("d.csv", text, {.kind = "dividends", .dates = dates});
  };
  EXPECT_HAS(error_of([&] { import("date,symbol,amount\n03/04/2020,A,1\n"); }), "d.csv:2: expected days that show");
  import("date,symbol,amount\n03/04/2020,A,1\n13/05/2020,A,2\n");
  EXPECT_EQ(actions_of(folder.open(), "A"), "2020-04-03 1 2020-05-13 2 ");
  import("date,symbol,amount\n07/08/2020,A,3\n", "dmy");
  EXPECT_EQ(actions_of(folder.open(), "A"), "2020-04-03 1 2020-05-13 2 2020-08-07 3 ");
}

TEST(MarketFormats, CompressedFilesAndThoseThatEndEarly) {
  std::string text = "Date,Open,High,Low,Close,Volume\n";
  for (Date day = 10'000; day < 14'000; ++day)
    text += date_text(day) + fmt::format(",{},99999,0.5,1.5,100\n", 1 + day % 977);
  std::string zst(ZSTD_compressBound(text.size()), '\0');
  zst.resize(ZSTD_compress(zst.data(), zst.size(), text.data(), text.size(), 1));
  MarketFolder folder;
  const Path gz = folder.path() / "G.csv.gz";
  gzFile file = ::gzopen(gz.c_str(), "wb");
  ASSERT_NE(file, nullptr);
  ::gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  ::gzclose(file);
  EXPECT_EQ(folder.import({gz}).files[0].rows, 4000);
  EXPECT_EQ(folder.import("Z.csv.zst", zst).files[0].rows, 4000);
  EXPECT_EQ(folder.open().symbols(), (std::vector<std::string>{"G", "Z"}));
  const auto half = [&](const std::string& name, const std::string& bytes) {
    return error_of([&] { folder.import(name, std::string_view(bytes).substr(0, bytes.size() / 2)); });
  };
  EXPECT_HAS(half("H.csv.gz", read_file(gz)), "it was not written or copied to its end");
  EXPECT_HAS(half("H.csv.zst", zst), "it was not written or copied to its end");
  EXPECT_HAS(half("h.zip", read_file(test::sample_files()[0])), "it was not written or copied to its end");
  EXPECT_EQ(folder.open().symbols().size(), 2u);
}

TEST(MarketFormats, LeanBringsSplitsDividendsAndSymbols) {
  MarketFolder folder;
  const ImportReport report = folder.import(test::sample_files(), {.calendar = "XNYS"});
  for (const ImportedFile& file : report.files) {
    EXPECT_EQ(file.format, "lean");
    EXPECT_EQ(file.accepted, file.rows);
  }
  EXPECT_EQ(report.issues, (std::map<std::string, int64_t>{{"missing_session", 31}}));
  const Market market = folder.open();
  EXPECT_EQ(market.symbols(), (std::vector<std::string>{"DRUM", "FELL", "KILN", "MOOR", "TARN"}));
  EXPECT_EQ(market.resolve("TARNQ"), "TARN");
  EXPECT_EQ(market.calendar(), "XNYS");
  const auto splits = [&](const std::string& symbol) {
    std::string text;
    for (const Action& action : market.actions(symbol))
      if (action.kind != Action::Kind::dividend)
        text += fmt::format("{} {}:{}{} ", date_text(action.effective), action.over, action.under, action.symbol);
    return text;
  };
  EXPECT_EQ(splits("DRUM"), "");
  EXPECT_EQ(splits("FELL").substr(11, 4) + splits("FELL").substr(26), "2:1 7:1 ");
  EXPECT_EQ(splits("MOOR"), "2009-06-15 1:10 ");
  EXPECT_HAS(splits("TARN"), "2010-07-01 1:1TARN ");
  EXPECT_HAS(splits("TARN"), " 3:2 ");
  const auto actions = market.actions("DRUM");
  ASSERT_GT(actions.size(), 80u);
  EXPECT_EQ(date_text(actions[0].effective), "2000-02-08");
  EXPECT_EQ(actions[0].amount.text(), "0.4");  // 91.90 less its share of .6739928 / .6769392
  EXPECT_EQ(actions[0].known_at, start_of(date(2000, 2, 8)) + 1);
  EXPECT_EQ(market.actions("DRUM", parse_time("2000-02-07", "test")).size(), 0u);
  EXPECT_EQ(first_bar(market, "DRUM"), "2000-01-03T21:00:00Z 91.93 92.24 91.66 91.87 98778400 nan");
  EXPECT_EQ(folder.import(test::sample_files()).restated, 0);
}

TEST(MarketFormats, LeanSaysWhatItReadBesideTheBars) {
  MarketFolder folder;
  const ImportReport report = folder.import({test::sample_files()[1]}, {.calendar = "XNYS"});
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_HAS(report.notes[0], "fell.zip: read ");
  EXPECT_HAS(report.notes[0], "factor_files/fell.csv (2 splits, ");
  EXPECT_HAS(report.notes[0], "map_files/fell.csv (1 symbols)");
  MarketFolder alone;
  const Path bars = alone.file("daily/fell.zip", read_file(test::sample_files()[1]));
  EXPECT_HAS(alone.import({bars}).notes.at(0), "without splits and dividends: there is no ");
}

TEST(MarketFormats, SyntheticMarketsAreOneFileOfManyInstruments) {
  for (const char* name : {"planted", "noise"}) {
    MarketFolder folder;
    const ImportReport report = folder.import(
        {test::source_dir() / "examples/market/synthetic" / (std::string(name) + ".csv.zst")}, {.calendar = "XNYS"});
    EXPECT_EQ(report.files[0].symbols.size(), 60u);
    EXPECT_EQ(report.files[0].accepted, 60'000);
    EXPECT_EQ(report.issues.size(), 0u);
    const Panel panel = folder.open().panel({});
    EXPECT_EQ(panel.num_times(), 1000u);
    EXPECT_EQ(panel.num_instruments(), 60u);
    for (const double close : panel.close) ASSERT_FALSE(std::isnan(close));
  }
}

TEST(MarketFormats, NewestFirstIsTurnedRound) {
  std::string text = "Date,Open,High,Low,Close\n";
  for (Date day = 12'020; day > 12'000; --day) text += date_text(day) + ",1,2,1,1\n";
  MarketFolder folder;
  const ImportReport report = folder.import("A.csv", text);
  EXPECT_EQ(report.issues.count("out_of_order"), 0u);
  EXPECT_EQ(report.files[0].accepted, 20);
  EXPECT_HAS(report.notes.at(0), "stood newest first");
}

TEST(MarketFields, NumbersAreTheNearestDoubles) {
  for (const char* text : {"0.1", "123.4567", "-3", "1e-7", "98778400", "0.30000000000000004", "12345678901234567890",
                           "9007199254740993", ".5", "5.", "1E5", "179769313486231570000000000000000000000"})
    EXPECT_EQ(*parse_number(text), std::strtod(text, nullptr)) << text;
  for (const char* text : {"", "null", "NaN", "-", "N/A", "inf", "1e999"})
    EXPECT_TRUE(std::isnan(*parse_number(text))) << text;
  for (const char* text : {"x", "1,5", "1.2.3", "--1", "1 2", "0x10"}) EXPECT_FALSE(parse_number(text)) << text;
  EXPECT_EQ(parse_stamp("3.4.2020")->value, start_of(date(2020, 4, 3)));
  EXPECT_EQ(parse_stamp("3/4/2020")->value, start_of(date(2020, 3, 4)));
  EXPECT_EQ(parse_stamp("20200304 09:30")->value, start_of(date(2020, 3, 4)) + 34'200 * kSecond);
  EXPECT_EQ(parse_stamp("2020-03-04T09:30:00.25+01:00")->offset, 60);
  EXPECT_EQ(time_of_number(1577836800), time_of_number(1577836800000000000));
  for (const char* text : {"2020-02-30", "13/13/2020", "today", "2020-01-02T", "2020-01-02 25:00"})
    EXPECT_FALSE(parse_stamp(text)) << text;
}

}  // namespace
}  // namespace hadal::market
