#include "tokenizer/files/added_tokens.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

// All that is found, as "begin-end:id".
std::string found_in(const AddedTokens& tokens, std::string_view text, AddedTokens::Content content = {}) {
  std::string out;
  for (size_t from = 0;;) {
    const auto found = tokens.find(text, from, content);
    if (found.token == nullptr) return out;
    out += (out.empty() ? "" : " ") + std::to_string(found.begin) + "-" + std::to_string(found.end) + ":" +
           std::to_string(found.token->id);
    from = found.end;
  }
}

TEST(AddedTokens, TheLeftmostThenTheLongest) {
  const AddedTokens tokens({{"<a>", 1}, {"<a>b", 2}, {"<", 3}, {"b<a", 4}, {"日本", 5}});
  struct {
    const char *text, *found;
  } const cases[] = {
      {"", ""},           {"plain", ""},          {"<a>", "0-3:1"},    {"<a>b", "0-4:2"}, {"<a>b<a>", "0-4:2 4-7:1"},
      {"xb<a>", "1-4:4"}, {"<<a", "0-1:3 1-2:3"}, {"日日本", "3-9:5"}, {"a> <a", "3-4:3"}};
  for (const auto& c : cases) EXPECT_EQ(found_in(tokens, c.text), c.found) << c.text;
  EXPECT_EQ(found_in(AddedTokens(), "<a>"), "");
}

TEST(AddedTokens, SpacesAndWords) {
  const AddedTokens tokens({{.text = "<l>", .id = 1, .strip_left = true},
                            {.text = "<r>", .id = 2, .strip_right = true},
                            {.text = "cat", .id = 3, .single_word = true}});
  struct {
    const char *text, *found;
  } const cases[] = {
      {"a \n<l> b", "1-6:1"}, {"a <r> \t b", "2-8:2"}, {"<r>  <l>", "0-5:2 5-8:1"},  // the spaces belong to the first
      {"cat", "0-3:3"},       {"a cat.", "2-5:3"},     {"cats cat", "5-8:3"},       {"scat _cat caté", ""}};
  for (const auto& c : cases) EXPECT_EQ(found_in(tokens, c.text), c.found) << c.text;
}

TEST(AddedTokens, ContentHasNoneButAnAnswersThoughts) {
  const AddedTokens tokens(
      {{.text = "<end>", .id = 1}, {.text = "<think>", .id = 2, .in_answers = true}, {.text = "<", .id = 3}});
  const std::string text = "<end>[<end><think>]<think>";
  //                        0    5 6    11     18 19
  using Part = RenderedText::Part;
  const auto found = [&](std::vector<Part> parts) { return found_in(tokens, text, parts); };
  EXPECT_EQ(found({}), "0-5:1 6-11:1 11-18:2 19-26:2");
  EXPECT_EQ(found({{.begin = 6, .end = 18}}), "0-5:1 19-26:2");
  EXPECT_EQ(found({{.begin = 6, .end = 18, .answer = true}}), "0-5:1 11-18:2 19-26:2");
  EXPECT_EQ(found({{.begin = 6, .end = 12, .answer = true}}), "0-5:1 19-26:2");  // the token is half outside
  EXPECT_EQ(found({{.begin = 0, .end = 26}}), "");
}

}  // namespace
}  // namespace hadal
