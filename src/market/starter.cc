#include "market/starter.h"

#include <algorithm>

#include "base/command.h"
#include "base/error.h"

namespace hadal::market {
namespace {

constexpr int64_t kFewInstruments = 10, kFewSessions = 250;

// Windows of about ten test parts, or the usual ones where there is room for three of them.
std::string forecast_text(int64_t num_sessions) {
  int64_t train = 500, valid = 60, test = 120;
  if (num_sessions < train + valid + 5 + 3 * test) {
    train = num_sessions * 2 / 5, valid = num_sessions / 20, test = std::max<int64_t>(num_sessions / 10, 20);
  }
  return fmt::format(R"(
[label]
# What is forecast: from tomorrow's open to the one after. Only labels look ahead.
expression = "Ref($open,-2)/Ref($open,-1)-1"

[process]  # of each day, across instruments
features = ["cs_winsorize", "cs_zscore", "fill_zero"]
label = "cs_rank"

[forecast]
kind = "ridge"       # or trees, mlp, transformer, mixer; or "factor NAME", "naive", "seasonal", "momentum"
penalty = 1e4        # of ridge
window = "rolling"   # or "expanding"
train_days = {}      # fitted on these sessions (and on valid_days, where nothing needs them),
valid_days = {}
embargo_days = 5     # a gap,
test_days = {}       # and judged on these; then all of it moves on by test_days
seeds = [1]
)",
                     train, valid, test);
}

}  // namespace

StarterFacts starter_facts(const Market& market, const std::string& name) {
  const std::vector<std::string> symbols = market.symbols();
  Time finest = kDay;
  for (const std::string& symbol : symbols) finest = std::min(finest, market.interval(symbol));
  return {name, static_cast<int64_t>(symbols.size()), market.sessions({}), frequency_text(finest),
          stored_prices_text(market, symbols)};
}

std::string starter_strategy(const StarterFacts& facts) {
  const std::vector<Date>& sessions = facts.sessions;
  const int64_t num_instruments = facts.num_instruments;
  const auto num_sessions = static_cast<int64_t>(sessions.size());
  if (num_sessions < 30) {
    fail("{}: expected at least 30 sessions for a strategy, found {}; import more bars", facts.market, num_sessions);
  }
  const bool forecast = num_instruments >= kFewInstruments && num_sessions >= kFewSessions;
  const int64_t count = std::clamp<int64_t>(num_instruments / 5, 1, 50);
  std::string text =
      fmt::format(R"(# A strategy for the market "{0}". Check it:  {1} THIS_FILE --lookahead
# Run it:  {2} THIS_FILE
# docs/markets.md lists every key that may stand here.

[data]
market = "{0}"
frequency = "{3}"   # of the bars
start = {4}
end = {5}
prices = "forward"  # what factors see: total return from the first bar on.
                    # Orders fill at what is stored: {6}

[factors]
)",
                  facts.market, command({"market", "check"}), command({"market", "backtest"}), facts.frequency,
                  date_text(sessions.front()), date_text(sessions.back()), facts.stored_prices);
  if (forecast) text += "sets = [\"alpha158\"]  # Qlib's list; your own stand beside it:\n";
  text += "momentum = \"$close/Ref($close,20)-1\"\n";
  if (forecast) text += forecast_text(num_sessions);
  text += fmt::format(R"(
[portfolio]
kind = "top"        # the `count` best, in equal parts; or "rank": all, long and short; "risk_parity"; or "qp": expected
                    # return against risk and costs, within limits
count = {}
rebalance_days = {}
)",
                      count, forecast ? 1 : 5);
  if (!forecast) text += "score = \"momentum\"  # the factor that says which is best\n";
  return text + R"(
[broker]
profile = "ib_us"   # or frictionless, binance_spot, cn_a
cash = 100000
slippage_bps = 2    # of each trade at the market's price
participation = 0.1 # of a bar's volume at most
borrow_rate = 0.03  # a year, on what is sold short
)";
}

}  // namespace hadal::market
