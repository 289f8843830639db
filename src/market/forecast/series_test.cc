#include <gtest/gtest.h>

#include "base/json.h"
#include "market/testing/made_source.h"

namespace hadal::market {
namespace {

StrategyFile series_strategy(const Path& file, const std::string& split, const std::string& forecast) {
  return parse_strategy(
      fmt::format("[data]\nfile = \"{}\"\ntime = \"date\"\nsplit = [{}]\n[forecast]\ntask = \"series\"\n{}",
                  file.string(), split, forecast),
      "series.toml");
}

Path write_series(size_t num_rows, const char* name) {
  Rng rng(5);
  std::string text = "a,date,b\n";
  for (size_t t = 0; t < num_rows; ++t)
    text += fmt::format("{},2016-{},{}\n", std::sin(0.26 * static_cast<double>(t)) + 0.1 * rng.normal(), t,
                        3 + rng.normal());
  const Path file = Path(HADAL_BINARY_DIR) / name;
  write_file_whole(file, text);
  return file;
}

// The definition, window by window, on a small case.
TEST(Series, RidgeMeetsItsDefinition) {
  const Path file = write_series(160, "market_series_test.csv");
  const StrategyFile strategy =
      series_strategy(file, "100, 20, 40", "kind = \"ridge\"\nlook_back = 2\nhorizon = 3\npenalty = 4\nseason = 24\n");
  const ForecastResult result = train_series(strategy);
  std::vector<std::vector<double>> x(2);
  for_each_line(file, [&](std::string_view line, int64_t n) {
    if (n == 1) return true;
    const std::string text(line);
    x[0].push_back(std::stod(text));
    x[1].push_back(std::stod(text.substr(text.rfind(',') + 1)));
    return true;
  });
  double a[2][2] = {{4, 0}, {0, 4}}, y[2][3] = {};
  for (auto& channel : x) {
    double mean = 0, variance = 0;
    for (size_t t = 0; t < 100; ++t) mean += channel[t] / 100;
    for (size_t t = 0; t < 100; ++t) variance += (channel[t] - mean) * (channel[t] - mean) / 100;
    for (double& value : channel) value = (value - mean) / std::sqrt(variance);
    for (size_t t = 0; t + 5 <= 100; ++t) {
      const double m = (channel[t] + channel[t + 1]) / 2;
      for (size_t i = 0; i < 2; ++i) {
        for (size_t j = 0; j < 2; ++j) a[i][j] += (channel[t + i] - m) * (channel[t + j] - m);
        for (size_t h = 0; h < 3; ++h) y[i][h] += (channel[t + i] - m) * (channel[t + 2 + h] - m);
      }
    }
  }
  const double det = a[0][0] * a[1][1] - a[0][1] * a[1][0];
  double squared = 0, last = 0, count = 0;
  for (const auto& channel : x) {
    for (size_t t = 118; t + 5 <= 160; ++t) {
      const double m = (channel[t] + channel[t + 1]) / 2, d[2] = {channel[t] - m, channel[t + 1] - m};
      for (size_t h = 0; h < 3; ++h, ++count) {
        const double w0 = (a[1][1] * y[0][h] - a[0][1] * y[1][h]) / det,
                     w1 = (a[0][0] * y[1][h] - a[1][0] * y[0][h]) / det;
        const double target = channel[t + 2 + h], error = m + d[0] * w0 + d[1] * w1 - target;
        squared += error * error, last += (channel[t + 1] - target) * (channel[t + 1] - target);
      }
    }
  }
  EXPECT_NEAR(result.quality.mse, squared / count, 1e-10);
  ASSERT_EQ(result.baselines.size(), 2u);
  EXPECT_NEAR(result.baselines[0].second.mse, last / count, 1e-10);
  EXPECT_EQ(result.windows[0].rows, 2 * 96);
  EXPECT_EQ(result.windows[0].train_to, "2016-99");
  EXPECT_EQ(result.windows[0].test_from, "2016-120");
  const OrderedJson json = to_json(result, "runs/x");
  for (const char* key : {"ic", "rank_ic", "by_seed", "finding"}) EXPECT_TRUE(json[key].is_null()) << key;
  EXPECT_TRUE(json["baselines"]["naive"].contains("mse"));
}

TEST(Series, NamesTheLineThatIsWrong) {
  const Path file = Path(HADAL_BINARY_DIR) / "market_series_wrong.csv";
  const auto error_of = [&](const std::string& text,
                            const std::string& forecast = "kind = \"ridge\"\nlook_back = 1\nhorizon = 1\n") {
    write_file_whole(file, text);
    try {
      train_series(series_strategy(file, "3, 0, 1", forecast));
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(error_of("date,a\n1,1\n2,1\n3,\"1,5\"\n4,2\n").find("wrong.csv:4: expected 2 columns"), std::string::npos);
  EXPECT_NE(error_of("date,a\n1,1\n2,x\n").find("wrong.csv:3: expected a number"), std::string::npos);
  EXPECT_NE(error_of("day,a\n1,1\n").find("wrong.csv:1: expected the column \"date\""), std::string::npos);
  EXPECT_NE(error_of("date,a\n1,1\n").find("expected the 4 rows that split names, found 1"), std::string::npos);
  EXPECT_NE(error_of("date,a\n", "kind = \"ridge\"\n").find("look_back + horizon = 432"), std::string::npos);
  EXPECT_EQ(error_of("date,a\n1,1\n2,2\n3,1\n4,2\n", "kind = \"naive\"\nlook_back = 1\nhorizon = 1\nseason = 2\n"),
            "no error");
}

TEST(Series, MeetsTheVectorsOfEtth1) {
  const Path shared = Path(HADAL_SOURCE_DIR) / "../shared/market";
  const Path file = shared / "ett/ETTh1.csv", vectors = shared / "vectors/ridge_etth1.json";
  if (!std::filesystem::exists(file) || !std::filesystem::exists(vectors))
    GTEST_SKIP() << "ETTh1.csv is not here: " << file.string();
  const Json known = parse_json(read_file(vectors), "vectors");
  ASSERT_EQ(known.at("cases").size(), 2u);
  for (const Json& c : known.at("cases")) {
    const ForecastResult result = train_series(series_strategy(
        file, "8640, 2880, 2880",
        fmt::format("kind = \"ridge\"\nlook_back = {}\nhorizon = {}\npenalty = {}\n", c.at("look_back").get<int>(),
                    c.at("horizon").get<int>(), c.at("penalty").get<double>())));
    EXPECT_NEAR(result.quality.mse, c.at("mse").get<double>(), 1e-9);
    EXPECT_NEAR(result.quality.mae, c.at("mae").get<double>(), 1e-9);
    EXPECT_NEAR(result.baselines[0].second.mse, c.at("last_value_mse").get<double>(), 1e-9);
  }
}

}  // namespace
}  // namespace hadal::market
