// The memo: sentences of ours with figures in them, each figure bound to its place.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "market/report.h"
#include "market/report/text.h"
#include "market/report/words.h"

namespace hadal::market {
namespace {

// Sentences with figures in braces: {path:how}, `how` being
//   s      a name or a date
//   n      a whole number
//   .2     a number with two digits after the point
//   $3     an amount with three digits after the point, rounded half to even
//   %2     a hundred times the figure, with two digits; the percent sign stands behind the braces
// and a before . or %: without its sign.
class Writer {
 public:
  explicit Writer(const OrderedJson& figures) : figures_(figures) {}

  bool has(std::string_view path) const { return figure_at(figures_, path) != nullptr; }
  double number(std::string_view path) const {
    const OrderedJson* figure = figure_at(figures_, path);
    return figure && is_number(*figure) ? number_of(*figure) : kMissing;
  }
  std::string text(std::string_view path) const {
    const OrderedJson* figure = figure_at(figures_, path);
    return figure && figure->is_string() ? figure->get<std::string>() : "";
  }
  bool is_true(std::string_view path) const {
    const OrderedJson* figure = figure_at(figures_, path);
    return figure && figure->is_boolean() && figure->get<bool>();
  }
  size_t size(std::string_view path) const {
    const OrderedJson* figure = figure_at(figures_, path);
    return figure ? figure->size() : 0;
  }

  int cost_digits() const {
    return has("costs.total") ? digits_that_add(figures_.at("costs"), kCostParts, "total") : 2;
  }

  // Leaves the sentence out, and returns false, where one of its figures is not there.
  bool say(std::string_view sentence) {
    for (const Part& part : parts_of(sentence))
      if (!part.path.empty() && !has(part.path)) return false;
    for (const Part& part : parts_of(sentence)) {
      if (part.path.empty())
        put(part.text);
      else
        bind(part);
    }
    return true;
  }
  Memo finish() { return std::move(memo_); }

 private:
  struct Part {
    std::string text, path, how;  // a path, or text
  };

  static std::vector<Part> parts_of(std::string_view sentence) {
    std::vector<Part> parts;
    while (!sentence.empty()) {
      const size_t open = std::min(sentence.find('{'), sentence.size());
      if (open > 0) {
        HADAL_CHECK(!has_digit(sentence.substr(0, open)), "a digit that no figure says: {}", sentence);
        parts.push_back({std::string(sentence.substr(0, open)), "", ""});
      }
      if (open == sentence.size()) break;
      const size_t colon = sentence.find(':', open), close = sentence.find('}', open);
      HADAL_CHECK(colon < close && close != sentence.npos, "{}", sentence);
      parts.push_back({"", std::string(sentence.substr(open + 1, colon - open - 1)),
                       std::string(sentence.substr(colon + 1, close - colon - 1))});
      sentence.remove_prefix(close + 1);
    }
    return parts;
  }

  static std::string written(const OrderedJson& figure, std::string_view how) {
    if (how == "s") return name_text(figure.get<std::string>());
    if (how.starts_with('$')) return amount_text(figure, how[1] - '0');
    if (how == "n") return fmt::format("{}", figure.get<int64_t>());
    double value = number_of(figure);
    if (how.starts_with('a')) value = std::abs(value), how.remove_prefix(1);
    if (how.starts_with('%')) value *= 100;
    std::string text = fmt::format("{:.{}f}", value, how[1] - '0');
    if (text.find_first_not_of("-0.") == text.npos && text.starts_with('-')) text.erase(0, 1);  // no minus zero
    return text;
  }

  void put(std::string_view text) {
    while (text.starts_with('\n') && memo_.text.ends_with(' ')) memo_.text.pop_back(), --length_;
    memo_.text += text;
    length_ += code_points(text).size();
  }
  void bind(const Part& part) {
    const OrderedJson& figure = *figure_at(figures_, part.path);
    Binding binding;
    binding.text = written(figure, part.how);
    binding.begin = length_;
    put(binding.text);
    binding.end = length_;
    binding.figure = part.path;
    binding.value = figure;
    memo_.bindings.push_back(std::move(binding));
  }

  const OrderedJson& figures_;
  Memo memo_;
  size_t length_ = 0;  // of the text, in code points
};

void write_title(Writer& w) {
  const std::string finding = w.text("forecast.finding");
  if (w.has("ruined.time"))
    w.say("# The account was ruined on {ruined.time:s}: all of its money was lost\n\n");
  else if (finding == "nothing")
    w.say("# Nothing found: this forecaster does not beat the naive ones by more than its error\n\n");
  else if (finding == "signal")
    w.say("# A signal: this forecaster beats the naive ones on sessions that it did not see\n\n");
  else
    w.say("# What came of `{strategy.name:s}`, a strategy without a forecaster\n\n");
  w.say("This is about the run `{run:s}`. It records a calculation on the past; it is not advice.\n\n");
}

void write_holdings(Writer& w) {
  const std::string portfolio = w.text("strategy.portfolio");
  if (portfolio == "top")
    w.say("Held were the {strategy.count:n} best by score, in equal parts");
  else if (portfolio == "rank")
    w.say("Held were all that have a score, long and short, by the rank of the score");
  else if (portfolio == "risk_parity")
    w.say(w.has("strategy.count") ? "Held were the {strategy.count:n} best by score, in parts that add equally to risk"
                                  : "Held were all that have a score, in parts that add equally to risk");
  else if (portfolio == "qp")
    w.say(
        "Held was what weighs the expected return by score against risk and costs best, within the strategy's limits");
  else
    w.say("What to trade was read from the file `{strategy.portfolio_file:s}`");
  if (w.number("strategy.rebalance_days") > 1)
    w.say(", chosen anew every {strategy.rebalance_days:n} sessions.");
  else
    w.say(w.has("strategy.rebalance_days") ? ", chosen anew in each session." : ".");
  w.say(" Orders filled by the rules of the broker profile `{strategy.broker:s}`.\n\n");
}

void write_tried(Writer& w) {
  w.say("## What was tried\n\n");
  w.say("The market `{data.market:s}` from {data.first:s} to {data.last:s}: {data.sessions:n} sessions, ");
  w.say(w.number("data.instruments") == 1 ? "one instrument (`{data.symbols.0:s}`). "
                                          : "{data.instruments:n} instruments. ");
  if (w.has("strategy.forecaster")) {
    w.say("The forecaster `{strategy.forecaster:s}`");
    if (w.size("strategy.sets") > 0) w.say(", on the factors `{strategy.sets.0:s}`");
    for (size_t i = 1; i < w.size("strategy.sets"); ++i) w.say(" and `{strategy.sets." + fmt::format("{}", i) + ":s}`");
    w.say(w.number("forecast.num_windows") == 1 ? ", was fitted in {forecast.num_windows:n} window"
                                                : ", was fitted anew for each of {forecast.num_windows:n} windows");
    w.say(
        ", and judged from {forecast.test_first:s} to {forecast.test_last:s} on sessions that come after those it "
        "learned "
        "from");
    w.say(". ");
  } else if (w.has("strategy.score")) {
    w.say("Scores are the factor `{strategy.score:s}`. ");
  }
  write_holdings(w);
  if (w.number("quality.quarantined") > 0)
    w.say(w.number("quality.quarantined") == 1
              ? "{quality.quarantined:n} bar of these instruments contradicts itself and was left out; "
              : "{quality.quarantined:n} bars of these instruments contradict themselves and were left out; ");
  else
    w.say("No bar of these instruments contradicts itself; ");
  const double doubtful = w.number("quality.warnings");
  w.say(doubtful == 1  ? "{quality.warnings:n} place is doubtful; the report says of which kind"
        : doubtful > 0 ? "{quality.warnings:n} places are doubtful; the report counts them by kind"
                       : "none is doubtful");
  w.say(doubtful > 0 ? ", and `hadal market check {data.market_path:s}` shows where.\n\n" : ".\n\n");
  if (w.text("data.stored_prices") != "raw prices") w.say("Orders filled at {data.stored_prices:s}.\n\n");
  if (w.is_true("data.prices_look_ahead")) {
    w.say(
        "**The factors saw prices adjusted backward: a level of them knows dividends and splits that came later. What "
        "follows may rest on that.**\n\n");
  }
}

void write_costs(Writer& w) {
  w.say("\n\n");
  if (!w.has("costs.total")) return;
  w.say("Costs were ");
  const std::string how = fmt::format(":${}}}", w.cost_digits());
  const auto amount = [&](const char* words, const char* name) { w.say(words + std::string("{costs.") + name + how); };
  amount("", "total");
  w.say(" in all");
  w.say(", {costs.share_of_start:%2}% of the money at the start");
  amount(": fees ", "fees"), amount(", slippage ", "slippage");
  amount(", borrowing ", "borrow"), amount(", interest ", "interest_paid");
  w.say(". ");
}

void write_earned(Writer& w) {
  w.say("## What it earned and what it cost\n\n");
  const bool gained = w.number("earned.return") >= 0, ruined = w.has("ruined.time");
  w.say(
      ruined
          ? "On {ruined.time:s} the equity was {ruined.equity:$2}, of {start_equity:$2} at the start: an account ends "
            "there, and so do these figures. It was "
          : "{start_equity:$2} became {end_equity:$2}, ");
  w.say(gained ? "a gain of {earned.return:a%2}%" : "a loss of {earned.return:a%2}%");
  if (w.has("earned.return_annual")) {
    w.say(gained ? " ({earned.return_annual:a%2}% a year" : " ({earned.return_annual:a%2}% lost a year");
    w.say(w.number("trading.sessions") < w.number("data.sessions") ? " from {trading.from:s} on)" : ")");
  }
  w.say(". ");
  if (w.number("statistics.max_drawdown") < 0) {
    w.say(
        "At worst, on {trading.deepest_drawdown_at:s}, it stood {statistics.max_drawdown:a%2}% below an earlier "
        "peak. ");
    w.say(w.number("statistics.drawdown_days") == 1
              ? "The longest wait for a new peak took {statistics.drawdown_days:n} session. "
              : "The longest wait for a new peak took {statistics.drawdown_days:n} sessions. ");
  }
  write_costs(w);
  if (w.number("refused") > 0)
    w.say(w.number("refused") == 1 ? "{refused:n} order was refused: not enough margin. "
                                   : "{refused:n} orders were refused: not enough margin. ");
  if (w.number("dividends") != 0) w.say("Dividends came to {dividends:$2}. ");
  w.say(
      "From {trading.from:s} on, {trading.mean_turnover:%2}% of the equity changed hands in a session, and "
      "{trading.mean_positions:.1} positions were held, both on average.\n\n");
  if (!w.has("hold.return")) return;
  w.say(w.number("data.instruments") == 1 ? "The same instrument" : "The same instruments in equal parts");
  w.say(", bought on {hold.from:s} and held, dividends put back, without costs, ");
  w.say(w.number("hold.return") >= 0 ? "gained {hold.return:a%2}%" : "lost {hold.return:a%2}%");
  w.say(" and stood {hold.max_drawdown:a%2}% below a peak at worst");
  w.say(".\n\n");
}

void write_forecast(Writer& w) {
  if (!w.say("The mean rank correlation of forecast and outcome is {forecast.rank_ic:.4}, with an error of "
             "{forecast.rank_ic_error:.4}")) {
    return;
  }
  w.say(
      "; the best of the plain forecasters, `{forecast.best_baseline.name:s}`, has "
      "{forecast.best_baseline.rank_ic:.4}");
  w.say(". ");
  w.say("It was above zero in {by_score.months_above_zero:n} of {by_score.months:n} months. ");
  w.say("\n\n");
}

void write_sure(Writer& w) {
  w.say("## How sure one can be\n\n");
  write_forecast(w);
  if (w.number("trials") > 1)
    w.say("This is try {try:n} of {trials:n} on these dates that the market has counted. ");
  else
    w.say("It is the only try on these dates that the market has counted. ");
  if (w.has("ruined.time")) {
    w.say(
        "All was lost, and no measure of luck undoes that: the probabilities (PSR, DSR) and the interval of the Sharpe "
        "ratio are not given.\n\n");
    return;
  }
  if (!w.say("The Sharpe ratio is {statistics.sharpe:.4} a session ({statistics.sharpe_annual:.2} a year)")) {
    w.say("The returns do not vary, so nothing can be said of their Sharpe ratio.\n\n");
    return;
  }
  w.say(
      "; resampling the sessions puts it between {statistics.sharpe_interval.0:.4} and "
      "{statistics.sharpe_interval.1:.4}");
  w.say(". ");
  if (w.number("trading.sessions") < w.number("data.sessions"))
    w.say("Returns count from the first decision on, at the close of {trading.from:s}. ");
  w.say("The probability that the true one is above zero is {statistics.psr:%2}%");
  w.say(", and {statistics.dsr:%2}% once the tries are counted");
  w.say(". ");
  if (w.number("statistics.min_track_record") > 0) {
    w.say(
        "To be believed with usual confidence, such a ratio needs {statistics.min_track_record:.0} sessions; "
        "{statistics.length:n} count. ");
  } else {
    w.say("No record, however long, makes a ratio believable that is not above zero. ");
  }
  const double sure = w.number("statistics.dsr");
  if (w.text("forecast.finding") == "nothing")
    w.say("The forecaster has no part in that: it is what these instruments did as a whole, or luck.\n\n");
  else if (sure >= 0.95)
    w.say("By this measure luck alone is an unlikely explanation.\n\n");
  else
    w.say("By this measure luck alone cannot be ruled out.\n\n");
}

void write_limits(Writer& w) {
  w.say(
      "## What this cannot know\n\n"
      "- Whether what held in these years will hold again.\n"
      "- Tries made elsewhere, or ideas that came from looking at these prices: only runs of this market are "
      "counted.\n"
      "- Instruments that vanished before the data was collected, where the market does not hold them.\n");
  if (w.number("costs.total") == 0)
    w.say("- What trading would have cost: this run counts no costs at all.\n");
  else
    w.say("- How the orders would have moved prices beyond the slippage that was set, and taxes.\n");
  w.say("\nNot advice: nothing here says what to buy or sell.\n");
}

}  // namespace

Memo memo_of(const OrderedJson& figures) {
  Writer w(figures);
  write_title(w);
  write_tried(w);
  write_earned(w);
  write_sure(w);
  write_limits(w);
  return w.finish();
}

OrderedJson Memo::json() const {
  OrderedJson list = OrderedJson::array();
  for (const Binding& b : bindings)
    list.push_back({{"text", b.text}, {"begin", b.begin}, {"end", b.end}, {"figure", b.figure}, {"value", b.value}});
  OrderedJson json{{"text", text}, {"bindings", std::move(list)}};
  for (const Paragraph& p : paragraphs) json["paragraphs"].push_back({{"rephrased", p.rephrased}, {"why", p.why}});
  return json;
}

}  // namespace hadal::market
