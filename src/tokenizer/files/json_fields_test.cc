#include "tokenizer/files/json_fields.h"

#include <gtest/gtest.h>

#include <functional>

#include "tokenizer/files/hf_folder.h"

namespace hadal {
namespace {

TEST(JsonFields, ErrorsNameFilePartAndField) {
  const Json json = parse_json(
      R"({"text": "x", "list": [1], "object": {}, "whole": 3, "large": 18446744073709551615, "part": 0.5, "yes": true,
          "none": null})",
      "test");
  EXPECT_EQ(get_string(json, "text", "f", "p"), "x");
  EXPECT_EQ(get_array(json, "list", "f", "p").size(), 1u);
  EXPECT_TRUE(get_object(json, "object", "f", "p").empty());
  EXPECT_EQ(get_integer(json, "whole", "f", "p"), 3);
  EXPECT_TRUE(get_bool(json, "yes", false, "f", "p"));
  EXPECT_TRUE(get_bool(json, "none", true, "f", "p"));
  EXPECT_FALSE(get_bool(json, "absent", false, "f", "p"));
  EXPECT_TRUE(is_null_or_absent(json, "none") && is_null_or_absent(json, "absent") && !is_null_or_absent(json, "text"));

  const struct {
    std::function<void()> call;
    const char* error;
  } cases[] = {
      {[&] { get_string(json, "whole", "f", "p"); }, "f: p: whole: expected a string, found number"},
      {[&] { get_string(json, "absent", "f", "p"); }, "f: p: expected a field \"absent\", found none"},
      {[&] { get_array(json, "object", "f", "p"); }, "f: p: object: expected an array, found object"},
      {[&] { get_object(json, "list", "f", "p"); }, "f: p: list: expected an object, found array"},
      {[&] { get_integer(json, "part", "f", "p"); }, "f: p: part: expected an integer, found number"},
      {[&] { get_integer(json, "large", "f", "p"); }, "f: p: large: expected an integer, found 18446744073709551615"},
      {[&] { get_bool(json, "text", true, "f", "p"); }, "f: p: text: expected"},
      {[&] { get_field(json["list"], "x", "f", "p"); }, "f: p: expected an object, found array"},
  };
  for (const auto& c : cases) {
    try {
      c.call();
      ADD_FAILURE() << "accepted; expected " << c.error;
    } catch (const Error& e) {
      EXPECT_EQ(std::string_view(e.what()).substr(0, std::string_view(c.error).size()), c.error);
    }
  }
}

}  // namespace
}  // namespace hadal
