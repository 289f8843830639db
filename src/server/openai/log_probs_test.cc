#include "server/openai/log_probs.h"

#include <gtest/gtest.h>

#include <limits>

namespace hadal {
namespace {

std::string bytes_of(TokenId id) {
  return id == 1 ? "Hi" : id == 2 ? "\xC3" : id == 3 ? "\xA9" : id == 4 ? "<|end|>" : "?";
}

const std::vector<TokenLogProb> kTokens = {
    {.id = 1, .log_prob = -0.5F, .top = {{1, -0.5F}, {4, -1.5F}}},
    {.id = 2, .log_prob = -3, .top = {{4, -0.25F}, {1, -2}}},  // chosen, and not one of the likeliest
    {.id = 3, .log_prob = -std::numeric_limits<float>::infinity(), .top = {}}};

TEST(LogProbs, OfChatsAreObjectsWithBytes) {
  const Json json = parse_json(dump_json(chat_log_probs(kTokens, bytes_of)), "x");
  EXPECT_TRUE(json["refusal"].is_null());
  ASSERT_EQ(json["content"].size(), 3u);
  EXPECT_EQ(json["content"][0], parse_json(R"({"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [
      {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]},
      {"token": "<|end|>", "logprob": -1.5, "bytes": [60, 124, 101, 110, 100, 124, 62]}]})",
                                           "x"));
  EXPECT_EQ(json["content"][1]["bytes"], Json({0xC3}));
  EXPECT_EQ(json["content"][1]["token"], "bytes:\\xc3");
  EXPECT_EQ(json["content"][1]["top_logprobs"].size(), 2u);
  EXPECT_EQ(json["content"][2]["logprob"], -9999);
  EXPECT_EQ(json["content"][2]["top_logprobs"], Json::array());
}

TEST(LogProbs, OfCompletionsAreListsSideBySide) {
  int64_t offset = 10;
  const Json json = parse_json(dump_json(text_log_probs(kTokens, 2, bytes_of, offset)), "x");
  EXPECT_EQ(json["tokens"][0], "Hi");
  EXPECT_EQ(json["token_logprobs"], Json({-0.5, -3, -9999}));
  EXPECT_EQ(json["text_offset"], Json({10, 12, 13}));
  EXPECT_EQ(offset, 13);  // both halves of one character
  EXPECT_EQ(json["top_logprobs"][0], Json({{"Hi", -0.5}, {"<|end|>", -1.5}}));
  EXPECT_EQ(json["top_logprobs"][1].size(), 3u);  // and the chosen one
  EXPECT_TRUE(text_log_probs(kTokens, 0, bytes_of, offset)["top_logprobs"].is_null());
}

}  // namespace
}  // namespace hadal
