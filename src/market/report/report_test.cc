#include "market/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "market/report/chart.h"
#include "market/report/text.h"
#include "market/report/words.h"
#include "market/synth.h"
#include "market/testing/made_source.h"
#include "market/testing/market_files.h"

namespace hadal::market {
namespace {

using test::error_of;

constexpr const char* kStrategy = R"toml([data]
market = "m/market"
prices = "forward"
[factors]
level = "Log($volume/Mean($volume,20))"
mom5 = "$close/Ref($close,5)-1"
[process]
features = ["cs_zscore", "fill_zero"]
label = "cs_rank"
[forecast]
kind = "ridge"
penalty = 10
train_days = 60
valid_days = 20
embargo_days = 3
test_days = 40
[portfolio]
kind = "top"
count = 4
rebalance_days = 2
[broker]
profile = "ib_us"
cash = 100000
slippage_bps = 2
)toml";

// A run over a made-up market, in a folder of its own.
class ReportOfRun : public ::testing::Test {
 protected:
  struct Made {
    test::ScratchFolder folder;
    Path before = std::filesystem::current_path();
    StrategyFile strategy;
    BacktestRun run;
    OrderedJson figures;

    Made() {
      std::filesystem::current_path(folder.path());
      write_market({.instruments = 20, .signal = 0.3}, testing::weekdays(240), "", "bars");
      import_files("m/market", {"bars/bars.csv"}, {});
      write_file_whole("idea7.toml", kStrategy);
      strategy = read_strategy("idea7.toml");
      Market market = Market::open(strategy.market);
      run = run_strategy(strategy, market);
      figures = write_figures(strategy, market, run);
    }
    ~Made() { std::filesystem::current_path(before); }
  };
  static void SetUpTestSuite() { made_ = new Made; }
  static void TearDownTestSuite() {
    delete made_;
    made_ = nullptr;
  }
  static const OrderedJson& figures() { return made_->figures; }
  static double number(std::string_view path) {
    const OrderedJson* figure = figure_at(figures(), path);
    return figure && is_number(*figure) ? number_of(*figure) : kMissing;
  }
  static inline Made* made_ = nullptr;
};

TEST_F(ReportOfRun, FiguresSayWhatBacktestAndForecastSay) {
  EXPECT_EQ(read_figures(made_->run.run), figures());
  EXPECT_EQ(find_run(made_->run.run.filename().string()), made_->run.run);
  const OrderedJson backtest = made_->run.json();
  for (const char* key : {"run", "orders", "start_equity", "end_equity", "fees", "borrow", "statistics", "trials",
                          "ledger_sha256", "bars"})
    EXPECT_EQ(figures().at(key), backtest.at(key)) << key;
  EXPECT_EQ(figures().at("fills"), made_->run.result.fills.size());
  for (const char* key : {"headline", "finding", "rank_ic", "rank_ic_error", "baselines"})
    EXPECT_EQ(figures().at("forecast").at(key), made_->run.training.forecast.at(key)) << key;
  EXPECT_EQ(figures().at("forecast").at("finding"), "signal");
  EXPECT_EQ(figures().at("try"), 1);
  EXPECT_EQ(figures().at("data").at("market"), "market");
  EXPECT_EQ(figures().at("data").at("sessions"), 240);
  EXPECT_EQ(figures().at("data").at("prices_look_ahead"), false);
  EXPECT_EQ(figures().at("quality").at("bars"), 240 * 20);
  EXPECT_EQ(figures().at("quality").at("quarantined"), 0);
  EXPECT_FALSE(figures().contains("seconds")) << "the same run gives the same figures";
}

TEST_F(ReportOfRun, CurvesAgreeWithTheLedger) {
  const OrderedJson& series = figures().at("series");
  for (const char* key : {"equity", "drawdown", "long", "short", "net", "positions", "turnover", "hold"})
    EXPECT_EQ(series.at(key).size(), series.at("time").size()) << key;
  const auto& curve = made_->run.result.curve;
  ASSERT_EQ(series.at("time").size(), curve.size());

  const auto drawdown = series.at("drawdown").get<std::vector<double>>();
  EXPECT_NEAR(*std::min_element(drawdown.begin(), drawdown.end()), number("statistics.max_drawdown"), 1e-12);
  double traded = 0;
  for (const Fill& fill : made_->run.result.fills)
    traded += std::abs(fill.quantity.to_double()) * fill.price.to_double();
  double by_session = 0;
  for (size_t i = 0; i < curve.size(); ++i)
    by_session += 2 * series.at("turnover")[i].get<double>() * series.at("equity")[i].get<double>();
  EXPECT_NEAR(by_session, traded, 1e-9 * traded);

  std::vector<Decimal> held(20);
  for (const Fill& fill : made_->run.result.fills) held[static_cast<size_t>(fill.instrument)] += fill.quantity;
  EXPECT_EQ(series.at("positions").back(),
            std::count_if(held.begin(), held.end(), [](Decimal q) { return !q.is_zero(); }));
  const EquityPoint& last = curve.back();
  EXPECT_NEAR(series.at("long").back().get<double>(), 1 - last.cash.to_double() / last.equity.to_double(), 1e-12);
  EXPECT_EQ(number("costs.total"), number("fees") + number("slippage"));
  EXPECT_GT(number("slippage"), 0);
}

TEST_F(ReportOfRun, HoldBuysAtTheFirstDecision) {
  const OrderedJson& series = figures().at("series");
  const std::string from = figures().at("hold").at("from");
  EXPECT_EQ(from, date_text(made_->run.result.orders.front().date));
  const Panel panel = Market::open("m/market").panel({.prices = Prices::raw});  // it has neither splits nor dividends
  size_t row = 0;
  while (date_text(panel.sessions[row]) != from) ++row;
  double growth = 0;
  for (size_t i = 0; i < 20; ++i) growth += panel.close[panel.at(239, i)] / panel.close[panel.at(row, i)] / 20;
  EXPECT_NEAR(number("hold.return"), growth - 1, 1e-9);
  EXPECT_TRUE(series.at("hold")[row - 1].is_null());
  EXPECT_EQ(series.at("hold")[row], series.at("equity")[row]);
  EXPECT_NEAR(series.at("hold").back().get<double>(), 100000 * growth, 1e-4);
}

TEST_F(ReportOfRun, MonthsAndQuantilesOfTheScores) {
  const OrderedJson& series = figures().at("series");
  double sum = 0, count = 0;
  for (const OrderedJson& month : series.at("ic_months")) {
    sum += month.at("rank_ic").get<double>() * month.at("times").get<double>();
    count += month.at("times").get<double>();
  }
  EXPECT_NEAR(sum / count, number("forecast.rank_ic"), 1e-12);
  EXPECT_EQ(series.at("ic_months").size(), number("by_score.months"));
  ASSERT_EQ(series.at("quantiles").size(), 5);
  EXPECT_GT(number("by_score.top_mean"), number("by_score.bottom_mean"));
  EXPECT_NEAR(number("by_score.spread_mean"), number("by_score.top_mean") - number("by_score.bottom_mean"), 1e-12);
  EXPECT_EQ(series.at("decay").size(), 10);
}

// ---- Memo

TEST_F(ReportOfRun, MemoBindsEveryDigit) {
  const Memo memo = memo_of(figures());
  EXPECT_TRUE(memo.text.starts_with("# A signal")) << memo.text;
  EXPECT_LT(std::count(memo.text.begin(), memo.text.end(), ' '), 650) << "a page";
  const std::u32string text = code_points(memo.text);
  std::vector<bool> bound(text.size());
  for (const Binding& b : memo.bindings) {
    EXPECT_EQ(utf8(text.substr(b.begin, b.end - b.begin)), b.text);
    EXPECT_EQ(b.text.find('%'), b.text.npos);
    const OrderedJson* figure = figure_at(figures(), b.figure);
    ASSERT_TRUE(figure) << b.figure;
    EXPECT_EQ(*figure, b.value);
    std::fill(bound.begin() + static_cast<ptrdiff_t>(b.begin), bound.begin() + static_cast<ptrdiff_t>(b.end), true);
    if (!is_number(b.value)) {
      EXPECT_EQ(b.text, b.value.get<std::string>());
      continue;
    }
    const double scale = text[b.end] == '%' ? 100 : 1, written = std::abs(std::stod(b.text));
    const size_t point = b.text.find('.');
    const double half =
        0.5 * std::pow(10, point == b.text.npos ? 0.0 : -static_cast<double>(b.text.size() - point - 1));
    EXPECT_NEAR(written, std::abs(number_of(b.value)) * scale, half * 1.0001) << b.figure;
  }
  for (size_t i = 0; i < text.size(); ++i)
    EXPECT_TRUE(bound[i] || text[i] < '0' || text[i] > '9') << utf8(text.substr(i > 20 ? i - 20 : 0, 40));
  EXPECT_HAS(memo.text, "not advice");
  EXPECT_HAS(memo.text, "the only try");
}

TEST_F(ReportOfRun, MemoVerifiesAndChangedDigitsDoNot) {
  const Memo memo = memo_of(figures());
  for (const Unbound& u : unbound_numbers(memo.text, figures())) ADD_FAILURE() << u.text << " at " << u.begin;
  std::u32string text = code_points(memo.text);
  int64_t changed = 0;
  for (const Binding& b : memo.bindings) {
    if (b.text.size() < 5 || !has_digit(b.text)) continue;
    const auto digit = static_cast<size_t>(std::find_if(text.begin() + static_cast<ptrdiff_t>(b.begin), text.end(),
                                                        [](char32_t c) { return c >= '1' && c <= '9'; }) -
                                           text.begin());
    if (digit >= b.end) continue;
    const char32_t before = text[digit];
    text[digit] = before == '9' ? '1' : before + 1;
    EXPECT_FALSE(unbound_numbers(utf8(text), figures()).empty()) << b.figure << " " << b.text;
    text[digit] = before;
    ++changed;
  }
  EXPECT_GT(changed, 20);
}

TEST_F(ReportOfRun, MemoOfNothingSaysSoFirst) {
  OrderedJson changed = figures();
  changed["forecast"]["finding"] = "nothing";
  const Memo memo = memo_of(changed);
  EXPECT_HAS(memo.text.substr(0, memo.text.find('\n')), "does not beat the naive ones");
  EXPECT_HAS(memo.text, "The forecaster has no part in that");
  EXPECT_EQ(memo.text.find("unlikely explanation"), memo.text.npos);
  EXPECT_TRUE(unbound_numbers(memo.text, changed).empty());
}

TEST_F(ReportOfRun, MemoWithoutForecasterOrFigures) {
  OrderedJson changed = figures();
  changed["forecast"] = nullptr;
  changed["strategy"]["forecaster"] = nullptr;
  changed["by_score"] = nullptr;
  changed["statistics"]["min_track_record"] = nullptr;
  changed["data"]["prices_look_ahead"] = true;
  changed["earned"]["return"] = -0.125, changed["earned"]["return_annual"] = -0.1;
  const Memo memo = memo_of(changed);
  EXPECT_TRUE(memo.text.starts_with("# What came of `idea7`")) << memo.text;
  EXPECT_HAS(memo.text, "a loss of 12.50%");
  EXPECT_HAS(memo.text, "adjusted backward");
  EXPECT_HAS(memo.text, "No record, however long");
  EXPECT_TRUE(unbound_numbers(memo.text, changed).empty());
  EXPECT_FALSE(memo_of(OrderedJson::object()).text.empty());
}

// ---- Any text

TEST(Unbound, NumbersOfATextAgainstFigures) {
  const OrderedJson figures{{"sharpe", 0.05432},
                            {"drawdown", -0.2345},
                            {"profit", "104486.22"},
                            {"tries", 40},
                            {"small", 2.5e-4},
                            {"interval", {0.0111, 0.0977}},
                            {"windows", {101, 202, 303}},
                            {"first", "2012-03-04"},
                            {"sets", {"alpha158"}},
                            {"label", "Ref($open,-2)/Ref($open,-1)-1"},
                            {"data", {{"symbols", {"S07", "0700", "BRK2.B"}}}},
                            {"series", {{"equity", {777}}, {"one", 888}}}};
  const auto found = [&](const std::string& text) {
    std::string list;
    for (const Unbound& u : unbound_numbers(text, figures)) list += (list.empty() ? "" : "|") + u.text;
    return list;
  };
  for (const char* bound : {"Sharpe 0.05",
                            "Sharpe 0.0543",
                            ".0543",
                            "5.43% or 5.4 % or 5 percent",
                            "fell 23.45%",
                            "fell by -23.5%",
                            "\xE2\x88\x92"
                            "23%",
                            "104,486.22",
                            "104486",
                            "104486.2",
                            "the 40th of 40 tries, 40x",
                            "2.5e-4",
                            "0.00025",
                            "0.011 to 0.098",
                            "since 2012-03-04.",
                            "alpha158",
                            "`Ref($open,-2)/Ref($open,-1)-1`",
                            "S07, 0700 and BRK2.B",
                            "no numbers",
                            "",
                            "walk-40",
                            "40-40"})
    EXPECT_EQ(found(bound), "") << bound;
  const std::pair<const char*, const char*> wrong[] = {
      {"Sharpe 0.06", "0.06"},
      {"Sharpe 0.0544", "0.0544"},
      {"Sharpe -0.0543", "0.0543"},  // a sign that the figure has not
      {"fell +23.45%", "23.45"},
      {"0.0543%", "0.0543"},  // a hundredth of what is true
      {"5.43", "5.43"},       // a hundred times
      {"23.46%", "23.46"},
      {"104,487", "104,487"},
      {"41 tries", "41"},
      {"101, 202", "101|202"},     // lists bind nothing
      {"777 and 888", "777|888"},  // series neither
      {"2012-03-05", "2012-03-05"},
      {"in 2013", "2013"},
      {"2012 tries", "2012"},
      {"alpha360 and alpha1580", "alpha360|alpha1580"},
      {"xalpha158", "xalpha158"},
      {"S08", "S08"},
      {"version 40.40.40", "40.40.40"},
      {"40k", "40k"},
      {"1e999 and 0e99", "1e999|0e99"},
      {"1e-4294967297", "1e-4294967297"},  // of 32 bits, the exponent would be -1
      {"\xC2\xBD and \xEF\xBC\x94\xEF\xBC\x91", "\xC2\xBD|\xEF\xBC\x94\xEF\xBC\x91"},  // a half; 41 in wide digits
      {"40.0700", "40.0700"},
  };
  for (const auto& [text, list] : wrong) EXPECT_EQ(found(text), list) << text;
  // Places count code points, also behind what is not UTF-8.
  const auto places = unbound_numbers("\xC3\xA9\xFF 99", figures);
  ASSERT_EQ(places.size(), 1);
  EXPECT_EQ(places[0].begin, 3);
  EXPECT_EQ(places[0].end, 5);
}

// ---- Page

// What the program writes into the frame.
std::string body_of(const std::string& page) {
  const size_t begin = page.find("<main>"), end = page.find("</main>");
  return begin < end && end != page.npos ? page.substr(begin, end - begin) : "";
}

Json charts_of(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"charts\">";
  const size_t at = page.find(open);
  if (at == page.npos) return nullptr;
  return parse_json(page.substr(at + open.size(), page.find("</script>", at) - at - open.size()), "charts");
}

TEST_F(ReportOfRun, PageIsWholeAndNeedsNothing) {
  const std::string page = report_html(figures());
  for (const char* part :
       {"<!doctype html>", "Equity and drawdown", "Mean rank IC by month", "quantile", "Costs", "Exposures", "Tries",
        "Quarantined bars", "hadal market backtest idea7.toml", "hadal market train idea7.toml",
        "hadal market check m/market", "hadal market report runs/idea7-"})
    EXPECT_HAS(page, part);
  const auto count = [](std::string_view text, std::string_view what) {
    size_t n = 0;
    for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
    return n;
  };
  EXPECT_HAS(page, "content=\"default-src 'none'; ");
  for (const char* part : {"src=", "@import", "url(", "href="}) EXPECT_EQ(page.find(part), page.npos) << part;
  const std::string body = body_of(page);
  for (const char* part : {"http:", "https:", "nan", "inf "}) EXPECT_EQ(body.find(part), body.npos) << part;
  EXPECT_EQ(count(body, "<figure id="), count(body, "</figure>"));
  EXPECT_EQ(count(body, "<figure id="), count(body, "<details open>"));
  EXPECT_GE(count(body, "Made by <code>"), count(body, "<figure id="));

  // Each figure has its chart, of what stands in the figures.
  const Json charts = charts_of(page);
  ASSERT_EQ(charts.size(), count(body, "<figure id="));
  for (const Json& chart : charts)
    EXPECT_HAS(body, "<figure id=\"" + chart.at("id").get<std::string>() + "\">\n<figcaption>");
  EXPECT_EQ(charts[0].at("labels"), figures().at("series").at("time"));
  EXPECT_EQ(charts[0].at("curves")[0].at("name"), "strategy");
  ASSERT_EQ(charts[0].at("curves")[0].at("values").size(), 240u);
  EXPECT_NEAR(charts[0].at("curves")[0].at("values")[239].get<double>(), figures().at("series").at("equity")[239],
              1e-4);
}

TEST_F(ReportOfRun, HostileTextIsShownAndNothingElse) {
  OrderedJson changed = figures();
  const std::string hostile = "<script>alert(1)</script><!--\"'><img src=x onerror=y>`\n# \xE2\x80\xAE\xD8\x9C\x07&";
  changed["strategy"]["name"] = changed["strategy"]["file"] = changed["data"]["market"] = hostile;
  changed["data"]["market_path"] = "x; rm -rf 'y'";
  changed["forecast"]["headline"] = hostile;
  changed["forecast"]["baselines"][hostile] = {{"ic", 0.1}, {"rank_ic", nullptr}};
  changed["quality"]["counts"][hostile] = 3;
  changed["series"]["time"][0] = hostile;
  changed["series"]["ic_months"][0]["month"] = hostile;
  changed["run"] = hostile;
  const std::string page = report_html(changed), body = body_of(page);
  EXPECT_EQ(body.find("<script>"), body.npos);
  EXPECT_EQ(body.find("</script"), body.rfind("</script")) << "the end of the data";
  for (const char* part : {"<img", "<!--", "\xE2\x80\xAE", "\xD8\x9C", "\x07"})
    EXPECT_EQ(body.find(part), body.npos) << part;
  EXPECT_HAS(page, "&lt;script&gt;alert(1)");
  EXPECT_HAS(charts_of(page)[0].at("labels")[0].get<std::string>(), "<script>alert(1)</script><!--\"'><img src=x");
  EXPECT_HAS(page, "hadal market check &#39;x; rm -rf &#39;\\&#39;&#39;y&#39;");

  const Memo memo = memo_of(changed);
  EXPECT_TRUE(unbound_numbers(memo.text, changed).empty());
  EXPECT_EQ(memo.text.find("\n# \xE2"), memo.text.npos) << "a name stays in its line";
}

TEST_F(ReportOfRun, ErrorsSayWhatToDo) {
  EXPECT_HAS(error_of([] { find_run("none"); }), "expected the folder of a run");
  std::filesystem::create_directories("runs/empty");
  EXPECT_HAS(error_of([] { read_figures(find_run("empty")); }), "hadal market backtest runs/empty/strategy.toml");
  EXPECT_HAS(error_of([] { report_html(OrderedJson{{"series", OrderedJson::object()}}); }), "figures.json: expected");
  EXPECT_HAS(error_of([] { report_html(OrderedJson::object()); }), "figures.json: expected");
  OrderedJson cut = figures();
  cut["series"]["equity"].erase(0);
  EXPECT_HAS(error_of([&] { report_html(cut); }), "expected 240 values of strategy, found 239");
}

TEST(Chart, ManyPlacesAreThinnedButForTheExtremes) {
  Chart chart{.title = "t", .curves = {{"x"}, {"y"}}};
  for (int i = 0; i < 100'000; ++i) {
    chart.labels.push_back(fmt::format("d{}", i));
    for (Curve& curve : chart.curves) curve.values.push_back(i == 0 ? kMissing : 1);
  }
  chart.curves[0].values[54'321] = 1000, chart.curves[1].values[77'777] = -5;
  const OrderedJson json = chart_json(chart, "c");
  const auto at = json.at("at").get<std::vector<size_t>>();
  EXPECT_LE(at.size(), 3002u);
  EXPECT_TRUE(std::is_sorted(at.begin(), at.end()));
  EXPECT_EQ(at.front(), 0u);
  EXPECT_EQ(at.back(), 99'999u);
  for (const auto& [place, curve, value] : {std::tuple(54'321u, 0, 1000.0), std::tuple(77'777u, 1, -5.0)}) {
    const auto found = std::find(at.begin(), at.end(), place);
    ASSERT_NE(found, at.end());
    EXPECT_EQ(json.at("curves")[static_cast<size_t>(curve)].at("values")[static_cast<size_t>(found - at.begin())],
              value);
    EXPECT_EQ(json.at("labels")[static_cast<size_t>(found - at.begin())], fmt::format("d{}", place));
  }
  EXPECT_TRUE(json.at("curves")[0].at("values")[0].is_null());

  const std::string table = chart_table(chart);
  EXPECT_HAS(table, "one row in 2500 of 100000, and the last");
  for (const char* row : {"<tr><th scope=\"row\">d0</th><td>-</td><td>-</td></tr>", ">d2500<", ">d97500<", ">d99999<"})
    EXPECT_HAS(table, row);
  EXPECT_EQ(table.find(">d2499<"), table.npos);
}

TEST(Chart, ValuesAreShownWithTheirUnit) {
  Chart chart{.title = "<t>", .labels = {"a", "<b>"}, .curves = {{"x", {-0.00001, 0.12345}}}, .unit = Unit::percent};
  EXPECT_EQ(shown(0.12345, chart), "12.35%");
  EXPECT_EQ(shown(-0.00001, chart), "0.00%");
  EXPECT_EQ(shown(kMissing, chart), "-");
  EXPECT_HAS(chart_table(chart), "<summary>Table</summary>");
  EXPECT_HAS(chart_table(chart), "<th scope=\"row\">&lt;b&gt;</th><td>12.35%</td>");
  EXPECT_EQ(chart_json(chart, "c").at("curves")[0].at("values")[1], 0.12345);
}

// ---- The folder of a run

TEST_F(ReportOfRun, ASecondRunOfTheSameStrategyLeavesTheFirstOneAlone) {
  Market market = Market::open(made_->strategy.market);
  const std::string before = read_file(made_->run.run / "forecast.json");  // made_->run holds the folder
  const int64_t tries = market.summary().trials;
  EXPECT_HAS(error_of([&] { run_strategy(made_->strategy, market); }),
             "another backtest or training works in this folder: process " + std::to_string(::getpid()));
  EXPECT_HAS(error_of([&] { train_run(made_->strategy, market, {}, false); }), "works in this folder");
  EXPECT_EQ(read_file(made_->run.run / "forecast.json"), before);
  EXPECT_EQ(market.summary().trials, tries);
}

TEST(RunLock, LeavesNoEmptyFolder) {
  const test::ScratchFolder folder;
  { const RunLock held(folder / "runs/a"); }
  EXPECT_FALSE(std::filesystem::exists(folder / "runs/a"));
  {
    const RunLock held(folder / "runs/a");
    write_file_whole(folder / "runs/a/strategy.toml", "x");
  }
  EXPECT_EQ(read_file(folder / "runs/a/strategy.toml"), "x");
  EXPECT_EQ(error_of([&] { RunLock(folder / "runs/a"); }), "");
}

TEST(RunLock, LeavesWhatIsNotItsOwn) {
  const test::ScratchFolder folder;
  {
    const RunLock held(folder / "runs/a");
    write_file_whole(folder / "runs/a/mine.txt", "mine");
    std::filesystem::remove(folder / "runs/a/lock");
  }
  EXPECT_EQ(read_file(folder / "runs/a/mine.txt"), "mine");
}

TEST(RunFolder, NamesArePlain) {
  StrategyFile strategy = parse_strategy(kStrategy, "s.toml");
  const auto name = [&](const char* file) {
    strategy.file = file;
    const std::string folder = run_folder(strategy, "data").string();
    return folder.substr(0, folder.rfind('-'));
  };
  EXPECT_EQ(name("dir/my-idea_7.v2.toml"), "runs/my-idea_7.v2");
  EXPECT_EQ(name("a b\n;$(x)\x1b[31m.toml"), "runs/a_b_x_31m");
  EXPECT_EQ(name("-rf.toml"), "runs/_rf");
  EXPECT_EQ(name("..hidden.toml"), "runs/_.hidden");
  EXPECT_LT(name((std::string(300, 'x') + ".toml").c_str()).size(), 100u);
}

// ---- A ruin

TEST_F(ReportOfRun, ARuinIsSaidFirst) {
  OrderedJson changed = figures();
  changed["ruined"] = {{"time", "2012-08-20"}, {"equity", "-1234.5"}};
  changed["earned"]["return"] = -1.012345, changed["earned"]["return_annual"] = nullptr;
  for (const char* key : {"psr", "dsr", "sharpe_interval"}) changed["statistics"][key] = nullptr;
  const Memo memo = memo_of(changed);
  EXPECT_TRUE(memo.text.starts_with("# The account was ruined on 2012-08-20")) << memo.text;
  EXPECT_HAS(memo.text, "the equity was -1234.50, of 100000.00 at the start");
  EXPECT_HAS(memo.text, "a loss of 101.23%");
  EXPECT_EQ(memo.text.find("luck alone"), memo.text.npos);
  EXPECT_TRUE(unbound_numbers(memo.text, changed).empty());
  const std::string page = report_html(changed);
  EXPECT_LT(page.find("The account was ruined on 2012-08-20"), page.find("Equity at"));
  EXPECT_HAS(page, "Equity when it was ruined");
}

// ---- Amounts that add up

TEST_F(ReportOfRun, CostsAreWrittenSuchThatTheyAddUp) {
  OrderedJson changed = figures();
  changed["costs"] = {{"fees", "9533.505"},   {"slippage", "12804.00340348"}, {"borrow", "0"},
                      {"interest_paid", "0"}, {"total", "22337.50840348"},    {"share_of_start", 0.2234}};
  const Memo memo = memo_of(changed);
  EXPECT_HAS(memo.text, "Costs were 22337.508 in all");
  EXPECT_HAS(memo.text, "fees 9533.505, slippage 12804.003, borrowing 0.000, interest 0.000");
  EXPECT_HAS(report_html(changed), "12804.003<");
  EXPECT_TRUE(unbound_numbers(memo.text, changed).empty());
  changed["costs"]["fees"] = "1", changed["costs"]["total"] = "12805.00340348";
  EXPECT_HAS(memo_of(changed).text, "fees 1.00, slippage 12804.00,");
}

TEST_F(ReportOfRun, CountsAndPricesAreSaidAsTheyAre) {
  OrderedJson changed = figures();
  EXPECT_EQ(figures().at("statistics").at("length"), made_->run.returns.size());
  EXPECT_EQ(figures().at("data").at("stored_prices"), "raw prices");
  EXPECT_LT(made_->run.returns.size(), 239u) << "what was before the first decision does not count";
  EXPECT_HAS(memo_of(changed).text, fmt::format("sessions; {} count. ", made_->run.returns.size()));
  changed["quality"]["warnings"] = 1;
  changed["data"]["stored_prices"] = "prices that a vendor adjusted for splits";
  const Memo memo = memo_of(changed);
  EXPECT_HAS(memo.text,
             "1 place is doubtful; the report says of which kind, and `hadal market check m/market` shows where");
  EXPECT_HAS(memo.text, "Orders filled at prices that a vendor adjusted for splits.");
  EXPECT_HAS(report_html(changed), "Orders fill at</th><td>prices that a vendor adjusted for splits<");
}

}  // namespace
}  // namespace hadal::market
