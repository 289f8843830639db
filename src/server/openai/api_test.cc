#include "server/openai/api.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "server/page_routes.h"
#include "server/testing/recorder.h"
#include "server/testing/test_backend.h"

namespace hadal {
namespace {

class ApiTest : public testing::Test {
 protected:
  Recorder ask(const std::string& method, const std::string& target, const std::string& body = "") {
    Recorder recorder;
    play(table, {method, target, "localhost", "", "", body}, recorder);
    return recorder;
  }
  Recorder chat(const std::string& text, Json fields = Json::object()) {
    fields["messages"] = Json::array({{{"role", "user"}, {"content", text}}});
    return ask("POST", "/v1/chat/completions", fields.dump());
  }
  static std::vector<Route> routes(ChatBackend& backend) {
    std::vector<Route> all = openai_routes(backend, {.model_name = "org/echo"});
    for (Route& route : page_routes()) all.push_back(std::move(route));
    return all;
  }
  EchoBackend backend;
  const RouteTable table{routes(backend)};
};

TEST_F(ApiTest, AnswersAChat) {
  Json json = chat("hello", {{"model", "org/echo"}}).json();
  EXPECT_EQ(json["object"], "chat.completion");
  EXPECT_EQ(json["model"], "org/echo");
  EXPECT_EQ(json["choices"][0]["message"], Json({{"role", "assistant"}, {"content", "hello"}, {"refusal", nullptr}}));
  EXPECT_EQ(json["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(json["usage"], Json({{"prompt_tokens", 5},
                                 {"completion_tokens", 5},
                                 {"total_tokens", 10},
                                 {"completion_tokens_details", {{"reasoning_tokens", 0}}}}));
}

TEST_F(ApiTest, TellsThoughtsFromTheAnswer) {
  const char* reply = "<think>\nhm\n</think>\n\nyes";
  EXPECT_EQ(chat(reply).json()["choices"][0]["message"],
            Json({{"role", "assistant"}, {"content", "yes"}, {"reasoning_content", "hm"}, {"refusal", nullptr}}));
  EXPECT_EQ(chat(reply, {{"reasoning_format", "none"}}).json()["choices"][0]["message"],
            Json({{"role", "assistant"}, {"content", reply}, {"refusal", nullptr}}));
  std::string thoughts, text;
  for (const std::string& event : chat(reply, {{"stream", true}}).events) {
    if (event == "[DONE]") break;
    const Json delta = Json::parse(event)["choices"][0]["delta"];
    if (delta.contains("reasoning_content")) {
      EXPECT_EQ(text, "");
      thoughts += delta["reasoning_content"];
    } else {
      text += delta.value("content", "");
    }
  }
  EXPECT_EQ(thoughts, "hm");
  EXPECT_EQ(text, "yes");
}

TEST_F(ApiTest, CountsTokensOfThoughts) {
  backend.thinks = true;
  const Json counted = {{"reasoning_tokens", 2}};
  EXPECT_EQ(chat("hm>yes").json()["usage"]["completion_tokens_details"], counted);
  EXPECT_EQ(chat("hm>yes", {{"n", 3}}).json()["usage"]["completion_tokens_details"]["reasoning_tokens"], 6);
  EXPECT_EQ(chat("hm", {{"reasoning_format", "none"}}).json()["usage"]["completion_tokens_details"], counted);
  const Recorder streamed = chat("hm>yes", {{"stream", true}, {"stream_options", {{"include_usage", true}}}});
  const Json last = Json::parse(streamed.events.at(streamed.events.size() - 2));
  EXPECT_EQ(last["usage"]["completion_tokens_details"], counted);
  EXPECT_FALSE(
      ask("POST", "/v1/completions", R"({"prompt": "a"})").json()["usage"].contains("completion_tokens_details"));
}

// Of the 100 tokens of the context the prompt takes 20; three quarters of the rest are the budget.
TEST_F(ApiTest, ThoughtsHaveABudget) {
  backend.thinks = true;
  const auto budget = [&](Json fields) {
    EXPECT_EQ(chat(std::string(20, 'q'), std::move(fields)).whole.status, 200);
    return backend.asked.think_tokens;
  };
  EXPECT_EQ(budget({}), 60);
  EXPECT_EQ(backend.asked.think_end, '>');
  EXPECT_EQ(backend.asked.think_begin, -1);
  EXPECT_EQ(budget({{"max_tokens", 40}}), 30);
  EXPECT_EQ(budget({{"max_tokens", 90}}), 60);
  EXPECT_EQ(budget({{"max_thinking_tokens", 8}}), 8);
  EXPECT_EQ(budget({{"max_thinking_tokens", 0}}), 0);
  EXPECT_EQ(budget({{"max_thinking_tokens", 60}, {"max_tokens", 61}}), 60);
  EXPECT_EQ(budget({{"max_thinking_tokens", 1000}}), 60);  // a quarter is left for the answer
  EXPECT_EQ(budget({{"max_thinking_tokens", 1000}, {"reasoning_effort", "medium"}}), 30);
  EXPECT_EQ(budget({{"reasoning_effort", "high"}}), 60);
  EXPECT_EQ(budget({{"reasoning_effort", "medium"}}), 30);
  EXPECT_EQ(budget({{"reasoning_effort", "low"}}), 15);
  EXPECT_EQ(budget({{"reasoning_effort", "low"}, {"max_thinking_tokens", 9}}), 2);
  EXPECT_EQ(budget({{"reasoning", {{"effort", "medium"}}}}), 30);
  EXPECT_EQ(budget({{"thinking", {{"type", "enabled"}}}}), 60);
  EXPECT_EQ(backend.asked.think_end, '>');
  for (const Json& off : {Json{{"thinking", {{"type", "disabled"}}}}, Json{{"reasoning_effort", "none"}},
                          Json{{"reasoning", {{"enabled", false}}}}, Json{{"think", false}},
                          Json{{"thinking", {{"type", "disabled"}}}, {"reasoning_effort", "high"}}}) {
    EXPECT_EQ(budget(off), 0) << off;
    EXPECT_EQ(backend.asked.think_end, -1) << off;  // the template did not open thoughts
  }
  EXPECT_EQ(budget({{"thinking", {{"type", "disabled"}}}, {"chat_template_kwargs", {{"thinking", true}}}}), 0);
  EXPECT_EQ(backend.asked.think_end, '>');  // it opened them all the same
}

TEST_F(ApiTest, ThinkingIsRefusedWhereTheModelCannot) {
  EXPECT_EQ(ask("GET", "/v1/models").json()["data"][0]["thinking"], false);
  const Json error = chat("x", {{"thinking", {{"type", "enabled"}}}}).json()["error"];
  EXPECT_EQ(error["param"], "thinking.type");
  EXPECT_EQ(error["message"],
            "thinking.type: expected \"disabled\", since this model's template knows no thoughts, found \"enabled\"");
  for (const Json& fields : {Json{{"thinking", {{"type", "disabled"}}}}, Json{{"reasoning_effort", "high"}},
                             Json{{"max_thinking_tokens", 5}}, Json{{"reasoning", {{"enabled", true}}}}})
    EXPECT_EQ(chat("x", fields).whole.status, 200) << fields;
  backend.thinks = true;
  EXPECT_EQ(ask("GET", "/v1/models").json()["data"][0]["thinking"], true);
}

TEST_F(ApiTest, GivesSeveralAnswersAndCountsThemAll) {
  const Json json = chat("hey", {{"n", 3}}).json();
  ASSERT_EQ(json["choices"].size(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(json["choices"][i]["index"], i);
    EXPECT_EQ(json["choices"][i]["message"]["content"], "hey");
  }
  EXPECT_EQ(json["usage"]["prompt_tokens"], 3);
  EXPECT_EQ(json["usage"]["completion_tokens"], 9);
  EXPECT_EQ(json["usage"]["total_tokens"], 12);
  const Recorder r = chat("hey", {{"n", 2}, {"stream", true}, {"stream_options", {{"include_usage", true}}}});
  std::map<int, std::string> texts, ends;
  for (const std::string& event : r.events) {
    if (event == "[DONE]") continue;
    const Json chunk = Json::parse(event);
    if (chunk["choices"].empty()) {
      EXPECT_EQ(chunk["usage"]["completion_tokens"], 6);
      continue;
    }
    const Json& choice = chunk["choices"][0];
    EXPECT_EQ(ends.count(choice["index"]), 0u) << event;
    texts[choice["index"]] += choice["delta"].value("content", "");
    if (!choice["finish_reason"].is_null()) ends[choice["index"]] = choice["finish_reason"];
  }
  EXPECT_EQ(texts, (std::map<int, std::string>{{0, "hey"}, {1, "hey"}}));
  EXPECT_EQ(ends, (std::map<int, std::string>{{0, "stop"}, {1, "stop"}}));
}

TEST_F(ApiTest, ReportsLogProbabilitiesOfAChat) {
  const Json whole = chat("hi", {{"logprobs", true}, {"top_logprobs", 2}}).json()["choices"][0]["logprobs"];
  ASSERT_EQ(whole["content"].size(), 2u);
  EXPECT_EQ(whole["content"][1]["token"], "i");
  EXPECT_EQ(whole["content"][1]["top_logprobs"][1], Json({{"token", "?"}, {"logprob", -1.5}, {"bytes", {63}}}));
  EXPECT_TRUE(chat("hi", {{"logprobs", false}}).json()["choices"][0]["logprobs"].is_null());
  Json streamed = Json::array();
  for (const std::string& event : chat("hi", {{"logprobs", true}, {"top_logprobs", 2}, {"stream", true}}).events) {
    if (event == "[DONE]") continue;
    const Json log_probs = Json::parse(event)["choices"][0]["logprobs"];
    if (log_probs.is_null()) continue;
    for (const Json& token : log_probs["content"]) streamed.push_back(token);
  }
  EXPECT_EQ(streamed, whole["content"]);
}

TEST_F(ApiTest, ReportsLogProbabilitiesOfText) {
  const Json whole =
      ask("POST", "/v1/completions", R"({"prompt": "ab", "logprobs": 1})").json()["choices"][0]["logprobs"];
  EXPECT_EQ(whole, Json({{"tokens", {"a", "b"}},
                         {"token_logprobs", {-0.5, -0.5}},
                         {"top_logprobs", Json::array({{{"a", -0.5}}, {{"b", -0.5}}})},
                         {"text_offset", {0, 1}}}));
  const Recorder r = ask("POST", "/v1/completions", R"({"prompt": "ab", "logprobs": 0, "stream": true})");
  const Json second = Json::parse(r.events[1])["choices"][0];
  EXPECT_EQ(second["text"], "b");
  EXPECT_EQ(second["logprobs"]["text_offset"], Json::array({1}));
  EXPECT_TRUE(second["logprobs"]["top_logprobs"].is_null());
}

TEST_F(ApiTest, SaysWhenTheLimitCutTheAnswer) {
  Json json = chat("hello", {{"max_tokens", 2}}).json();
  EXPECT_EQ(json["choices"][0]["message"]["content"], "he");
  EXPECT_EQ(json["choices"][0]["finish_reason"], "length");
}

TEST_F(ApiTest, StreamsAChat) {
  Recorder r = chat("hey", {{"stream", true}, {"stream_options", {{"include_usage", true}}}});
  EXPECT_TRUE(r.opened);
  EXPECT_EQ(r.replies, 0);
  ASSERT_EQ(r.events.size(), 7u);  // role, three letters, end, usage, [DONE]
  std::string text, id;
  for (size_t i = 0; i < 5; ++i) {
    Json json = Json::parse(r.events[i]);
    EXPECT_EQ(json["object"], "chat.completion.chunk");
    if (i == 0) id = json["id"];
    EXPECT_EQ(json["id"], id);
    EXPECT_EQ(json["choices"][0]["finish_reason"], i == 4 ? Json("stop") : Json(nullptr));
    if (i < 4) text += json["choices"][0]["delta"]["content"];
  }
  EXPECT_EQ(Json::parse(r.events[0])["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(text, "hey");
  EXPECT_EQ(Json::parse(r.events[5])["choices"], Json::array());
  EXPECT_EQ(Json::parse(r.events[5])["usage"]["total_tokens"], 6);
  EXPECT_EQ(r.events[6], "[DONE]");
}

TEST_F(ApiTest, StopsForAClientThatIsGone) {
  Recorder recorder;
  recorder.gone_after = 3;
  Json body = {{"stream", true}, {"messages", {{{"role", "user"}, {"content", "a long answer"}}}}};
  play(table, {"POST", "/v1/chat/completions", "", "", "", body.dump()}, recorder);
  EXPECT_EQ(backend.cancelled, 1);
}

TEST_F(ApiTest, CompletesText) {
  Json json = ask("POST", "/v1/completions", R"({"prompt": "once"})").json();
  EXPECT_EQ(json["object"], "text_completion");
  EXPECT_EQ(json["choices"][0]["text"], "once");
  Recorder r = ask("POST", "/v1/completions", R"({"prompt": "ab", "stream": true})");
  ASSERT_EQ(r.events.size(), 4u);
  EXPECT_EQ(Json::parse(r.events[1])["choices"][0]["text"], "b");
}

TEST_F(ApiTest, ListsItsModel) {
  Json list = ask("GET", "/v1/models?x=1").json();
  EXPECT_EQ(list["object"], "list");
  EXPECT_EQ(list["data"][0]["id"], "org/echo");
  EXPECT_EQ(list["data"][0]["context_length"], 100);
  EXPECT_EQ(ask("GET", "/v1/models/org/echo").json()["id"], "org/echo");
  EXPECT_EQ(ask("GET", "/v1/models/org%2Fecho").json()["id"], "org/echo");
  EXPECT_EQ(ask("GET", "/v1/models/other").whole.status, 404);
}

TEST_F(ApiTest, AnswersHealthAndPage) {
  EXPECT_EQ(ask("GET", "/health").json()["status"], "ok");
  Recorder page = ask("GET", "/");
  EXPECT_TRUE(page.whole.content_type.starts_with("text/html"));
  EXPECT_NE(page.whole.body.find("Hadal"), std::string::npos);
}

TEST_F(ApiTest, RefusesInOpenaisShape) {
  struct Case {
    std::string method, target, body;
    int status;
    Json param, code;
  };
  std::string long_text(100, 'x');
  for (const Case& c : {
           Case{"POST", "/v1/chat/completions", "{", 400, nullptr, "invalid_json"},
           Case{"POST", "/v1/chat/completions", "", 400, nullptr, "invalid_json"},
           Case{"POST", "/v1/chat/completions", "{\"messages\": \"\xff\"}", 400, nullptr, "invalid_json"},
           Case{"POST", "/v1/chat/completions", "[]", 400, nullptr, nullptr},
           Case{"POST", "/v1/chat/completions", "{}", 400, "messages", nullptr},
           Case{"POST", "/v1/completions", R"({"prompt": "x", "model": "gpt"})", 404, "model", "model_not_found"},
           Case{"POST", "/v1/completions", "{\"prompt\": \"" + long_text + "\"}", 400, "prompt",
                "context_length_exceeded"},
           Case{"POST", "/v1/completions", R"({"prompt": "refuse"})", 500, nullptr, nullptr},
           Case{"POST", "/v1/completions", R"({"prompt": "break"})", 500, nullptr, nullptr},
           Case{"POST", "/nowhere", "", 404, nullptr, nullptr},
           Case{"GET", "/v1/chat/completions", "", 405, nullptr, nullptr},
           Case{"POST", "/health", "", 405, nullptr, nullptr},
           Case{"DELETE", "/v1/models", "", 405, nullptr, nullptr},
       }) {
    Recorder r = ask(c.method, c.target, c.body);
    EXPECT_EQ(r.replies, 1) << c.target << c.body;
    EXPECT_EQ(r.whole.status, c.status) << r.whole.body;
    Json error = r.json()["error"];
    EXPECT_TRUE(error["message"].is_string() && error["type"].is_string());
    EXPECT_EQ(error["param"], c.param) << r.whole.body;
    EXPECT_EQ(error["code"], c.code) << r.whole.body;
  }
}

std::string nested(size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

// One request must not end the answers of all others: neither reading nor refusing a value may follow it down.
TEST_F(ApiTest, RefusesDeepNestingWhereverItStands) {
  for (const char* body :
       {R"({"messages": @})", R"({"messages": [@]})", R"({"messages": [{"role": @, "content": "x"}]})",
        R"({"messages": [{"role": "user", "content": @}]})",
        R"({"messages": [{"role": "user", "content": [{"type": "text", "text": @}]}]})",
        R"({"messages": [{"role": "user", "content": "x", "tool_calls": @}]})", R"({"stop": @})",
        R"({"temperature": @})", R"({"model": @})", R"({"stream_options": @})", R"({"@@": @})", "@"}) {
    for (const size_t levels : {size_t{10}, size_t{1000}, size_t{1'000'000}}) {
      std::string text = body;
      for (size_t at; (at = text.find("@@")) != std::string::npos;) text.replace(at, 2, std::string(levels, '['));
      text.replace(text.find('@'), 1, nested(levels));
      const Recorder r = ask("POST", "/v1/chat/completions", text);
      EXPECT_EQ(r.whole.status, 400) << body;
      EXPECT_LT(r.whole.body.size(), 400u) << body << levels;
    }
  }
}

TEST_F(ApiTest, ErrorsShowLittleOfALargeValue) {
  const std::string large(1'000'000, 'x');
  for (const std::string& body :
       {R"({"model": ")" + large + R"(", "messages": [{"role": "user", "content": "x"}]})",
        R"({")" + large + R"(": 1})", R"({"messages": [{"role": ")" + large + R"("}]})", "[" + large,
        R"({"messages": [{"role": "user", "content": "x", "name": 1}], "temperature": ")" + large + R"("})"}) {
    const Recorder r = ask("POST", "/v1/chat/completions", body);
    EXPECT_TRUE(r.whole.status == 400 || r.whole.status == 404);
    EXPECT_LT(r.whole.body.size(), 600u);
    EXPECT_EQ(r.whole.body.find("exception"), std::string::npos) << r.whole.body;
  }
  EXPECT_LT(ask("GET", "/" + large).whole.body.size(), 600u);
}

TEST_F(ApiTest, AnswersHalfAnEmoji) {
  const Recorder r = ask("POST", "/v1/chat/completions", R"({"messages": [{"role": "user", "content": "a\ud83d"}]})");
  EXPECT_EQ(r.json()["choices"][0]["message"]["content"], "a\xEF\xBF\xBD") << r.whole.body;
}

TEST_F(ApiTest, WhatTheModelRefusesNamesItsField) {
  const Recorder bias = chat("refuse a field", {{"logit_bias", {{"10", 1}}}});
  EXPECT_EQ(bias.whole.status, 400);
  EXPECT_EQ(bias.json()["error"]["param"], "logit_bias");
  const Recorder kwargs = chat("x", {{"chat_template_kwargs", {{"refuse", true}}}});
  EXPECT_EQ(kwargs.whole.status, 400);
  EXPECT_EQ(kwargs.json()["error"]["param"], "chat_template_kwargs");
}

TEST_F(ApiTest, NamesTokensAndLimitOfALongPrompt) {
  std::string message = chat(std::string(250, 'x')).json()["error"]["message"];
  EXPECT_NE(message.find("250"), std::string::npos) << message;
  EXPECT_NE(message.find("100"), std::string::npos) << message;
}

TEST_F(ApiTest, SaysWhichMethodsThereAre) {
  Recorder options_reply = ask("OPTIONS", "/v1/chat/completions");
  EXPECT_EQ(options_reply.whole.status, 204);
  EXPECT_EQ(options_reply.whole.headers[0].second, "POST, OPTIONS");
  EXPECT_EQ(ask("PUT", "/health").whole.headers[0].first, "Allow");
}

}  // namespace
}  // namespace hadal
