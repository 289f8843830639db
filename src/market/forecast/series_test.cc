#include <gtest/gtest.h>

#include <atomic>

#include "base/json.h"
#include "base/threads.h"
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

// Each value follows from the one before by a tent: nothing linear foretells it.
Path write_tent(const char* name) {
  double x = 0.37;
  Rng rng(3);
  std::string text = "date,a\n";
  for (size_t t = 0; t < 1200; ++t) {
    text += fmt::format("{},{}\n", t, x);
    x = std::clamp((x < 0.5 ? 1.9 * x : 1.9 * (1 - x)) + 0.01 * rng.normal(), 0.0, 1.0);
  }
  const Path file = Path(HADAL_BINARY_DIR) / name;
  write_file_whole(file, text);
  return file;
}

const std::string kMlp =
    "kind = \"mlp\"\nlook_back = 8\nhorizon = 1\npenalty = 1\nlearning_rate = 0.003\nepochs = 30\npatience = 30\n"
    "width = 32\nseason = 4\n";

TEST(Series, AnMlpLearnsWhatRidgeCannot) {
  const Path file = write_tent("market_series_tent.csv");
  const StrategyFile strategy = series_strategy(file, "800, 200, 200", kMlp + "seeds = [1, 2]\n");
  ThreadPool::set_shared_size(1);
  const ForecastResult r = train_series(strategy);
  ASSERT_EQ(r.by_seed.size(), 2u);
  ASSERT_EQ(r.baselines.size(), 3u);
  EXPECT_EQ(r.baselines[0].first, "ridge");
  for (const auto& [seed, q] : r.by_seed) EXPECT_LT(q.mse, 0.6 * r.baselines[0].second.mse) << seed;
  EXPECT_NE(r.by_seed[0].second.mse, r.by_seed[1].second.mse);
  EXPECT_LT(r.quality.mse, std::max(r.by_seed[0].second.mse, r.by_seed[1].second.mse));
  EXPECT_NE(r.headline.find("below ridge and every naive forecaster (best: \"ridge\""), std::string::npos)
      << r.headline;
  EXPECT_NE(r.headline.find("of the mean of 2 seeds' forecasts"), std::string::npos) << r.headline;
  const OrderedJson json = to_json(r, "runs/x");
  EXPECT_EQ(json["by_seed"][1]["seed"], 2);
  EXPECT_EQ(json["by_seed"][1]["mse"], r.by_seed[1].second.mse);
  EXPECT_TRUE(json["by_seed"][1]["ic"].is_null());
  ThreadPool::set_shared_size(2);
  const ForecastResult two = train_series(series_strategy(file, "800, 200, 200", kMlp));
  EXPECT_EQ(two.quality.mse, r.by_seed[0].second.mse);  // any number of threads, and of seeds beside it
}

TEST(Series, AnMlpStopsAndGoesOnToTheSameBits) {
  const Path file = write_tent("market_series_stop.csv"), folder = Path(HADAL_BINARY_DIR) / "market_series_stop";
  std::filesystem::remove_all(folder);
  const StrategyFile strategy = series_strategy(file, "800, 0, 200", kMlp + "seeds = [1, 2]\n");
  const ForecastResult whole = train_series(strategy);
  std::atomic<bool> stop = false;
  TrainOptions options;
  options.checkpoints = folder, options.key = "a", options.stop = &stop;
  options.progress = [&](const std::string&) { stop = true; };  // after the first seed
  EXPECT_THROW(train_series(strategy, options), Stopped);
  stop = false, options.progress = nullptr, options.resume = true;
  EXPECT_EQ(train_series(strategy, options).quality.mse, whole.quality.mse);
}

TEST(Series, SaysThatNothingBeatsTheLastValue) {
  Rng rng(9);
  double x = 0;
  std::string text = "date,a\n";
  for (size_t t = 0; t < 600; ++t) text += fmt::format("{},{}\n", t, x += rng.normal());
  const Path file = Path(HADAL_BINARY_DIR) / "market_series_walk.csv";
  write_file_whole(file, text);
  const ForecastResult r = train_series(series_strategy(
      file, "300, 100, 200", "kind = \"mlp\"\nlook_back = 30\nhorizon = 20\npenalty = 1\nepochs = 3\nseason = 7\n"));
  EXPECT_TRUE(r.headline.starts_with("mlp does not beat the naive forecaster \"naive\"")) << r.headline;
  EXPECT_TRUE(r.headline.ends_with(": nothing beats the last value")) << r.headline;
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
  const std::string alone =
      error_of("date,a\n1,1\n2,3\n3,2\n4,4\n", "kind = \"mlp\"\nlook_back = 1\nhorizon = 1\npenalty = 0\n");
  EXPECT_NE(alone.find("series.toml: the ridge that a network begins with: expected"), std::string::npos) << alone;
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
