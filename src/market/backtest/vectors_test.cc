// The engine against figures that others computed: a plain decimal reference of the rules, and LEAN itself.
#include <gtest/gtest.h>
#include <zip.h>

#include <cstdlib>
#include <fstream>

#include "base/json.h"
#include "market/backtest.h"
#include "market/backtest/testing/plain_feed.h"

namespace hadal::market {
namespace {

const Path kTests = Path(HADAL_SOURCE_DIR) / "tests/market";

Broker broker_of(const Json& settings) {
  Broker broker = broker_profile(settings.at("profile").get<std::string>(), "vector");
  broker.cash = dec(settings.at("cash").get<std::string>());
  const auto read = [&](const char* key, Decimal& value) {
    if (settings.contains(key)) value = dec(settings.at(key).get<std::string>());
  };
  read("slippage_bps", broker.slippage_bps);
  read("participation", broker.participation);
  read("borrow_rate", broker.borrow_rate);
  return broker;
}

TEST(BacktestVectors, ScenarioOfAllOrderTypes) {
  const Json scenario = parse_json(read_file(kTests / "scenario/scenario.json"), "scenario.json");
  const Feed feed = read_plain_feed(kTests / "scenario/bars.csv", kTests / "scenario/actions.csv",
                                    scenario.at("symbols").get<std::vector<std::string>>());
  const Broker broker = broker_of(scenario.at("broker"));
  Schedule schedule = read_schedule(kTests / "scenario/scenario_orders.csv", feed);
  const auto strategy = scheduled_strategy(schedule, broker, &feed);
  const BacktestResult result = run_backtest(feed, broker, *strategy);
  const Json& expect = scenario.at("expect");
  ASSERT_EQ(result.fills.size(), expect.at("fills").size());
  for (size_t i = 0; i < result.fills.size(); ++i) {
    const Fill& fill = result.fills[i];
    const Json& wanted = expect.at("fills")[i];
    EXPECT_EQ(date_text(fill.date), wanted.at("time").get<std::string>()) << i;
    EXPECT_EQ(fill.symbol, wanted.at("symbol").get<std::string>()) << i;
    EXPECT_EQ(fill.quantity, dec(wanted.at("quantity").get<std::string>())) << i << ": " << fill.quantity.text();
    EXPECT_EQ(fill.price, dec(wanted.at("price").get<std::string>())) << i << ": " << fill.price.text();
    EXPECT_EQ(fill.fee, dec(wanted.at("fee").get<std::string>())) << i << ": " << fill.fee.text();
    EXPECT_EQ(fill.order, wanted.at("order").get<int64_t>()) << i;
  }
  EXPECT_EQ(result.end_equity.text(), "9995504.41565169");
  for (const auto& [key, value] : {std::pair{"end_equity", result.end_equity},
                                   {"fees", result.fees},
                                   {"borrow", result.borrow},
                                   {"dividends", result.dividends},
                                   {"slippage", result.slippage}})
    EXPECT_EQ(value, dec(expect.at(key).get<std::string>())) << key << ": " << value.text();
  EXPECT_EQ(static_cast<int64_t>(result.orders.size()), expect.at("orders").get<int64_t>());

  // The orders that it writes are an order file that gives the same ledger.
  const Path again = Path(testing::TempDir()) / "scenario_again.csv";
  write_file_whole(again, result.orders_csv());
  const auto second = scheduled_strategy(read_schedule(again, feed), broker, &feed);
  EXPECT_EQ(run_backtest(feed, broker, *second).ledger_sha256(), result.ledger_sha256());
}

// ---- LEAN, whose bars are its vendor's: they are read from where HADAL_LEAN_DATA says

std::string unzipped(const Path& file) {
  int error = 0;
  zip_t* archive = zip_open(file.c_str(), ZIP_RDONLY, &error);
  if (archive == nullptr) fail("{}: expected a zip", file.string());
  zip_stat_t stat;
  zip_stat_init(&stat);
  zip_stat_index(archive, 0, 0, &stat);
  std::string text(stat.size, '\0');
  zip_file_t* entry = zip_fopen_index(archive, 0, 0);
  const zip_int64_t got = zip_fread(entry, text.data(), text.size());
  zip_fclose(entry);
  zip_close(archive);
  if (got != static_cast<zip_int64_t>(text.size())) fail("{}: half a zip", file.string());
  return text;
}

struct FactorRow {
  Date last = 0;  // day
  double price = 1, split = 1;
};

Date lean_date(const std::string& text) {
  return date(std::stoi(text.substr(0, 4)), std::stoi(text.substr(4, 2)), std::stoi(text.substr(6, 2)));
}

Feed lean_feed(const Path& data, const std::string& symbol, bool back, Date from, Date to) {
  std::string name = symbol;
  for (char& c : name) c = static_cast<char>(std::tolower(c));
  std::vector<FactorRow> factors;
  for_each_line(data / "factor_files" / (name + ".csv"), [&](std::string_view line, int64_t) {
    const auto cells = split(line, ',');
    factors.push_back({lean_date(cells[0]), std::stod(cells[1]), std::stod(cells[2])});
    return true;
  });
  FeedBuilder feed({symbol});
  double last_close = 0;
  size_t row = 0;
  for (const std::string& line : split(unzipped(data / "daily" / (name + ".zip")), '\n')) {
    const auto cells = split(line, ',');
    if (cells.size() < 6) continue;
    const Date day = lean_date(cells[0]);
    bool stepped = false;
    while (row + 1 < factors.size() && factors[row].last < day) {
      ++row;
      stepped = true;
    }
    double price[4];
    for (size_t i = 0; i < 4; ++i) price[i] = std::stod(cells[i + 1]) / 10000;
    const double close = price[3];
    if (day >= from && day <= to) {
      feed.session(date_text(day));
      if (stepped && !back && factors[row - 1].price != factors[row].price) {
        const double ratio = factors[row - 1].price / factors[row].price;
        feed.dividend(round_half_even(Decimal::of_double(last_close - last_close * ratio), 2).text());
      }
      if (back)
        for (double& p : price) p *= factors[row].price * factors[row].split;
      feed.bar(price[0], price[1], price[2], price[3], std::stod(cells[5]));
    }
    last_close = close;
  }
  return feed.feed();
}

Schedule schedule_of(const Json& vector) {
  Schedule schedule;
  schedule.file = vector.at("name").get<std::string>();
  for (const Json& t : vector.at("targets").is_null() ? Json::array() : vector.at("targets"))
    schedule.targets.push_back({.date = parse_date(t.at("date").get<std::string>()).value(),
                                .weight = dec(t.at("weight").get<std::string>())});
  for (const Json& o : vector.at("orders").is_null() ? Json::array() : vector.at("orders"))
    schedule.orders.push_back({.date = parse_date(o.at("date").get<std::string>()).value(),
                               .order = {.quantity = dec(o.at("quantity").get<std::string>()),
                                         .type = OrderType::stop_limit,
                                         .limit = dec(o.at("limit").get<std::string>()),
                                         .stop = dec(o.at("stop").get<std::string>()),
                                         .tif = TimeInForce::gtc}});
  return schedule;
}

TEST(BacktestVectors, LeansOwnEndEquity) {
  const char* data = std::getenv("HADAL_LEAN_DATA");
  if (data == nullptr) GTEST_SKIP() << "needs LEAN's daily bars: set HADAL_LEAN_DATA to their folder";
  for (const Json& vector : parse_json(read_file(kTests / "vectors/lean.json"), "lean.json")) {
    const std::string name = vector.at("name").get<std::string>();
    const auto day = [&](const char* key) { return parse_date(vector.at(key).get<std::string>()).value(); };
    const Feed feed = lean_feed(data, vector.at("symbols")[0].get<std::string>(), vector.at("prices") == "back",
                                day("start"), day("end"));
    Broker broker = broker_profile("lean", "vector");
    broker.cash = dec(vector.at("cash").get<std::string>());
    const auto strategy = scheduled_strategy(schedule_of(vector), broker, &feed);
    const BacktestResult result = run_backtest(feed, broker, *strategy);
    const Json& expect = vector.at("expect");
    EXPECT_EQ(round_half_even(result.end_equity, 2), dec(expect.at("end_equity").get<std::string>()))
        << name << ": " << result.end_equity.text();
    // Its fee of 3.485 is shown as 3.49.
    EXPECT_LE(abs(result.fees - dec(expect.at("fees").get<std::string>())), dec("0.005")) << result.fees.text();
    EXPECT_EQ(result.fills.size(), expect.at("fills").get<size_t>()) << name;
    const auto dividends = expect.at("dividends").get<std::string>();
    EXPECT_EQ(result.dividends, dec(dividends == "0E-8" ? "0" : dividends)) << name << ": " << result.dividends.text();
  }
}

}  // namespace
}  // namespace hadal::market
