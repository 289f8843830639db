// The report: figures.json as a page.
#include <algorithm>
#include <cmath>

#include "base/command.h"
#include "base/error.h"
#include "market/report.h"
#include "market/report/chart.h"
#include "market/report/page.h"
#include "market/report/text.h"
#include "market/report/words.h"

namespace hadal::market {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;  // what, and how much: as text

class Page {
 public:
  explicit Page(const OrderedJson& figures) : figures_(figures), series_(figures.at("series")) {
    strategy_ = shell_word(text("strategy.file"));
  }

  std::string make() {
    head();
    results();
    equity();
    forecast();
    costs();
    exposures();
    tries();
    quality();
    return page_of("Report of " + text("run"), body_, charts_);
  }
  const OrderedJson& charts() const { return charts_; }  // after make()

 private:
  // ---- Figures as text; "-" where there is none

  std::string text(std::string_view path) const {
    const OrderedJson* figure = figure_at(figures_, path);
    if (!figure) return "-";
    return figure->is_string() ? figure->get<std::string>() : dump_json(*figure);
  }
  double number(std::string_view path) const {
    const OrderedJson* figure = figure_at(figures_, path);
    return figure && is_number(*figure) ? number_of(*figure) : kMissing;
  }
  std::string fixed(std::string_view path, int digits) const {
    const double value = number(path);
    return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-";
  }
  std::string percent(std::string_view path) const {
    const double value = number(path);
    return std::isfinite(value) ? fmt::format("{:.2f}%", value * 100) : "-";
  }
  bool is_true(std::string_view path) const {
    const OrderedJson* figure = figure_at(figures_, path);
    return figure && figure->is_boolean() && figure->get<bool>();
  }

  std::vector<double> numbers(const char* name) const {
    std::vector<double> values;
    for (const OrderedJson& v : series_.at(name)) values.push_back(v.is_number() ? v.get<double>() : kMissing);
    return values;
  }
  std::vector<std::string> counted(const char* name) const {  // from 1
    std::vector<std::string> words;
    for (size_t i = 1; i <= series_.at(name).size(); ++i) words.push_back(fmt::format("{}", i));
    return words;
  }
  std::vector<std::string> labels(const char* name) const { return series_.at(name).get<std::vector<std::string>>(); }

  // ---- Elements

  void put(const std::string& markup) { body_ += markup; }
  void heading(std::string_view words) {
    section_ = words;
    put(fmt::format("<h2>{}</h2>\n", html(words)));
  }
  void paragraph(std::string_view words, const char* style = "") {
    put(fmt::format("<p class=\"{}\">{}</p>\n", style, html(words)));
  }
  void made_by(const std::string& command) {
    put(fmt::format("<p class=\"soft\">Made by <code>{}</code></p>\n", html(command)));
  }
  void table(const Rows& rows) {
    put("<table>\n");
    for (const auto& [what, value] : rows)
      put(fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", html(what), html(value)));
    put("</table>\n");
  }
  void figure(const Chart& chart, const std::string& command) {
    for (const Curve& curve : chart.curves)
      if (curve.values.size() != chart.labels.size())
        fail("figures.json: expected {} values of {}, found {}; run: {}", chart.labels.size(), curve.name,
             curve.values.size(), backtest());
    if (chart.labels.empty()) return;
    const std::string id = fmt::format("chart-{}", charts_.size());
    put(fmt::format("<figure id=\"{}\">\n<figcaption>{}</figcaption>\n", id, html(chart.title)));
    put(chart_table(chart));
    made_by(command);
    put("</figure>\n");
    charts_.push_back(chart_json(chart, id));
    charts_.back()["section"] = section_;
    charts_.back()["made_by"] = one_line(command);
    charts_.back()["of_labels"] = chart.of_labels;
  }

  std::string backtest() const { return "hadal market backtest " + strategy_; }
  std::string train() const { return "hadal market train " + strategy_; }

  // ---- Sections

  void head() {
    const std::string finding = text("forecast.finding");
    put(fmt::format("<h1>{}</h1>\n", html(finding == "nothing"  ? "Nothing found by " + text("strategy.name")
                                          : finding == "signal" ? "A signal found by " + text("strategy.name")
                                                                : text("strategy.name"))));
    if (figure_at(figures_, "ruined")) {
      paragraph(
          fmt::format("The account was ruined on {}: its equity was {}. An account ends there, and so do the figures "
                      "and curves; how sure one can be (PSR, DSR) is not said of a loss of everything.",
                      text("ruined.time"), text("ruined.equity")),
          "warn");
    }
    if (finding != "-") paragraph(text("forecast.headline"), finding == "nothing" ? "warn" : "");
    if (is_true("data.prices_look_ahead")) {
      paragraph(
          "Factors saw back-adjusted prices: a level of them knows dividends and splits that came later. What is "
          "shown here may rest on that look-ahead.",
          "warn");
    }
    paragraph(fmt::format("Market {}, {} to {}, {} {}; try {} of {} on these dates. A calculation on the past, "
                          "not advice.",
                          text("data.market"), text("data.first"), text("data.last"), text("data.instruments"),
                          number("data.instruments") == 1 ? "instrument" : "instruments", text("try"), text("trials")),
              "soft");
  }

  void results() {
    heading("Result");
    put("<div class=\"pair\">\n");
    table({{"Equity at the start", fixed("start_equity", 2)},
           {figure_at(figures_, "ruined") ? "Equity when it was ruined" : "Equity at the end",
            fixed(figure_at(figures_, "ruined") ? "ruined.equity" : "end_equity", 2)},
           {"Return", percent("earned.return")},
           {"Return a year", percent("earned.return_annual")},
           {"Deepest drawdown", percent("statistics.max_drawdown")},
           {"Longest drawdown, sessions", text("statistics.drawdown_days")},
           {"Bought and held, return", percent("hold.return")},
           {"Bought and held, drawdown", percent("hold.max_drawdown")}});
    table(
        {{"Sharpe ratio a year", fixed("statistics.sharpe_annual", 2)},
         {"Sharpe ratio a session", fixed("statistics.sharpe", 4)},
         {"its interval", fixed("statistics.sharpe_interval.0", 4) + " to " + fixed("statistics.sharpe_interval.1", 4)},
         {"Probabilistic Sharpe ratio", percent("statistics.psr")},
         {"deflated for the tries", percent("statistics.dsr")},
         {"Minimum track record, sessions", fixed("statistics.min_track_record", 0)},
         {"Sortino, Calmar", fixed("statistics.sortino", 2) + ", " + fixed("statistics.calmar", 2)},
         {"CVaR of the worst twentieth", percent("statistics.cvar_95")}});
    put("</div>\n");
    made_by(backtest());
  }

  void equity() {
    heading("Equity and drawdown");
    Chart chart{.title = "Equity at each close",
                .labels = labels("time"),
                .curves = {{"strategy", numbers("equity")}},
                .height = 300};
    if (figure_at(figures_, "hold")) chart.curves.push_back({"the same instruments, bought and held", numbers("hold")});
    figure(chart, backtest());
    figure({.title = "Drawdown: equity below its last peak",
            .labels = labels("time"),
            .curves = {{"drawdown", numbers("drawdown"), true}},
            .unit = Unit::percent,
            .height = 150,
            .with_zero = true},
           backtest());
  }

  void forecast() {
    if (!figure_at(figures_, "by_score")) return;
    heading("Forecasts against what came");
    if (figure_at(figures_, "forecast")) forecast_table();
    Chart months{.title = "Mean rank IC by month, on sessions that were not learned from",
                 .of_labels = "Month",
                 .curves = {{"rank IC"}},
                 .bars = true,
                 .digits = 4};
    for (const OrderedJson& month : series_.at("ic_months")) {
      months.labels.push_back(month.at("month").get<std::string>());
      const OrderedJson& value = month.at("rank_ic");
      months.curves[0].values.push_back(value.is_null() ? kMissing : value.get<double>());
    }
    figure(months, train());
    figure({.title = "Decay: mean rank IC with the return of the bar that comes so many bars later",
            .of_labels = "Bars",
            .labels = counted("decay"),
            .curves = {{"rank IC", numbers("decay")}},
            .bars = true,
            .digits = 4,
            .height = 180},
           train());
    figure({.title = "Mean label by quantile of the score, lowest first",
            .of_labels = "Quantile",
            .labels = counted("quantiles"),
            .curves = {{"label", numbers("quantiles")}},
            .bars = true,
            .unit = Unit::percent,
            .digits = 3,
            .height = 180},
           train());
    Chart spread{.title = "Spread: top less bottom quantile, summed",
                 .labels = labels("spread_time"),
                 .unit = Unit::percent,
                 .height = 180,
                 .with_zero = true};
    std::vector<double> sum = numbers("spread");
    for (size_t i = 1; i < sum.size(); ++i) sum[i] += sum[i - 1];
    spread.curves.push_back({"spread", std::move(sum)});
    figure(spread, train());
  }

  void forecast_table() {
    Rows rows = {{"Rank IC (" + text("strategy.forecaster") + ")",
                  fixed("forecast.rank_ic", 4) + " ± " + fixed("forecast.rank_ic_error", 4)},
                 {"IC", fixed("forecast.ic", 4) + " ± " + fixed("forecast.ic_error", 4)}};
    const OrderedJson& forecast = figures_.at("forecast");
    const auto shown = [](const OrderedJson& v) { return v.is_null() ? "-" : fmt::format("{:.4f}", v.get<double>()); };
    for (const OrderedJson& seed : forecast.at("by_seed"))
      rows.emplace_back("Rank IC, seed " + dump_json(seed.at("seed")), shown(seed.at("rank_ic")));
    for (const auto& [name, quality] : forecast.at("baselines").items())
      rows.emplace_back("Rank IC of the plain forecaster " + name, shown(quality.at("rank_ic")));
    rows.emplace_back("Windows", text("forecast.num_windows"));
    rows.emplace_back("Judged on", text("forecast.test_first") + " to " + text("forecast.test_last"));
    table(rows);
    made_by(train());
  }

  void costs() {
    heading("Costs");
    Chart chart{.title = "What trading cost, in money",
                .of_labels = "Cost",
                .labels = {"fees", "slippage", "borrowing", "interest"},
                .curves = {{"cost"}},
                .bars = true,
                .height = 170};
    for (const char* kind : {"costs.fees", "costs.slippage", "costs.borrow", "costs.interest_paid"})
      chart.curves[0].values.push_back(number(kind));
    figure(chart, backtest());
    const OrderedJson* costs = figure_at(figures_, "costs");
    const int digits = costs ? digits_that_add(*costs, kCostParts, "total") : 2;
    const auto amount = [&](const char* name) { return costs ? amount_text(costs->at(name), digits) : "-"; };
    table({{"Fees", amount("fees")},
           {"Slippage", amount("slippage")},
           {"Borrowing", amount("borrow")},
           {"Interest paid", amount("interest_paid")},
           {"All", amount("total")},
           {"of the money at the start", percent("costs.share_of_start")},
           {"Dividends", fixed("dividends", 2)}});
    made_by(backtest());
  }

  void exposures() {
    heading("Exposures and trading");
    std::vector<double> shorts = numbers("short");
    for (double& value : shorts) value = -value;
    figure({.title = "Long, short and net, of equity",
            .labels = labels("time"),
            .curves = {{"long", numbers("long")}, {"short", std::move(shorts)}, {"net", numbers("net")}},
            .unit = Unit::percent,
            .height = 200,
            .with_zero = true},
           backtest());
    figure({.title = "Positions held",
            .labels = labels("time"),
            .curves = {{"positions", numbers("positions")}},
            .digits = 0,
            .height = 150,
            .with_zero = true},
           backtest());
    figure({.title = "Turnover: half of what was traded, of equity",
            .labels = labels("time"),
            .curves = {{"turnover", numbers("turnover")}},
            .unit = Unit::percent,
            .height = 150,
            .with_zero = true},
           backtest());
    table({{"Orders, fills", text("orders") + ", " + text("fills")},
           {"Mean turnover of a session", percent("trading.mean_turnover")},
           {"Mean positions", fixed("trading.mean_positions", 1)},
           {"Mean long, short, net",
            percent("trading.mean_long") + ", " + percent("trading.mean_short") + ", " + percent("trading.mean_net")},
           {"since", text("trading.from")}});
    made_by(backtest());
  }

  void tries() {
    heading("Tries");
    paragraph(
        "Each strategy that was trained or backtested in this market over dates that overlap counts, once on the "
        "same data, also when its run was deleted.");
    table({{"This is try", text("try")},
           {"of", text("trials")},
           {"Deviation of the tries' Sharpe ratios", fixed("trials_sharpe_sd", 4)},
           {"Sharpe ratio expected of the best of so many without skill", fixed("statistics.expected_max_sharpe", 4)},
           {"Minimum backtest length, sessions", fixed("statistics.min_backtest_length", 0)}});
    made_by(backtest());
  }

  void quality() {
    heading("Data");
    Rows rows = {{"Market", text("data.market")},
                 {"Calendar", text("data.calendar")},
                 {"Prices that factors see", text("data.prices")},
                 {"Orders fill at", text("data.stored_prices")},
                 {"Returns that count, since the first decision", text("statistics.length")},
                 {"Accepted bars", text("quality.bars")},
                 {"Quarantined bars", text("quality.quarantined")},
                 {"Doubtful places", text("quality.warnings")}};
    for (const auto& [code, count] : figures_.at("quality").at("counts").items())
      rows.emplace_back("code " + code, dump_json(count));
    rows.emplace_back("Hash of what was read", text("data.hash"));
    rows.emplace_back("SHA-256 of the ledger", text("ledger_sha256"));
    table(rows);
    made_by("hadal market check " + shell_word(text("data.market_path")));
    paragraph("This page", "soft");
    made_by("hadal market report " + shell_word(text("run")));
  }

  const OrderedJson& figures_;
  const OrderedJson& series_;
  std::string strategy_, section_, body_;
  OrderedJson charts_ = OrderedJson::array();
};

// Calls f(); figures that lack what it reads are an Error that says how to make others.
template <typename F>
auto with_figures(F&& f) {
  try {
    return f();
  } catch (const nlohmann::json::exception& error) {
    fail("figures.json: expected figures of this version, found: {}; run: {}", plain_words(error),
         command({"market", "backtest", "STRATEGY.toml"}));
  }
}

}  // namespace

std::string report_html(const OrderedJson& figures) {
  return with_figures([&] { return Page(figures).make(); });
}

OrderedJson report_charts(const OrderedJson& figures) {
  return with_figures([&] {
    Page page(figures);
    page.make();
    return page.charts();
  });
}

}  // namespace hadal::market
