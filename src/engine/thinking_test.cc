// Answers that think first, and the budget of their thoughts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/testing/engine_support.h"

namespace hadal {
namespace {

using test::byte_tokenizer;
using test::make_request;
using test::tiny_model;

constexpr TokenId kThinkEnd = '>';

GenerateRequest thinking_request(std::string_view prompt, uint64_t seed, int64_t budget, int64_t max_tokens = 40) {
  GenerateRequest request = make_request(prompt, seed, max_tokens);
  request.sampling.top_p = 1;
  request.ignore_end = true;
  request.log_probs = LogProbs::raw;
  request.think_end = kThinkEnd;
  request.think_tokens = budget;
  return request;
}

// The model never ends its thoughts by itself.
GenerateRequest endless_request(std::string_view prompt, uint64_t seed, int64_t budget, int64_t max_tokens = 40) {
  GenerateRequest request = thinking_request(prompt, seed, budget, max_tokens);
  request.sampling.logit_bias = {{kThinkEnd, -100}};
  return request;
}

void expect_equal(const GenerateResult& a, const GenerateResult& b, std::string_view what) {
  EXPECT_EQ(a.ids, b.ids) << what;
  EXPECT_EQ(a.text, b.text) << what;
  EXPECT_EQ(a.finish, b.finish) << what;
  EXPECT_EQ(a.forced, b.forced) << what;
  EXPECT_EQ(a.think_tokens, b.think_tokens) << what;
  ASSERT_EQ(a.log_probs.size(), b.log_probs.size()) << what;
  for (size_t i = 0; i < a.log_probs.size(); ++i)
    ASSERT_EQ(a.log_probs[i].log_prob, b.log_probs[i].log_prob) << what << ", token " << i;
}

TEST(Thinking, EndsWhereItsBudgetEnds) {
  const auto model = tiny_model();
  Engine engine(model, byte_tokenizer(), {});
  GenerateRequest request = endless_request("question", 3, 10);
  const GenerateResult limited = engine.generate(request);
  EXPECT_EQ(limited.forced, 10);
  EXPECT_EQ(limited.think_tokens, 10);
  EXPECT_EQ(limited.answer_tokens, 40);
  EXPECT_EQ(std::ranges::count(limited.ids, kThinkEnd), 1);
  EXPECT_EQ(limited.ids[10], kThinkEnd);
  EXPECT_EQ(std::ranges::count(limited.text, '>'), 1);

  // Until then nothing changes, and the forced token's log-probability is what the model gave it.
  request.think_tokens = {};
  request.top_log_probs = 257;
  const GenerateResult free = engine.generate(request);
  EXPECT_EQ(free.forced, -1);
  EXPECT_EQ(free.think_tokens, 40);
  EXPECT_TRUE(std::equal(limited.ids.begin(), limited.ids.begin() + 10, free.ids.begin()));
  const auto& top = free.log_probs[10].top;
  EXPECT_EQ(limited.log_probs[10].log_prob, std::ranges::find(top, kThinkEnd, &TokenChoice::id)->log_prob);

  // It is fed: what follows is what follows such a prompt.
  request = endless_request("question", 3, 10);
  request.sampling.temperature = 0;
  const GenerateResult greedy = engine.generate(request);
  GenerateRequest rest = make_request("question", 0, 29);
  rest.prompt.insert(rest.prompt.end(), greedy.ids.begin(), greedy.ids.begin() + 11);
  rest.sampling = request.sampling;
  rest.ignore_end = true;
  EXPECT_TRUE(std::ranges::equal(engine.generate(rest).ids, std::span(greedy.ids).subspan(11)));
}

TEST(Thinking, MayEndByItself) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = thinking_request("question", 3, 10);
  request.sampling.logit_bias = {{kThinkEnd, 100}};
  const GenerateResult at_once = engine.generate(request);
  EXPECT_EQ(at_once.forced, -1);
  EXPECT_EQ(at_once.think_tokens, 0);
  request.think_tokens = 0;
  EXPECT_EQ(engine.generate(request).forced, 0);

  // An end token in the thoughts ends the answer.
  request.ignore_end = false;
  request.think_tokens = 10;
  request.sampling.logit_bias = {{256, 100}};
  const GenerateResult nothing = engine.generate(request);
  EXPECT_EQ(nothing.finish, FinishReason::stop);
  EXPECT_TRUE(nothing.ids.empty());
  request.think_tokens = 0;
  const GenerateResult closed = engine.generate(request);
  EXPECT_EQ(closed.ids, std::vector<TokenId>{kThinkEnd});
  EXPECT_EQ(closed.finish, FinishReason::stop);
}

TEST(Thinking, MayBeginWithATokenOfTheModels) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = thinking_request("question", 3, 0, 5);
  request.think_begin = '<';
  request.sampling.logit_bias = {{'<', 100}};
  GenerateResult result = engine.generate(request);
  EXPECT_EQ(result.text, "<><<<");
  EXPECT_EQ(result.forced, 1);
  EXPECT_EQ(result.think_tokens, 1);
  request.sampling.logit_bias = {{'a', 100}};
  result = engine.generate(request);
  EXPECT_EQ(result.text, "aaaaa");
  EXPECT_EQ(result.forced, -1);
  EXPECT_EQ(result.think_tokens, 0);
}

TEST(Thinking, TheAnswersLimitCountsThoughts) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  for (const auto& [budget, forced] : {std::pair<int64_t, int64_t>{12, -1}, {11, 11}, {5, 5}}) {
    const GenerateResult result = engine.generate(endless_request("limit", 4, budget, 12));
    EXPECT_EQ(result.finish, FinishReason::length);
    EXPECT_EQ(result.answer_tokens, 12);
    EXPECT_EQ(result.forced, forced);
    EXPECT_EQ(result.think_tokens, std::min<int64_t>(budget, 12));
  }
}

// A stop string counts in thoughts as anywhere, and the forced token is text like any other.
TEST(Thinking, StopStringsStopIt) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = endless_request("stop", 5, 10);
  request.sampling.logit_bias.emplace_back('a', 100);
  request.stop = {"aaa>a"};
  GenerateResult result = engine.generate(request);
  EXPECT_EQ(result.text, "aaaaaaa");
  EXPECT_EQ(result.finish, FinishReason::stop);
  EXPECT_EQ(result.forced, 10);
  request.stop = {"aaaa"};
  result = engine.generate(request);
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(result.think_tokens, 4);
  EXPECT_EQ(result.forced, -1);
}

TEST(Thinking, EachAnswerHasItsOwnBudget) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = thinking_request(std::string(70, 'q'), 11, 30, 60);
  request.sampling.logit_bias = {{kThinkEnd, 1.5f}};  // some end by themselves
  std::vector<GenerateResult> alone;
  for (int i = 0; i < 12; ++i) {
    GenerateRequest one = request;
    one.sampling.seed = answer_seed(11, i);
    alone.push_back(engine.generate(one));
  }
  const auto forced = std::ranges::count(alone, 30, &GenerateResult::forced);
  EXPECT_GT(forced, 0);
  EXPECT_LT(forced, 12);
  request.answers = 12;
  const auto together = engine.generate_all(request);
  for (size_t i = 0; i < alone.size(); ++i) expect_equal(together[i], alone[i], fmt::format("answer {}", i));
}

// Beside answers that do not think; in few places, in small chunks, and where they are preempted in their thoughts and
// behind them.
TEST(Thinking, BitsDoNotDependOnWhatRunsBeside) {
  for (const bool deepseek : {true, false}) {
    const auto model = tiny_model(deepseek);
    std::vector<GenerateRequest> requests;
    for (uint64_t i = 0; i < 4; ++i)
      requests.push_back(endless_request("long", i, std::array{20, 280, 150, 0}[i], 300));
    for (uint64_t i = 0; i < 6; ++i) {
      requests.push_back(endless_request(std::string(40 * i + 1, 'a'), i, static_cast<int64_t>(13 * i), 60));
      if (i % 2 == 0) requests.back().think_end = -1;
    }
    std::vector<GenerateResult> alone;
    {
      Engine engine(model, byte_tokenizer(), {});
      for (const auto& request : requests) alone.push_back(engine.generate(request));
    }
    EXPECT_EQ(alone[0].forced, 20);
    EXPECT_EQ(alone[4].forced, -1);
    EXPECT_EQ(alone[4].think_tokens, 0);
    const EngineOptions plenty{}, few{.max_running = 3}, small{.prefill_chunk = 7},
        tight{.max_context = 512, .cache_tokens = 768};
    for (const EngineOptions& options : {plenty, few, small, tight}) {
      Engine engine(model, byte_tokenizer(), options);
      std::vector<Generation> generations;
      engine.between_steps([&] {
        for (const GenerateRequest& request : requests) generations.push_back(engine.submit(request));
      });
      for (size_t i = 0; i < requests.size(); ++i)
        expect_equal(generations[i].wait().at(0), alone[i], fmt::format("request {}", i));
      EXPECT_EQ(engine.stats().preempted > 0, options.cache_tokens == tight.cache_tokens);
    }
  }
}

// An answer whose weights change in its thoughts keeps its budget.
TEST(Thinking, GoesOnAfterAVisit) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  const GenerateRequest request = endless_request("visit", 6, 100, 200);
  const GenerateResult expected = engine.generate(request);
  Generation generation = engine.submit(request);
  for (int i = 0; i < 5; ++i) engine.between_steps([] {}, InFlight::pause);
  expect_equal(generation.wait().at(0), expected, "visited");
}

TEST(Thinking, RefusesTokensThatCannotEndIt) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  const auto refused = [&](TokenId begin, TokenId end, int64_t budget) -> std::string {
    GenerateRequest request = thinking_request("x", 1, budget);
    request.think_begin = begin, request.think_end = end;
    try {
      engine.generate(request);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_TRUE(refused(-1, 257, 1).starts_with("think_end:"));
  EXPECT_TRUE(refused(-1, -2, 1).starts_with("think_end:"));
  EXPECT_TRUE(refused(-1, 256, 1).starts_with("think_end:"));
  EXPECT_TRUE(refused(257, 5, 1).starts_with("think_begin:"));
  EXPECT_TRUE(refused(-1, 5, -1).starts_with("think_tokens:"));
  EXPECT_EQ(refused(-1, 5, 0), "");
}

}  // namespace
}  // namespace hadal
