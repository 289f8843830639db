// An endpoint as teacher: what it is sent, how its replies are read, what is tried again, and who is not asked at all.
#include <gtest/gtest.h>

#include "base/json.h"
#include "net/testing/test_server.h"
#include "rl/teach/teacher.h"
#include "train/testing/test_support.h"

namespace hadal::rl {
namespace {

using test::Connection;
using test::error_of;
using test::expect_contains;
using test::Request;
using test::Server;

net::HttpOptions quick() {
  net::HttpOptions http;
  http.connect_timeout_ms = 5000;
  http.max_failures = 3;
  http.first_wait_ms = 1;
  return http;
}

std::string completion(const Json& message, const std::string& finish = "stop") {
  return dump_json(Json{{"choices", Json::array({{{"index", 0}, {"message", message}, {"finish_reason", finish}}})},
                        {"usage", {{"completion_tokens", 11}}}});
}

TeacherSpec spec_of(const std::string& url, const std::string& model = "big") {
  TeacherSpec spec;
  spec.kind = TeacherSpec::Kind::endpoint;
  spec.name = url, spec.model = model, spec.where = "r.toml:3", spec.parallel = 3, spec.timeout_seconds = 5;
  return spec;
}

std::vector<std::vector<TeacherReply>> ask(const TeacherSpec& spec, std::vector<std::string> questions,
                                           int64_t samples = 2) {
  const auto teacher = endpoint_teacher(spec, {.samples = samples, .temperature = 0.7}, quick(), nullptr);
  return teacher->replies(questions, std::vector<uint64_t>(questions.size(), 40)).value();
}

TEST(EndpointTeacher, AsksEachSampleByItself) {
  Server server([](Connection& c, const Request& r) {
    const std::string question = parse_json(r.body, "test")["messages"][0]["content"];
    c.reply(200, "", completion({{"role", "assistant"}, {"reasoning_content", "as " + question}, {"content", "7"}}));
  });
  const auto replies = ask(spec_of(server.url("/v1")), {"a", "b"});
  ASSERT_EQ(replies.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(replies[i].size(), 2u);
    for (const TeacherReply& reply : replies[i]) {
      EXPECT_EQ(reply.text, i == 0 ? "<think>as a</think>7" : "<think>as b</think>7");
      EXPECT_TRUE(reply.finished);
      EXPECT_EQ(reply.tokens, 11);
    }
  }
  std::multiset<uint64_t> seeds;
  for (const Request& request : server.requests()) {
    EXPECT_EQ(request.target, "/v1/chat/completions");
    const Json body = parse_json(request.body, "test");
    EXPECT_EQ(body["model"], "big");
    EXPECT_EQ(body["temperature"], 0.7);
    EXPECT_EQ(body["max_tokens"], 576);
    seeds.insert(body["seed"].get<uint64_t>());
  }
  EXPECT_EQ(seeds, (std::multiset<uint64_t>{40, 40, 41, 41}));
}

TEST(EndpointTeacher, ReadsWhatServersReply) {
  struct Case {
    std::string body, text;
    bool finished;
  };
  const std::vector<Case> cases = {
      {completion({{"content", "7"}}), "7", true},
      {completion({{"content", "7"}, {"reasoning_content", nullptr}}), "7", true},
      {completion({{"content", "7"}, {"reasoning", "so"}}), "<think>so</think>7", true},
      {completion({{"content", "<think>so</think>7"}}), "<think>so</think>7", true},
      {completion({{"content", nullptr}, {"reasoning_content", "so"}}, "length"), "<think>so</think>", false}};
  for (const Case& c : cases) {
    Server server([&](Connection& connection, const Request&) { connection.reply(200, "", c.body); });
    const TeacherReply reply = ask(spec_of(server.url("/v1")), {"q"}, 1)[0][0];
    EXPECT_EQ(reply.text, c.text);
    EXPECT_EQ(reply.finished, c.finished);
  }
  for (const char* body : {"[]", "{\"choices\": []}", "<html>", "{\"choices\": [{\"message\": 3}]}"}) {
    Server server([&](Connection& connection, const Request&) { connection.reply(200, "", body); });
    EXPECT_NE(error_of([&] { ask(spec_of(server.url("/v1")), {"q"}); }), "") << body;
  }
}

TEST(EndpointTeacher, TakesTheFirstModelThatIsListed) {
  Server server([](Connection& c, const Request& r) {
    if (r.method == "GET") return c.reply(200, "", R"({"data": [{"id": "only"}]})");
    c.reply(200, "", completion({{"content", parse_json(r.body, "test")["model"]}}));
  });
  EXPECT_EQ(ask(spec_of(server.url("/v1"), ""), {"q"})[0][0].text, "only");
  Server without([](Connection& c, const Request&) { c.reply(404); });
  expect_contains(error_of([&] { ask(spec_of(without.url("/v1"), ""), {"q"}); }), {"r.toml:3", "404", "teacher_model"});
}

TEST(EndpointTeacher, TriesAgainWhatMaySucceedLater) {
  std::atomic<int> count = 0;
  Server server([&](Connection& c, const Request&) {
    const int n = count++;
    if (n == 0) return c.reply(503);
    if (n == 1) return;  // closed without an answer
    c.reply(200, "", completion({{"content", "7"}}));
  });
  EXPECT_EQ(ask(spec_of(server.url("/v1")), {"q"}, 1)[0][0].text, "7");
  EXPECT_EQ(count.load(), 3);

  Server busy([](Connection& c, const Request&) { c.reply(429); });
  expect_contains(error_of([&] { ask(spec_of(busy.url("/v1")), {"q"}, 1); }), {"429", "given up after 3 tries"});
  EXPECT_EQ(busy.requests().size(), 3u);
}

TEST(EndpointTeacher, LeavesOutQuestionsThatAreRefused) {
  Server server([](Connection& c, const Request& r) {
    if (parse_json(r.body, "test")["messages"][0]["content"] != "long")
      return c.reply(200, "", completion({{"content", "7"}}));
    c.reply(400, "", R"({"error": {"message": "the prompt is too long"}})");
  });
  const auto teacher = endpoint_teacher(spec_of(server.url("/v1")), {.samples = 2}, quick(), nullptr);
  const auto sizes = [&](const std::vector<std::string>& questions) {
    std::vector<size_t> sizes;
    const auto all = teacher->replies(questions, std::vector<uint64_t>(questions.size(), 1));
    for (const auto& replies : all.value()) sizes.push_back(replies.size());
    return sizes;
  };
  const std::vector<std::string> seven(7, "long");
  EXPECT_EQ(sizes({"a", "long", "b"}), (std::vector<size_t>{2, 0, 2}));
  EXPECT_EQ(sizes(seven), std::vector<size_t>(7, 0));
  EXPECT_EQ(sizes({"a"}), std::vector<size_t>{2});
  EXPECT_EQ(sizes(seven), std::vector<size_t>(7, 0));
  expect_contains(error_of([&] { sizes({"long"}); }),
                  {"r.toml:3", "400", "the prompt is too long", "8 questions in a row"});
}

TEST(EndpointTeacher, StopsWhereItIsToldTo) {
  std::atomic<bool> stop = false;
  Server server([&](Connection& c, const Request&) {
    stop = true;
    c.hang();
  });
  const auto teacher = endpoint_teacher(spec_of(server.url("/v1")), {.samples = 2}, quick(), &stop);
  const std::vector<std::string> questions = {"q"};
  EXPECT_FALSE(teacher->replies(questions, std::vector<uint64_t>{1}));
}

TEST(EndpointTeacher, AsksNobodyElsewhere) {
  for (const char* url : {"http://192.0.2.7:8080/v1", "http://[2001:db8::1]:8080/v1", "http://[::ffff:10.0.0.1]/v1"}) {
    SCOPED_TRACE(url);
    try {
      ask(spec_of(url), {"q"});
      ADD_FAILURE() << "it was asked";
    } catch (const net::AddressRefused& error) {
      expect_contains(error.what(), {"on this machine alone", "127.0.0.0/8"});
    }
  }
}

}  // namespace
}  // namespace hadal::rl
