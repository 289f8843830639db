#include "rl/run_curves.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>

namespace hadal::rl {
namespace {

TEST(RunCurves, AreThoseOfTheMetrics) {
  const Path file = std::filesystem::temp_directory_path() / ("hadal_curves_" + std::to_string(::getpid()));
  write_file_whole(file,
                   "{\"step\":1,\"train/reward\":0.25}\n{\"step\":2,\"train/reward\":null,\"train/entropy\":1.5}\n"
                   "{\"step\":3,\"train/reward\":0.5}\n{\"step\":4,\"tr");
  const std::vector<RunMetrics> runs = {{"one", file}, {"two", file}};
  const std::vector<std::string> figures = {"train/reward", "train/no_such_figure", "train/entropy"};
  const std::vector<Plot> plots = plots_of(runs, figures);
  std::filesystem::remove(file);
  ASSERT_EQ(plots.size(), 2u);
  EXPECT_EQ(plots[0].title, "reward");
  ASSERT_EQ(plots[0].series.size(), 2u);
  EXPECT_EQ(plots[0].series[1].name, "two");
  const auto& points = plots[0].series[0].points;
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[0], (std::pair{1.0, 0.25}));
  EXPECT_TRUE(std::isnan(points[1].second));
  EXPECT_EQ(points[2], (std::pair{3.0, 0.5}));
  EXPECT_EQ(plots[1].series[0].points.size(), 1u);
}

TEST(RunCurves, OfARunLieInItsFolder) {
  const Path run = std::filesystem::temp_directory_path() / ("hadal_curves_run_" + std::to_string(::getpid()));
  std::filesystem::create_directories(run);
  write_run_curves(run, "none");
  EXPECT_FALSE(std::filesystem::exists(run / "curves.svg"));
  write_file_whole(run / "metrics.jsonl", "{\"step\":1,\"train/reward\":0.25}\n{\"step\":2,\"train/reward\":0.5}\n");
  write_run_curves(run, "some");
  const std::string svg = read_file(run / "curves.svg");
  std::filesystem::remove_all(run);
  EXPECT_TRUE(svg.starts_with("<svg"));
  EXPECT_NE(svg.find(">reward</text>"), std::string::npos);
  EXPECT_EQ(svg.find(">entropy</text>"), std::string::npos);
}

}  // namespace
}  // namespace hadal::rl
