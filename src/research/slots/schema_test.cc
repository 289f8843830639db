#include "research/slots/schema.h"

#include <gtest/gtest.h>

namespace hadal::research {
namespace {

TEST(Schema, FindsTheObjectInWhateverAModelSays) {
  const Json schema = judge_schema(3);
  for (const char* text :
       {R"({"bears":true,"sentence":2})", R"(Sure! Here it is: {"bears":true,"sentence":2} Hope it helps.)",
        "```json\n{\"bears\": true, \"sentence\": 2}\n```",
        R"(<think>{"bears": maybe}</think>{"bears":true,"sentence":2})",
        R"({"note":"} {"} {"bears":true,"sentence":2,"why":"because"})",
        R"({"bears":true,"sentence":9} {"bears":true,"sentence":2})"}) {
    const auto found = first_fitting(text, schema);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(*found, (Json{{"bears", true}, {"sentence", 2}})) << text;
  }
}

TEST(Schema, TakesNothingElse) {
  const Json schema = judge_schema(3);
  for (const char* text : {"", "yes", "{", R"({"bears":"true","sentence":2})", R"({"bears":true})",
                           R"({"bears":true,"sentence":4})", R"({"bears":true,"sentence":1.5})", R"([true,2])"})
    EXPECT_FALSE(first_fitting(text, schema)) << text;
  EXPECT_FALSE(first_fitting(std::string(1 << 20, '{'), schema));
  EXPECT_FALSE(first_fitting(R"({"sentences":[]})", write_schema(2)));
  EXPECT_FALSE(first_fitting(R"({"sentences":[{"text":"a","cites":[3]}]})", write_schema(2)));
  EXPECT_TRUE(first_fitting(R"({"sentences":[{"text":"a","cites":[1,2]}]})", write_schema(2)));
  EXPECT_TRUE(first_fitting(R"({"missing":[]})", gap_schema()));
  EXPECT_FALSE(first_fitting(R"({"missing":["a","b","c","d"]})", gap_schema()));
  EXPECT_FALSE(first_fitting(R"({"questions":[{"question":"a","queries":[]}]})", plan_schema()));
}

}  // namespace
}  // namespace hadal::research
