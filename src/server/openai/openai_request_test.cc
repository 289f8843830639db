#include "server/openai/openai_request.h"

#include <gtest/gtest.h>

#include "server/api_error.h"

namespace hadal {
namespace {

Json chat(Json fields) {
  fields["messages"] = Json::array({{{"role", "user"}, {"content", "hi"}}});
  return fields;
}

// The parameter that a refusal names; "accepted" when there was none.
std::string refused_param(const Json& body) {
  try {
    parse_chat_call(body, {});
  } catch (const ApiError& e) {
    EXPECT_EQ(e.status, 400);
    EXPECT_NE(std::string(e.what()).find(e.param), std::string::npos) << e.what();
    return e.param;
  }
  return "accepted";
}

TEST(OpenaiRequest, ReadsEveryField) {
  CompletionCall call = parse_chat_call(chat({{"model", "m"},
                                              {"stream", true},
                                              {"stream_options", {{"include_usage", true}}},
                                              {"stop", {"a", "b"}},
                                              {"seed", 7},
                                              {"temperature", 0},
                                              {"top_p", 0.5},
                                              {"top_k", 3},
                                              {"min_p", 0.25},
                                              {"repetition_penalty", 1.5},
                                              {"max_tokens", 9},
                                              {"ignore_eos", true},
                                              {"n", 2},
                                              {"logprobs", true},
                                              {"top_logprobs", 20},
                                              {"user", "someone"}}),
                                        {});
  EXPECT_EQ(call.model, "m");
  EXPECT_TRUE(call.stream && call.include_usage);
  EXPECT_EQ(call.generate.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(call.generate.max_tokens, 9);
  EXPECT_TRUE(call.generate.ignore_end);
  EXPECT_EQ(call.generate.answers, 2);
  EXPECT_EQ(call.generate.log_probs, LogProbs::raw);
  EXPECT_EQ(call.generate.top_log_probs, 20);
  const SamplingOptions& sampling = call.generate.sampling;
  EXPECT_EQ(sampling.seed, 7u);
  EXPECT_EQ(sampling.temperature, 0.0f);
  EXPECT_EQ(sampling.top_p, 0.5f);
  EXPECT_EQ(sampling.top_k, 3);
  EXPECT_EQ(sampling.min_p, 0.25f);
  EXPECT_EQ(sampling.repetition_penalty, 1.5f);
}

TEST(OpenaiRequest, LogProbabilitiesOfTextAreANumber) {
  const auto asked = [](const Json& value) {
    return parse_text_call({{"prompt", "x"}, {"logprobs", value}}, {}).generate;
  };
  for (const Json& none : {Json(nullptr), Json(false)}) EXPECT_EQ(asked(none).log_probs, LogProbs::none);
  EXPECT_EQ(asked(0).log_probs, LogProbs::raw);
  EXPECT_EQ(asked(0).top_log_probs, 0);
  EXPECT_EQ(asked(20).top_log_probs, 20);
  for (const Json& wrong : {Json(21), Json(-1), Json(true), Json("1")}) EXPECT_THROW(asked(wrong), ApiError) << wrong;
}

TEST(OpenaiRequest, DefaultsStandWhereNothingIsSaid) {
  SamplingOptions defaults;
  defaults.temperature = 0.3f;
  CompletionCall a = parse_chat_call(chat({{"temperature", nullptr}, {"stop", nullptr}}), defaults);
  CompletionCall b = parse_chat_call(chat(Json::object()), defaults);
  EXPECT_EQ(a.generate.sampling.temperature, 0.3f);
  EXPECT_TRUE(a.generate.stop.empty());
  EXPECT_FALSE(a.stream);
  EXPECT_NE(a.generate.sampling.seed, b.generate.sampling.seed);
}

TEST(OpenaiRequest, NoProbabilityLeftIsTheBestToken) {
  SamplingOptions sampling = parse_chat_call(chat({{"top_p", 0}, {"top_k", 5}}), {}).generate.sampling;
  EXPECT_EQ(sampling.top_k, 1);
  EXPECT_EQ(sampling.top_p, 1.0f);
}

TEST(OpenaiRequest, NewerNameOfTheTokenLimitWins) {
  EXPECT_EQ(parse_chat_call(chat({{"max_tokens", 5}, {"max_completion_tokens", 6}}), {}).generate.max_tokens, 6);
}

TEST(OpenaiRequest, EveryNameOfAFieldIsChecked) {
  const Json limits = {{"max_completion_tokens", 6}, {"max_tokens", 5}, {"n_predict", 4}};
  for (const auto& [name, good] : limits.items()) {
    for (const Json& bad : {Json("junk"), Json(-7), Json(0), Json(1.5), Json(int64_t{1} << 31), Json(true)}) {
      Json fields = limits;
      fields[name] = bad;
      EXPECT_EQ(refused_param(chat(fields)), name) << bad;
    }
  }
  EXPECT_EQ(parse_chat_call(chat(limits), {}).generate.max_tokens, 6);
  EXPECT_EQ(parse_chat_call(chat({{"max_tokens", 5}, {"n_predict", 4}}), {}).generate.max_tokens, 5);
  EXPECT_EQ(parse_chat_call(chat({{"max_completion_tokens", -1}, {"max_tokens", 5}}), {}).generate.max_tokens, 0);
  EXPECT_EQ(parse_chat_call(chat({{"max_completion_tokens", nullptr}, {"n_predict", 4}}), {}).generate.max_tokens, 4);
  EXPECT_EQ(refused_param(chat({{"repetition_penalty", "x"}, {"repeat_penalty", 1}})), "repetition_penalty");
  EXPECT_EQ(refused_param(chat({{"repetition_penalty", 1}, {"repeat_penalty", 0}})), "repeat_penalty");
}

TEST(OpenaiRequest, ATokenLimitIsExplainedInPeoplesNumbers) {
  try {
    parse_chat_call(chat({{"max_tokens", -7}}), {});
    FAIL();
  } catch (const ApiError& e) {
    const std::string words = e.what();
    EXPECT_NE(words.find("at least 1 "), std::string::npos) << words;
    EXPECT_NE(words.find("-1 for no limit"), std::string::npos) << words;
    EXPECT_EQ(words.find("-2147483648"), std::string::npos) << words;
  }
}

TEST(OpenaiRequest, ReadsMessages) {
  Json body = Json::parse(R"({"messages": [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]},
    {"role": "assistant", "content": null, "reasoning_content": "hm"},
    {"role": "user", "content": ""}]})");
  std::vector<chat::Message> messages = parse_chat_call(body, {}).conversation.messages;
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[1].content, "one two");
  EXPECT_EQ(messages[2].content, "");
  EXPECT_EQ(messages[2].reasoning, "hm");
}

TEST(OpenaiRequest, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(refused_param(chat({{"temperature", 2.1}})), "temperature");
  EXPECT_EQ(refused_param(chat({{"temperature", "hot"}})), "temperature");
  EXPECT_EQ(refused_param(chat({{"top_p", -1}})), "top_p");
  EXPECT_EQ(refused_param(chat({{"top_k", 1.5}})), "top_k");
  EXPECT_EQ(refused_param(chat({{"min_p", 1}})), "min_p");
  EXPECT_EQ(refused_param(chat({{"repetition_penalty", 0}})), "repetition_penalty");
  EXPECT_EQ(refused_param(chat({{"seed", "x"}})), "seed");
  EXPECT_EQ(refused_param(chat({{"max_tokens", 0}})), "max_tokens");
  EXPECT_EQ(refused_param(chat({{"max_tokens", uint64_t{1} << 63}})), "max_tokens");
  EXPECT_EQ(refused_param(chat({{"stop", {"a", 1}}})), "stop");
  EXPECT_EQ(refused_param(chat({{"stop", ""}})), "stop");
  EXPECT_EQ(refused_param(chat({{"n", 0}})), "n");
  EXPECT_EQ(refused_param(chat({{"n", 129}})), "n");
  EXPECT_EQ(refused_param(chat({{"logprobs", 1}})), "logprobs");
  EXPECT_EQ(refused_param(chat({{"top_logprobs", 1}})), "top_logprobs");
  EXPECT_EQ(refused_param(chat({{"logprobs", true}, {"top_logprobs", 21}})), "top_logprobs");
  EXPECT_EQ(refused_param(chat({{"model", 1}})), "model");
  EXPECT_EQ(refused_param(chat({{"stream", "yes"}})), "stream");
  EXPECT_EQ(refused_param(chat({{"stream_options", 1}})), "stream_options");
  EXPECT_EQ(refused_param(chat({{"stream", true}, {"stream_options", {{"include_usge", true}}}})),
            "stream_options.include_usge");
  EXPECT_EQ(refused_param(chat({{"stream_options", {{"include_usage", "x"}}}})), "stream_options.include_usage");
  EXPECT_EQ(refused_param(chat({{"usage", {{"includes", true}}}})), "usage");
  EXPECT_EQ(refused_param(chat({{"usage", {{"include", "x"}}}})), "usage.include");
  EXPECT_EQ(refused_param(chat({{"frequency_penalty", "high"}})), "frequency_penalty");
  EXPECT_EQ(refused_param(chat({{"repeat_last_n", -2}})), "repeat_last_n");
  EXPECT_EQ(refused_param(chat({{"repeat_penalty", 1.1}, {"repetition_penalty", 1.2}})), "repeat_penalty");
  EXPECT_EQ(refused_param(chat({{"n_predict", 0}})), "n_predict");
  EXPECT_EQ(refused_param(chat({{"max_tokens", 2.5}})), "max_tokens");
  EXPECT_EQ(refused_param(chat({{"chat_template_kwargs", "x"}})), "chat_template_kwargs");
  EXPECT_EQ(refused_param(chat({{"reasoning_format", "deepseek-legacy"}})), "reasoning_format");
  for (const Json& bias : {Json(1), Json{{"x", 1}}, Json{{"1", "x"}}, Json{{"1", 101}}, Json::array({Json::array({1})}),
                           Json{{"-1", 1}}, Json(true)}) {
    EXPECT_EQ(refused_param(chat({{"logit_bias", bias}})), "logit_bias") << bias;
  }
  EXPECT_EQ(refused_param(chat({{"presence_penalty", 2.5}})), "presence_penalty");
  EXPECT_EQ(refused_param(chat({{"temprature", 1}})), "temprature");
  EXPECT_EQ(refused_param(chat({{"tools", {{{"type", "function"}}}}})), "tools");
  EXPECT_EQ(refused_param(chat({{"response_format", {{"type", "json_object"}}}})), "response_format");
}

TEST(OpenaiRequest, NamesTheFieldOfThoughtsThatIsWrong) {
  for (const Json& thinking : {Json(true), Json("enabled"), Json::array(), Json::object(), Json{{"type", nullptr}}})
    EXPECT_EQ(refused_param(chat({{"thinking", thinking}})), "thinking") << thinking;
  EXPECT_EQ(refused_param(chat({{"thinking", {{"type", "auto"}}}})), "thinking.type");
  EXPECT_EQ(refused_param(chat({{"thinking", {{"type", 1}}}})), "thinking.type");
  EXPECT_EQ(refused_param(chat({{"thinking", {{"type", "enabled"}, {"tokens", 5}}}})), "thinking.tokens");
  for (const Json& effort : {Json(1), Json("hard"), Json(""), Json::object()})
    EXPECT_EQ(refused_param(chat({{"reasoning_effort", effort}})), "reasoning_effort") << effort;
  EXPECT_EQ(refused_param(chat({{"thinking", {{"type", "enabled"}}}, {"reasoning_effort", "none"}})),
            "reasoning_effort");
  for (const Json& tokens : {Json(-1), Json(1.5), Json("5"), Json(int64_t{1} << 40)})
    EXPECT_EQ(refused_param(chat({{"max_thinking_tokens", tokens}})), "max_thinking_tokens") << tokens;
  EXPECT_EQ(
      refused_param(chat({{"thinking", nullptr}, {"reasoning_effort", nullptr}, {"max_thinking_tokens", nullptr}})),
      "accepted");
}

TEST(OpenaiRequest, AcceptsFieldsThatAskForNothing) {
  Json body = chat({{"tools", Json::array()}, {"tool_choice", "none"}, {"logprobs", false}, {"presence_penalty", 0}});
  body["response_format"] = {{"type", "text"}};
  body["logit_bias"] = Json::object();
  body["frequency_penalty"] = 0.0;
  EXPECT_EQ(refused_param(body), "accepted");
}

TEST(OpenaiRequest, ReadsWhatOtherEnginesAdd) {
  const auto read = [](Json fields) { return parse_chat_call(chat(std::move(fields)), {}); };
  EXPECT_EQ(read({{"n_predict", 7}}).generate.max_tokens, 7);
  EXPECT_EQ(read({{"max_tokens", -1}}).generate.max_tokens, 0);
  EXPECT_EQ(read({{"max_tokens", nullptr}}).generate.max_tokens, 0);
  EXPECT_EQ(read({{"max_tokens", 12.0}}).generate.max_tokens, 12);
  const SamplingOptions sampling = read({{"repeat_penalty", 1.5},
                                         {"repeat_last_n", 64},
                                         {"frequency_penalty", 0.25},
                                         {"presence_penalty", -1},
                                         {"logit_bias", {{"7", -100}, {"8", 2.5}}}})
                                       .generate.sampling;
  EXPECT_EQ(sampling.repetition_penalty, 1.5f);
  EXPECT_EQ(sampling.repetition_window, 64);
  EXPECT_EQ(sampling.frequency_penalty, 0.25f);
  EXPECT_EQ(sampling.presence_penalty, -1.0f);
  EXPECT_EQ(sampling.logit_bias, (std::vector<std::pair<TokenId, float>>{{7, -100.0f}, {8, 2.5f}}));
  const Json pairs = Json::array({Json::array({3, 1.5}), Json::array({4, false})});
  EXPECT_EQ(read({{"logit_bias", pairs}}).generate.sampling.logit_bias,
            (std::vector<std::pair<TokenId, float>>{{3, 1.5f}, {4, -100.0f}}));
  EXPECT_NE(read({{"seed", -1}}).generate.sampling.seed, read({{"seed", -1}}).generate.sampling.seed);
  EXPECT_EQ(read({{"chat_template_kwargs", {{"enable_thinking", false}}}}).conversation.options.dump(),
            "{\"enable_thinking\":false}");
  EXPECT_TRUE(read({{"reasoning_format", "auto"}}).apart);
  EXPECT_FALSE(read({{"reasoning_format", "none"}}).apart);
  EXPECT_TRUE(read({{"usage", {{"include", true}}}}).include_usage);
  EXPECT_FALSE(read({{"stream_options", {{"include_usage", false}}}}).include_usage);
}

TEST(OpenaiRequest, FieldsOfMessagesReachTheTemplateOrAreNeutral) {
  const auto message = [](Json fields) {
    fields["role"] = "user";
    fields["content"] = "x";
    return Json{{"messages", {fields}}};
  };
  const Json body = {{"messages",
                      {{{"role", "assistant"},
                        {"content", "x"},
                        {"refusal", nullptr},
                        {"tool_calls", Json::array()},
                        {"reasoning", "hm"}},
                       {{"role", "user"}, {"content", "x"}, {"name", "Ada"}}}}};
  const auto messages = parse_chat_call(body, {}).conversation.messages;
  EXPECT_EQ(messages[0].reasoning, "hm");
  EXPECT_EQ(messages[1].name, "Ada");
  EXPECT_TRUE(messages[0].more.is_null() && messages[1].more.is_null());
  EXPECT_EQ(refused_param(message({{"contents", "x"}})), "messages[0].contents");
  EXPECT_EQ(refused_param(message({{"name", 7}})), "messages[0].name");
  EXPECT_EQ(refused_param(message({{"refusal", "no"}})), "messages[0].refusal");
  EXPECT_EQ(refused_param(message({{"images", {"data"}}})), "messages[0].images");
  const Json part = {{"type", "text"}, {"text", "x"}, {"txt", "y"}};
  EXPECT_EQ(refused_param({{"messages", {{{"role", "user"}, {"content", {part}}}}}}), "messages[0].content[0].txt");
}

TEST(OpenaiRequest, RefusesMessagesThatCannotBe) {
  EXPECT_EQ(refused_param(Json::object()), "messages");
  EXPECT_EQ(refused_param({{"messages", Json::array()}}), "messages");
  EXPECT_EQ(refused_param({{"messages", {"hi"}}}), "messages[0]");
  EXPECT_EQ(refused_param({{"messages", {{{"role", "robot"}, {"content", "x"}}}}}), "messages[0].role");
  EXPECT_EQ(refused_param({{"messages", {{{"content", "x"}}}}}), "messages[0].role");
  EXPECT_EQ(refused_param({{"messages", {{{"role", "user"}}}}}), "messages[0].content");
  EXPECT_EQ(refused_param({{"messages", {{{"role", "user"}, {"content", 5}}}}}), "messages[0].content");
  Json image = {{{"type", "image_url"}, {"image_url", {{"url", "data:"}}}}};
  EXPECT_EQ(refused_param({{"messages", {{{"role", "user"}, {"content", image}}}}}), "messages[0].content[0]");
  EXPECT_EQ(refused_param({{"messages", {{{"role", "assistant"}, {"content", "x"}}}}}), "messages[0].role");
  EXPECT_THROW(parse_chat_call(Json::array(), {}), ApiError);
}

TEST(OpenaiRequest, ReadsPlainCompletions) {
  EXPECT_EQ(parse_text_call({{"prompt", "Once"}}, {}).text, "Once");
  EXPECT_EQ(parse_text_call({{"prompt", {"Once"}}}, {}).text, "Once");
  EXPECT_THROW(parse_text_call({{"prompt", ""}}, {}), ApiError);
  EXPECT_THROW(parse_text_call({{"prompt", {1, 2}}}, {}), ApiError);
  EXPECT_THROW(parse_text_call(Json::object(), {}), ApiError);
}

}  // namespace
}  // namespace hadal
