#include "server/known_fields.h"

#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "server/openai_request.h"

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

// docs/api.md lists exactly this table; where this fails, put there what stands here.
TEST(KnownFields, AreDocumented) {
  const std::string page = read_file(Path(HADAL_SOURCE_DIR) / "docs/api.md");
  EXPECT_NE(page.find(field_tables()), std::string::npos) << field_tables();
}

}  // namespace
}  // namespace hadal
