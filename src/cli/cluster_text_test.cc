#include "cli/cluster_text.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "cli/cluster_client.h"
#include "cli/cluster_routes.h"
#include "cli/command_line.h"
#include "cluster/daemon.h"

namespace hadal {
namespace {

TEST(ClusterText, SizesAreReadByUnit) {
  EXPECT_EQ(parse_memory("2G", "--memory"), int64_t{2} << 30);
  EXPECT_EQ(parse_memory("512M", "--memory"), int64_t{512} << 20);
  EXPECT_EQ(parse_memory("1.5GiB", "--memory"), int64_t{3} << 29);
  EXPECT_EQ(parse_memory("4096", "--memory"), 4096);
  for (const char* text : {"", "G", "-2G", "2X", "2GG", "0", "nan", "2 G", "1e30T"})
    EXPECT_THROW(parse_memory(text, "--memory"), BadValue) << text;
}

TEST(ClusterText, SpansOfTimeAreReadByUnit) {
  EXPECT_EQ(parse_time_span("2h", "--time"), 7200);
  EXPECT_EQ(parse_time_span("90m", "--time"), 5400);
  EXPECT_EQ(parse_time_span("1d", "--time"), 86400);
  EXPECT_EQ(parse_time_span("1h30m", "--time"), 5400);
  EXPECT_EQ(parse_time_span("0.5s", "--time"), .5);
  for (const char* text : {"", "90", "h", "2 h", "-1h", "0h", "1w", "1h-5m", "inf", "99999999999d"})
    EXPECT_THROW(parse_time_span(text, "--time"), BadValue) << text;
}

TEST(ClusterText, DatesLieAhead) {
  const double now = 1'790'000'000;  // in September 2026
  EXPECT_EQ(parse_until("7d", "--until", now), now + 7 * 86400);
  const double day = parse_until("2026-12-24", "--until", now), time = parse_until("2026-12-24T18:00", "--until", now);
  EXPECT_EQ(day - time, 6 * 3600);
  EXPECT_EQ(clock_text(time), "2026-12-24 18:00:00");
  for (const char* text : {"", "2026-01-01", "tomorrow", "2026-12-24x", "2026-13-24"})
    EXPECT_THROW(parse_until(text, "--until", now), BadValue) << text;
}

TEST(ClusterText, CellsKeepTheirWidth) {
  EXPECT_EQ(cell("abc", 5), "abc  ");
  EXPECT_EQ(cell("", 3), "-  ");
  EXPECT_EQ(cell("abcdef", 4), "abc…");
  EXPECT_EQ(cell("äöüß", 4), "äöüß");
  EXPECT_EQ(cell("äöüßä", 4), "äöü…");
}

TEST(ClusterText, FiguresAreShort) {
  EXPECT_EQ(figure_text(OrderedJson(1.4567891)), "1.4568");
  EXPECT_EQ(figure_text(OrderedJson(12)), "12");
  EXPECT_EQ(figure_text(OrderedJson()), "-");
  EXPECT_EQ(tokens_text(950), "950");
  EXPECT_EQ(tokens_text(6'200'000), "6.2M");
  EXPECT_EQ(core_hours_text(0), "0");
  EXPECT_EQ(core_hours_text(1.37e-5), "<0.0001");
  EXPECT_EQ(core_hours_text(.014209), "0.0142");
  EXPECT_EQ(core_hours_text(12.5), "12.50");
  EXPECT_EQ(core_hours_text(48'210.4), "48210");
  EXPECT_EQ(joules_text(40.92), "41 J");
  EXPECT_EQ(joules_text(3240), "3.2 kJ");
  EXPECT_EQ(joules_text(4.5e6), "1.25 kWh");
  EXPECT_EQ(money_text(0), "0.00");
  EXPECT_EQ(money_text(7.4e-5), "<0.0001");
  EXPECT_EQ(money_text(.000299), "0.0003");
  EXPECT_EQ(money_text(12.5), "12.50");
}

TEST(ClusterRoutes, TakeAsLargeASubmissionAsIsMade) {
  int found = 0;
  for (const Route& route : cluster_routes([]() -> cluster::Daemon* { return nullptr; }))
    if (route.method == "POST" && route.path == "/api/cluster/{path...}") {
      ++found;
      EXPECT_EQ(route.max_body_bytes, static_cast<uint64_t>(cluster::kMaxSubmissionBytes));
    }
  EXPECT_EQ(found, 1);
}

TEST(ClusterClient, FindsTheCluster) {
  EXPECT_EQ(find_cluster("https://host:8090/").url, "https://host:8090");
  EXPECT_TRUE(find_cluster("https://host:8090").folder.empty());
  EXPECT_EQ(find_cluster("/a/b/../c").folder, "/a/c");
  EXPECT_THROW(find_cluster("ftp://host"), Error);
  ::setenv("HADAL_CLUSTER", "/of/mine", 1);
  EXPECT_EQ(find_cluster("").folder, "/of/mine");
  ::unsetenv("HADAL_CLUSTER");
}

TEST(ClusterClient, StoresTokensForItsOwnerAlone) {
  const test::ScratchFolder folder;
  const std::string before = std::getenv("HOME") ? std::getenv("HOME") : "";
  ::setenv("HOME", folder.path().c_str(), 1);
  store_cluster_token("https://a", "one");
  store_cluster_token("https://b", "two");
  EXPECT_EQ(cluster_token("https://a"), "one");
  EXPECT_EQ(cluster_token("https://b"), "two");
  EXPECT_EQ(cluster_token("https://c"), "");
  const auto mode = std::filesystem::status(folder / ".config/hadal/cluster_tokens.json").permissions();
  EXPECT_EQ(mode & std::filesystem::perms::mask, std::filesystem::perms(0600));
  ::setenv("HOME", before.c_str(), 1);
}

TEST(ClusterClient, SaysThatNoDaemonIsThere) {
  const test::ScratchFolder folder;
  ClusterClient client(ClusterPlace{folder.path(), ""});
  EXPECT_FALSE(client.answers());
  EXPECT_HAS(test::error_of([&] { client.get("status"); }), "cluster serve --dir " + folder.path().string());
}

}  // namespace
}  // namespace hadal
