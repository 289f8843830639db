#include "market/synth.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "market/starter.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

using testing::weekdays;

TEST(Synth, PlantsTheSignalThatWasAskedFor) {
  const SynthMarket planted = make_market({.instruments = 60, .signal = 0.08, .seed = 7, .faults = 0}, weekdays(1000));
  EXPECT_NEAR(planted.rank_ic, 0.08, 4 * planted.rank_ic_error);
  EXPECT_NEAR(planted.visible_rank_ic, 0.8 * 0.08, 4 * planted.rank_ic_error);
  const SynthMarket noise = make_market({.instruments = 60, .signal = 0, .seed = 7, .faults = 0}, weekdays(1000));
  EXPECT_LT(std::fabs(noise.rank_ic), 4 * noise.rank_ic_error);
  EXPECT_TRUE(planted.issues.empty());
}

TEST(Synth, IsTheSameForTheSameSeed) {
  const SynthOptions options{.instruments = 3, .signal = 0.1, .seed = 9, .faults = 4};
  EXPECT_EQ(make_market(options, weekdays(100)).csv, make_market(options, weekdays(100)).csv);
  SynthOptions other = options;
  other.seed = 10;
  EXPECT_NE(make_market(options, weekdays(100)).csv, make_market(other, weekdays(100)).csv);
}

struct Row {
  std::string date;
  double open, high, low, close, volume;  // NaN: no number
};

double number(const std::string& text) { return text.empty() ? kMissing : std::stod(text); }

std::map<std::string, std::vector<Row>> rows_of_csv(const std::string& csv) {
  std::map<std::string, std::vector<Row>> rows;
  for (const auto& line : split(csv, '\n')) {
    const auto c = split(line, ',');
    if (c.size() == 7 && c[0] != "date")
      rows[c[1]].push_back({c[0], number(c[2]), number(c[3]), number(c[4]), number(c[5]), number(c[6])});
  }
  return rows;
}

// The rules of the codes, straight from their words, over one instrument.
using Found = std::multiset<std::string>;
void judge(const std::string& symbol, const std::vector<Row>& rows, const std::vector<Date>& sessions, Found& found) {
  const auto report = [&](const char* code, const std::string& date) {
    found.insert(fmt::format("{} {} {}", code, symbol, date));
  };
  std::map<std::string, Row> accepted;
  std::set<std::string> seen, days;
  for (const Date day : sessions) days.insert(date_text(day));
  std::string newest;
  for (const Row& r : rows) {
    const bool late = r.date < newest, again = !seen.insert(r.date).second;
    newest = std::max(newest, r.date);
    const double body_high = std::max(r.open, r.close), body_low = std::min(r.open, r.close);
    const char* code = again                                                      ? "duplicate_time"
                       : late                                                     ? "out_of_order"
                       : !days.count(r.date)                                      ? "not_a_session"
                       : std::isnan(r.open + r.high + r.low + r.close + r.volume) ? "missing_value"
                       : r.open <= 0 || r.high <= 0 || r.low <= 0 || r.close <= 0 ? "nonpositive_price"
                       : r.high < r.low                                           ? "high_below_low"
                       : r.high < body_high                                       ? "high_below_body"
                       : r.low > body_low                                         ? "low_above_body"
                                                                                  : nullptr;
    if (code) report(code, r.date);
    if (!code || late) accepted[r.date] = r;
  }
  for (const auto& day : days)
    if (day >= rows.front().date && day <= rows.back().date && !seen.count(day)) report("missing_session", day);
  const Row* before = nullptr;
  int still = 1;
  const std::vector<double> ratios = {2, 3, 4, 5, 7, 10, 1.5};
  for (const auto& [date, r] : accepted) {
    if (r.volume == 0) report("zero_volume", date);
    if (before) {
      still = r.open == before->open && r.high == before->high && r.low == before->low && r.close == before->close
                  ? still + 1
                  : 1;
      if (still == 5) report("stale", std::prev(accepted.find(date), 4)->first);
      const double k = r.open / before->close;
      const bool split = std::any_of(ratios.begin(), ratios.end(), [&](double x) {
        return std::fabs(k / x - 1) < 0.02 || std::fabs(k * x - 1) < 0.02;
      });
      if (split) report("probable_split", date);
      if (!split && std::fabs(std::log(k)) > 0.7) report("jump", date);
    }
    before = &r;
  }
}

TEST(Synth, PlantsTheFaultsThatItSaysAndNoOthers) {
  const auto sessions = weekdays(500);
  const SynthMarket market = make_market({.instruments = 5, .signal = 0.05, .seed = 3, .faults = 100}, sessions);
  EXPECT_EQ(market.issues.size(), 100u);
  Found truth, found;
  std::set<std::string> codes;
  for (const auto& issue : market.issues) {
    truth.insert(fmt::format("{} {} {}", issue.code, issue.symbol, issue.time));
    codes.insert(issue.code);
  }
  EXPECT_EQ(codes.size(), 13u);
  for (const auto& [symbol, rows] : rows_of_csv(market.csv)) judge(symbol, rows, sessions, found);
  EXPECT_EQ(found, truth);
}

TEST(Synth, WritesFilesAndRefusesWhatDoesNotFit) {
  const Path folder = Path(HADAL_BINARY_DIR) / "market_synth_test";
  std::filesystem::remove_all(folder);
  const auto files =
      write_market({.instruments = 2, .signal = 0, .seed = 1, .faults = 3}, weekdays(80), "XNYS", folder);
  EXPECT_TRUE(read_file(files[0]).starts_with("date,symbol,open,high,low,close,volume\n2012-01-02,S000,"));
  const Json truth = parse_json(read_file(files[1]), "truth");
  EXPECT_EQ(truth["issues"].size(), 3u);
  EXPECT_EQ(truth["calendar"], "XNYS");
  EXPECT_THROW(make_market({.instruments = 2, .signal = 0, .seed = 1, .faults = 100}, weekdays(80)), Error);
  EXPECT_THROW(make_market({.instruments = 2, .signal = 1, .seed = 1, .faults = 0}, weekdays(80)), Error);
}

TEST(Starter, IsAStrategyThatFitsItsMarket) {
  const StrategyFile large = parse_strategy(starter_strategy({"demo", 60, weekdays(1000)}), "s.toml");
  EXPECT_EQ(large.forecast->kind, "ridge");
  EXPECT_EQ(large.forecast->train_days, 500);
  EXPECT_EQ(large.portfolio->count, 12);
  const StrategyFile small = parse_strategy(starter_strategy({"demo", 20, weekdays(300)}), "s.toml");
  EXPECT_LT(small.forecast->train_days + small.forecast->valid_days + small.forecast->embargo_days +
                small.forecast->test_days,
            300);
  const StrategyFile few = parse_strategy(starter_strategy({"demo", 3, weekdays(1000)}), "s.toml");
  EXPECT_FALSE(few.forecast);
  EXPECT_EQ(few.portfolio->score, "momentum");
  EXPECT_EQ(few.broker.profile, "ib_us");
  EXPECT_THROW(starter_strategy({"demo", 3, weekdays(10)}), Error);
}

}  // namespace
}  // namespace hadal::market
