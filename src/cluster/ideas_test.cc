#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/testing/scratch.h"
#include "base/text.h"
#include "cluster/simulator.h"

namespace hadal::cluster {
namespace {

const Path kLadder = Path(HADAL_SOURCE_DIR) / "tests" / "cluster" / "data" / "ladder";

std::map<std::string, double> final_values(const Path& file) {
  std::map<std::string, double> values;
  for_each_line(file, [&](std::string_view line, int64_t number) {
    if (number > 1) values[split(line, ',').front()] = std::stod(split(line, ',').back());
    return true;
  });
  return values;
}

TEST(Ideas, TheBestIsFoundAtASixthOfTheCost) {
  for (const char* set : {"a.csv", "b.csv"}) {
    const auto values = final_values(kLadder / set);
    double best = 1e9;
    for (const auto& [idea, value] : values)
      if (value < best) best = value;  // false for nan
    const OrderedJson result = simulate_ideas({.ideas = kLadder / set, .slots = 8, .free_share = .375});
    EXPECT_LE(values.at(result["winner"].get<std::string>()), best + .002) << set;
    EXPECT_LE(result["cost_units"].get<double>(), .16 * 81 * static_cast<double>(values.size())) << set;
    EXPECT_LE(result["first_start_wait_max_s"].get<double>(), 900) << set;
    for (const OrderedJson& decision : result["decisions"]) EXPECT_NE(decision["reason"], "");
  }
}

TEST(Ideas, WhoWorksAloneIsNeverStopped) {
  const test::ScratchFolder folder;
  std::string file = "idea,person,arrives_s,seconds_per_unit", row = "\nonly,ada,100,10";
  for (int unit = 1; unit <= 9; ++unit) {
    file += fmt::format(",{}", unit);
    row += fmt::format(",{}", 2 - .1 * unit);
  }
  write_file_whole(folder.path() / "one.csv", file + row + "\n");
  const OrderedJson result = simulate_ideas({.ideas = folder.path() / "one.csv", .slots = 2});
  EXPECT_EQ(result["cost_units"], 9);
  EXPECT_EQ(result["winner"], "only");
  EXPECT_EQ(result["first_start_wait_max_s"], 0);
}

TEST(Ideas, MistakesInTheFileAreNamed) {
  const test::ScratchFolder folder;
  const auto mistake = [&folder](const std::string& text) -> std::string {
    write_file_whole(folder.path() / "ideas.csv", text);
    try {
      simulate_ideas({.ideas = folder.path() / "ideas.csv"});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string header = "idea,person,arrives_s,seconds_per_unit,1,2,3\n";
  EXPECT_EQ(mistake(header + "x,ada,0,10,3,nan,2\n"), "");
  const auto expect = [&](const std::string& text, const std::string& words) {
    EXPECT_NE(mistake(text).find(words), std::string::npos) << mistake(text);
  };
  expect(header + "x,ada,0,0,3,2,1\n",
         "ideas.csv: line 2, column seconds_per_unit: expected a number above 0, found 0");
  expect(header + "x,ada,0,10,3,low,1\n", "line 2, column 2: expected a number or nan, found low");
  expect(header + "x,ada,0,10,3,2,1\nx,bob,0,10,3,2,1\n",
         "line 3, column idea: expected a name that no other idea has");
  expect("idea,person,arrives_s,seconds_per_unit,1,3\nx,ada,0,10,3,2\n",
         "line 1: expected the columns 1, 2, ... to the last unit at the end, found 3 after 1");
}

}  // namespace
}  // namespace hadal::cluster
