#include "server/openai/known_fields.h"

#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "server/api_error.h"
#include "server/openai/openai_request.h"

namespace hadal {
namespace {

Json body_with(const KnownField& known, const Json& value) {
  Json body = {{"messages", {{{"role", "user"}, {"content", "x"}}}}};
  if (known.place == FieldPlace::text) body = {{"prompt", "x"}};
  Json* at = &body;
  if (known.place == FieldPlace::message || known.place == FieldPlace::part) at = &body["messages"][0];
  if (known.place == FieldPlace::part) {
    (*at)["content"] = Json::array({{{"type", "text"}, {"text", "x"}}});
    at = &(*at)["content"][0];
  }
  if (known.place == FieldPlace::stream_options) at = &(body["stream_options"] = Json::object());
  if (known.place == FieldPlace::thinking) at = &(body["thinking"] = {{"type", "enabled"}});
  (*at)[std::string(known.name)] = value;
  return body;
}

// "": the request is accepted.
std::string refusal(const KnownField& known, const Json& value) {
  try {
    const Json body = body_with(known, value);
    known.place == FieldPlace::text ? parse_text_call(body, {}) : parse_chat_call(body, {});
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(KnownFields, StandOnce) {
  std::set<std::pair<FieldPlace, std::string_view>> names;
  for (const KnownField& known : known_fields()) {
    EXPECT_TRUE(names.emplace(known.place, known.name).second) << known.name;
    const bool of_body = known.place == FieldPlace::chat || known.place == FieldPlace::text;
    EXPECT_FALSE(of_body && names.contains({FieldPlace::body, known.name})) << known.name;
    EXPECT_FALSE(known.from.empty()) << known.name;
    EXPECT_TRUE(known.values.empty() || known.use == FieldUse::neutral) << known.name;
  }
}

TEST(KnownFields, AreAcceptedAsTheTableSays) {
  const Json odd = {{"odd", {1, 2}}};
  for (const KnownField& known : known_fields()) {
    if (known.use == FieldUse::ignored) {
      for (const Json& value : {Json(), Json(7), Json("x"), odd})
        EXPECT_EQ(refusal(known, value), "") << known.name << value;
    }
    if (known.use != FieldUse::neutral) continue;
    EXPECT_EQ(refusal(known, nullptr), "") << known.name;
    EXPECT_NE(refusal(known, odd).find(known.name), std::string::npos) << known.name;
    EXPECT_NE(refusal(known, 0.375).find("not supported"), std::string::npos) << known.name;
    std::string_view rest = known.values;
    while (!rest.empty()) {
      const size_t end = rest.find(" or ");
      EXPECT_EQ(refusal(known, Json::parse(rest.substr(0, end))), "") << known.name << " " << rest;
      rest = end == std::string_view::npos ? "" : rest.substr(end + 4);
    }
  }
}

// What clients of other engines send by default, and values of the same fields that would change the answer.
TEST(KnownFields, DefaultsOfOtherEnginesAreNeutral) {
  const auto refused = [](const Json& fields, const char* place) {
    Json body = fields;
    const bool text = std::string_view(place) == "text";
    text ? body["prompt"] = "x" : body["messages"] = Json::parse(R"([{"role": "user", "content": "x"}])");
    try {
      text ? parse_text_call(body, {}) : parse_chat_call(body, {});
      return std::string();
    } catch (const ApiError& e) {
      return e.param;
    }
  };
  for (const char* fields :
       {R"({"backend_sampling": false})", R"({"reasoning_budget_tokens": -1})", R"({"reasoning_control": false})",
        R"({"sse_ping_interval": 30})", R"({"speculative.type": "none"})", R"({"tfs_z": 1.0})", R"({"slot_id": -1})",
        R"({"samplers": ["penalties","dry","top_n_sigma","top_k","typ_p","top_p","min_p","xtc","temperature"]})",
        R"({"json_schema": {}})", R"({"reasoning_format": "deepseek"})", R"({"flat_logprobs": false})",
        R"({"detokenize": true})", R"({"debug": {}})", R"({"cache_control": {"type": "ephemeral"}})",
        R"({"think": false})", R"({"reasoning": {"effort": "none"}})", R"({"reasoning_effort": "none"})",
        R"({"prompt_embeds": null, "thinking_token_budget": null, "repetition_detection": null, "preset": null})",
        R"({"enable_thinking": null, "thinking": null, "suffix": null, "stop": null, "n_predict": null})"}) {
    EXPECT_EQ(refused(Json::parse(fields), "chat"), "") << fields;
    EXPECT_EQ(refused(Json::parse(fields), "text"), "") << fields;
  }
  for (const auto& [name, value] : {std::pair("backend_sampling", "true"),
                                    {"reasoning_budget_tokens", "0"},
                                    {"speculative.type", "\"draft\""},
                                    {"tfs_z", "0.5"},
                                    {"samplers", "[\"top_k\"]"},
                                    {"json_schema", "{\"type\":\"object\"}"},
                                    {"detokenize", "false"},
                                    {"think", "true"},
                                    {"enable_thinking", "false"},
                                    {"thinking", "{}"},
                                    {"suffix", "\"x\""},
                                    {"reasoning", "{\"max_tokens\":5}"},
                                    {"unknown", "null"}}) {
    const Json fields = {{name, Json::parse(value)}};
    EXPECT_EQ(refused(fields, "chat"), name);
    EXPECT_EQ(refused(fields, "text"), name);
  }
}

// docs/api.md lists exactly this table; where this fails, put there what stands here.
TEST(KnownFields, AreDocumented) {
  const std::string page = read_file(Path(HADAL_SOURCE_DIR) / "docs/api.md");
  EXPECT_NE(page.find(field_tables()), std::string::npos) << field_tables();
}

}  // namespace
}  // namespace hadal
