// Research over HTTP, by its table of routes, without sockets.
#include "cli/research_routes.h"

#include <gtest/gtest.h>

#include <set>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "server/testing/recorder.h"

namespace hadal {
namespace {

constexpr const char* kQuestion = R"({"question": "Which pump did we choose?"})";

class ResearchDeskTest : public ::testing::Test {
 protected:
  ResearchDeskTest() {
    std::filesystem::create_directories(scratch_ / "notes");
    write_file_whole(scratch_ / "notes/pump.md", "# The pump\n\nWe chose the pump P-12 in March.\n");
  }
  ResearchDeskOptions options() {
    return {.folder = scratch_ / "runs", .sources = {"folder:" + (scratch_ / "notes").string()}, .at_once = 1};
  }
  Recorder ask(const RouteTable& table, const std::string& method, const std::string& path,
               const std::string& body = "") {
    Recorder recorder;
    play(table, {.method = method, .target = path, .host = "", .origin = "", .authorization = "", .body = body},
         recorder);
    return recorder;
  }
  std::string begin(const RouteTable& table, const std::string& body = kQuestion) {
    const Recorder reply = ask(table, "POST", "/v1/research", body);
    EXPECT_EQ(reply.whole.status, 202) << reply.whole.body;
    return reply.json().at("id");
  }
  // Follows it to its end, and gives its last event.
  Json end_of(const RouteTable& table, const std::string& id) {
    const Recorder events = ask(table, "GET", "/v1/research/" + id + "/events");
    EXPECT_FALSE(events.events.empty()) << events.whole.body;
    return events.events.empty() ? Json() : parse_json(events.events.back(), "the last event");
  }
  test::ScratchFolder scratch_;
};

TEST_F(ResearchDeskTest, TheSameQuestionAskedAgainIsARunOfItsOwn) {
  ResearchDesk desk(options());
  const RouteTable table(desk.routes());
  std::set<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.insert(begin(table));
  ASSERT_EQ(ids.size(), 4u);
  for (const std::string& id : ids) {
    EXPECT_EQ(end_of(table, id).at("state"), "done");
    EXPECT_HAS(ask(table, "GET", "/v1/research/" + id + "/report.md").whole.body, "P-12");
  }
  EXPECT_EQ(ask(table, "GET", "/v1/research").json().at("runs").size(), 4u);
}

TEST_F(ResearchDeskTest, OfAFinishedRunItsFolderTells) {
  ResearchDesk desk(options());
  const RouteTable table(desk.routes());
  const std::string first = begin(table);
  EXPECT_EQ(end_of(table, first).at("pages"), 0) << "one of this process has its progress";
  end_of(table, begin(table));
  const Json past = ask(table, "GET", "/v1/research/" + first).json();
  EXPECT_EQ(past.at("state"), "done");
  EXPECT_TRUE(past.contains("started")) << past.dump();
  EXPECT_FALSE(past.contains("pages")) << past.dump();
  EXPECT_EQ(end_of(table, first).at("state"), "done") << "its events are read from its journal";
}

TEST_F(ResearchDeskTest, WhatFailsIsSaid) {
  ResearchDeskOptions broken = options();
  broken.sources = {"folder:" + (scratch_ / "gone").string()};
  ResearchDesk desk(std::move(broken));
  const RouteTable table(desk.routes());
  const std::string id = begin(table);
  EXPECT_EQ(end_of(table, id).at("state"), "failed");
  begin(table);
  EXPECT_HAS(ask(table, "GET", "/v1/research/" + id).json().at("error").get<std::string>(), "gone");
  for (const char* body : {R"({"question": " "})", R"({"question": "??"})", "{}", R"({"question": 7})", "["})
    EXPECT_EQ(ask(table, "POST", "/v1/research", body).whole.status, 400) << body;
  EXPECT_EQ(ask(table, "GET", "/v1/research/none").whole.status, 404);
}

}  // namespace
}  // namespace hadal
