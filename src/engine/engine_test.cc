#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "engine/testing/engine_support.h"

namespace hadal {
namespace {

using test::byte_tokenizer;
using test::make_request;
using test::tiny_model;

// Prompts of many lengths, answers of many lengths; the long prompts go on into a second block of the cache.
std::vector<GenerateRequest> mixed_requests(int count) {
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < count; ++i) {
    const int length = (i % 3 == 0 ? 1 : 156) + i * 37 % 100;
    requests.push_back(make_request(std::string(static_cast<size_t>(length), static_cast<char>('a' + i)),
                                    static_cast<uint64_t>(i), 5 + i * 53 % 145));
    requests.back().ignore_end = i % 3 != 0;
  }
  return requests;
}

// All of them are there before the first step, so they meet however busy the machine is.
std::vector<GenerateResult> run_together(Engine& engine, const std::vector<GenerateRequest>& requests) {
  std::vector<Generation> generations;
  engine.between_steps([&] {
    for (const GenerateRequest& request : requests) generations.push_back(engine.submit(request));
  });
  std::vector<GenerateResult> results;
  for (Generation& generation : generations) results.push_back(generation.wait().at(0));
  return results;
}

// Four long answers first: together they are admitted to a cache of 12 blocks, and outgrow it.
std::vector<GenerateRequest> requests_that_outgrow_a_small_cache() {
  std::vector<GenerateRequest> requests;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    requests.push_back(make_request("long", seed, 300));
    requests.back().ignore_end = true;
  }
  for (GenerateRequest& request : mixed_requests(10)) requests.push_back(std::move(request));
  return requests;
}

// Rows of the head that are no token's, in holes of the numbering and behind it, are never chosen.
TEST(Engine, PaddingIsNeverSampled) {
  TokenizerParts parts = byte_tokenizer()->parts();
  for (int id = 257; id < 262; ++id) {
    parts.tokens.push_back(fmt::format("[PAD{}]", id));
    parts.types.push_back(id == 261 ? TokenType::control : TokenType::unused);
  }
  Engine engine(tiny_model(), std::make_shared<const Tokenizer>(Tokenizer::from_parts(std::move(parts), "test")), {});
  for (const float temperature : {0.0f, 30.0f}) {
    std::vector<int> seen(264);
    for (uint64_t seed = 0; seed < 20; ++seed) {
      GenerateRequest request = make_request("abc", seed, 400);
      request.sampling.temperature = temperature;
      request.sampling.top_p = 1;
      request.ignore_end = true;
      for (const TokenId id : engine.generate(request).ids) ++seen[static_cast<size_t>(id)];
    }
    for (const int id : {257, 258, 259, 260, 262, 263}) EXPECT_EQ(seen[static_cast<size_t>(id)], 0) << id;
    if (temperature > 0) {
      EXPECT_GT(seen[261], 0);
    }
  }
}

TEST(Engine, WhatRunsBesideDoesNotMatter) {
  for (const bool deepseek : {true, false}) {
    const auto model = tiny_model(deepseek);
    const auto requests = requests_that_outgrow_a_small_cache();
    std::vector<GenerateResult> alone;
    {
      Engine engine(model, byte_tokenizer(), {});
      for (const auto& request : requests) alone.push_back(engine.generate(request));
    }
    // Plenty of room; few places; small chunks; and so little memory that sequences are paused and read again.
    const EngineOptions plenty{}, few{.max_running = 3}, small{.prefill_chunk = 7},
        tight{.max_context = 512, .cache_tokens = 768};
    for (const EngineOptions& options : {plenty, few, small, tight}) {
      Engine engine(model, byte_tokenizer(), options);
      const bool pauses = options.cache_tokens == tight.cache_tokens;
      int64_t prompt_tokens = 0;
      const auto together = run_together(engine, requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        EXPECT_EQ(together[i].ids, alone[i].ids) << "request " << i << ", cache of " << options.cache_tokens;
        EXPECT_EQ(together[i].text, alone[i].text);
        EXPECT_EQ(together[i].finish, alone[i].finish);
        prompt_tokens += together[i].prompt_tokens;
      }
      EXPECT_EQ(engine.stats().waiting, 0);
      EXPECT_EQ(engine.stats().preempted > 0, pauses);
      EXPECT_EQ(engine.stats().prompt_tokens, prompt_tokens);
      EXPECT_GT(engine.stats().busy_seconds, 0);
    }
  }
}

// A sequence that is paused reads its tokens again and rounds them to the same 8 bits.
TEST(Engine, WhatRunsBesideDoesNotMatterWithAnEightBitCache) {
  for (const bool deepseek : {true, false}) {
    const auto model = tiny_model(deepseek);
    const auto requests = requests_that_outgrow_a_small_cache();
    std::vector<GenerateResult> alone;
    {
      Engine engine(model, byte_tokenizer(), {.kv_type = KvType::q8});
      for (const auto& request : requests) alone.push_back(engine.generate(request));
    }
    Engine engine(model, byte_tokenizer(),
                  {.max_context = 512, .cache_tokens = 768, .prefill_chunk = 7, .kv_type = KvType::q8});
    const auto together = run_together(engine, requests);
    for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(together[i].ids, alone[i].ids) << i;
    EXPECT_GT(engine.stats().preempted, 0);
  }
}

TEST(Engine, StreamsTheWholeAnswerInValidPieces) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  std::string streamed;
  const GenerateResult result = engine.generate(make_request("stream", 3, 200), [&](std::string_view piece) {
    EXPECT_FALSE(piece.empty());
    Utf8Stream valid;
    EXPECT_EQ(valid.push(piece) + valid.finish(), piece);
    streamed += piece;
    return true;
  });
  EXPECT_EQ(streamed, result.text);
  EXPECT_GT(result.text.size(), 20u);
  EXPECT_EQ(result.answer_tokens, static_cast<int64_t>(result.ids.size()));
  EXPECT_EQ(result.prompt_tokens, 6);
  EXPECT_GT(result.first_token_seconds, 0);
  EXPECT_GE(result.total_seconds, result.first_token_seconds);
  for (const TokenId id : result.ids) EXPECT_LT(id, 256);  // neither the end token nor padding
}

TEST(Engine, EndsAtTheLimitAndAtTheEndToken) {
  const auto model = tiny_model();
  Engine engine(model, byte_tokenizer(), {.max_context = 128});
  const GenerateResult limited = engine.generate(make_request("abc", 1, 5));
  EXPECT_EQ(limited.finish, FinishReason::length);
  EXPECT_EQ(limited.answer_tokens, 5);
  const GenerateResult full = engine.generate(make_request("abc", 1, 0));
  EXPECT_LE(full.answer_tokens, 125);
  std::vector<GenerateRequest> requests;
  for (uint64_t seed = 0; seed < 32; ++seed) requests.push_back(make_request("abc", seed, 0));
  const auto results = run_together(engine, requests);
  const auto stopped =
      std::count_if(results.begin(), results.end(), [](auto& r) { return r.finish == FinishReason::stop; });
  EXPECT_GT(stopped, 0);  // one token in 257 is the end
}

TEST(Engine, EndsAtTheOtherEndTokensThatFilesName) {
  const auto model = tiny_model();
  const auto request = make_request("ab", 5, 20);
  const auto ids = Engine(model, byte_tokenizer(), {}).generate(request).ids;
  ASSERT_GT(ids.size(), 4u);
  EngineOptions options;
  options.ends = {ids[3]};
  const GenerateResult cut = Engine(model, byte_tokenizer(), options).generate(request);
  EXPECT_EQ(cut.finish, FinishReason::stop);
  EXPECT_EQ(cut.answer_tokens, std::find(ids.begin(), ids.end(), ids[3]) - ids.begin());
}

TEST(Engine, StopStringsCutTheAnswer) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = make_request("stop here", 11, 120);
  const std::string whole = engine.generate(request).text;
  ASSERT_GT(whole.size(), 40u);
  for (size_t at = 10; at + 4 < whole.size(); at += 9) {
    if ((static_cast<unsigned char>(whole[at]) & 0xc0) == 0x80) continue;
    request.stop = {"never in there, never", whole.substr(at, 4)};
    std::string streamed;
    const GenerateResult cut = engine.generate(request, [&](std::string_view piece) {
      streamed += piece;
      return true;
    });
    EXPECT_EQ(cut.text, whole.substr(0, whole.find(request.stop[1])));
    EXPECT_EQ(streamed, cut.text);
    EXPECT_EQ(cut.finish, FinishReason::stop);
  }
}

TEST(Engine, Cancels) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  int pieces = 0;
  const GenerateResult result =
      engine.generate(make_request("cancel", 1, 400), [&](std::string_view) { return ++pieces < 3; });
  EXPECT_EQ(result.finish, FinishReason::cancelled);
  EXPECT_EQ(pieces, 3);
  EXPECT_LT(result.answer_tokens, 400);
  EXPECT_THROW(
      engine.generate(make_request("throw", 1), [](std::string_view) -> bool { throw Error("the caller's own"); }),
      Error);
  EXPECT_EQ(engine.generate(make_request("after", 1, 4)).answer_tokens, 4);
}

TEST(Engine, TextMayComeFromTheEnginesThread) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = make_request("direct", 3, 100);
  const GenerateResult expected = engine.generate(request);
  request.text_from_engine = true;
  std::string text;
  const GenerateResult result =
      engine.generate(request, [&, caller = std::this_thread::get_id()](std::string_view piece) {
        EXPECT_NE(std::this_thread::get_id(), caller);
        text += piece;
        return true;
      });
  EXPECT_EQ(text, expected.text);
  EXPECT_EQ(result.text, expected.text);
  EXPECT_EQ(result.ids, expected.ids);
  EXPECT_EQ(result.finish, expected.finish);
  int pieces = 0;
  request.max_tokens = 400;
  const GenerateResult cut = engine.generate(request, [&](std::string_view) { return ++pieces < 3; });
  EXPECT_EQ(cut.finish, FinishReason::cancelled);
  EXPECT_EQ(pieces, 3);
  EXPECT_LT(cut.answer_tokens, 400);
}

TEST(Engine, WhoWaitsIsToldHisPlace) {
  Engine engine(tiny_model(), byte_tokenizer(), {.max_running = 1});
  std::atomic<int> told = 0;
  int pieces = 0;
  GenerateRequest first = make_request("first", 5, 200);
  first.ignore_end = first.text_from_engine = true;
  std::vector<std::vector<int64_t>> places(3);
  std::vector<GenerateResult> results(3);
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {  // the thread of the engine waits for the others to come, then for them to have been told
    engine.generate(first, [&](std::string_view) {
      ++pieces;
      while ((pieces == 1 && engine.stats().waiting < 3) || (pieces == 2 && told < 3)) std::this_thread::yield();
      return true;
    });
  });
  while (engine.stats().running < 1) std::this_thread::yield();
  for (size_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      GenerateRequest request = make_request("waits", i, 5);
      request.on_place = [&, i](int64_t place) {
        if (place == 0 || (!places[i].empty() && places[i].back() == place)) return true;  // begun, or asked again
        places[i].push_back(place);
        ++told;
        return i != 1;  // the second has enough of it
      };
      results[i] = engine.generate(request);
    });
    // So they come in order. The last one is waited for by the engine's thread: here its place may be gone before it is
    // seen.
    while (i < 2 && engine.stats().waiting < static_cast<int64_t>(i) + 1) std::this_thread::yield();
  }
  threads.clear();
  EXPECT_EQ(places[0], std::vector<int64_t>{1});
  EXPECT_EQ(places[1], std::vector<int64_t>{2});
  ASSERT_FALSE(places[2].empty());
  EXPECT_EQ(places[2].front(), 3);
  EXPECT_TRUE(std::ranges::is_sorted(places[2], std::greater<>()));
  EXPECT_EQ(results[1].finish, FinishReason::cancelled);
  EXPECT_EQ(results[1].answer_tokens, 0);
  EXPECT_GT(results[2].answer_tokens, 0);
}

// Who is gone is not kept in the queue, also when that does not move: here it stands still until he was asked four
// times.
TEST(Engine, WhoWaitsIsAskedNowAndThen) {
  Engine engine(tiny_model(), byte_tokenizer(), {.max_running = 1});
  std::atomic<int> asked = 0;
  std::atomic<bool> over = false;
  GenerateRequest first = make_request("first", 5, 0), second = make_request("second", 6, 0);
  first.ignore_end = second.ignore_end = true;
  first.text_from_engine = true;
  std::jthread holder([&] {
    engine.generate(first, [&, pieces = 0](std::string_view) mutable {
      ++pieces;
      while ((pieces == 1 && engine.stats().waiting < 1) || (pieces == 2 && asked < 4)) std::this_thread::yield();
      return !over;
    });
  });
  while (engine.stats().running < 1) std::this_thread::yield();
  second.on_place = [&](int64_t place) { return place != 1 || ++asked < 4; };
  const GenerateResult result = engine.generate(second);
  over = true;
  EXPECT_EQ(result.finish, FinishReason::cancelled);
  EXPECT_GE(asked, 4);
}

TEST(Engine, WritesSixtyFourShortAnswersAtOnce) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  int pieces = 0;
  int64_t at_once = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&, i] {
      GenerateRequest request = make_request("A short question?", static_cast<uint64_t>(i), 100);
      request.ignore_end = true;
      request.text_from_engine = i == 0;
      engine.generate(request, [&, i](std::string_view) {
        if (i != 0) return true;
        ++pieces;
        while (pieces == 1 && engine.stats().waiting + engine.stats().running < 64) std::this_thread::yield();
        at_once = std::max(at_once, engine.stats().running);
        return true;
      });
    });
    while (i == 0 && engine.stats().running < 1)
      std::this_thread::yield();  // so that it holds the others until all are there
  }
  threads.clear();
  EXPECT_EQ(at_once, 64);
}

TEST(Engine, EndingCancelsWhatRuns) {
  std::atomic<bool> started = false;
  auto engine = std::make_unique<Engine>(tiny_model(), byte_tokenizer(), EngineOptions{.max_context = 500});
  Engine* running = engine.get();
  GenerateResult result;
  std::jthread caller([&] {
    GenerateRequest request = make_request("x", 5, 490);
    result = running->generate(request, [&](std::string_view) {
      started = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return true;
    });
  });
  while (!started) std::this_thread::yield();
  engine.reset();
  caller.join();
  EXPECT_LE(result.answer_tokens, 490);
}

TEST(Engine, RefusesImpossibleRequests) {
  Engine engine(tiny_model(), byte_tokenizer(), {.max_context = 64});
  const auto refused = [&](const GenerateRequest& request, std::string_view part) {
    try {
      engine.generate(request);
      ADD_FAILURE() << "accepted; expected a refusal with: " << part;
    } catch (const Error& e) {
      EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what();
    }
  };
  refused(make_request("", 1), "empty prompt");
  refused(make_request(std::string(64, 'x'), 1), "64");
  GenerateRequest request = make_request("x", 1);
  request.prompt.push_back(264);
  refused(request, "264");
  request.prompt.back() = -1;
  refused(request, "-1");
  request = make_request("x", 1);
  request.max_tokens = -1;
  refused(request, "max_tokens");
  request.max_tokens = 1;
  request.stop = {""};
  refused(request, "stop");
  request.stop.clear();
  request.sampling.top_p = 2;
  refused(request, "top_p");
  request.sampling.top_p = 1;
  request.sampling.logit_bias = {{257, 1}};  // a row of the head that the tokenizer does not have
  refused(request, "logit_bias");
  EXPECT_EQ(engine.generate(make_request(std::string(63, 'x'), 1)).answer_tokens, 1);
  EXPECT_THROW(Engine(tiny_model(), byte_tokenizer(), {.max_context = 100000}), Error);
  EXPECT_THROW(Engine(tiny_model(), byte_tokenizer(), {.cache_tokens = int64_t{1} << 40}), Error);
}

TEST(Engine, BrokenWeightsAreAnErrorAndNotACrash) {
  const auto model = tiny_model();
  model->norm.weight.value().values()[0] = std::nanf("");
  Engine engine(model, byte_tokenizer(), {});
  EXPECT_THROW(engine.generate(make_request("x", 1)), Error);
}

// A short request that comes after a long one ends long before it.
TEST(Engine, ServesFairly) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  std::atomic<bool> started = false;
  std::atomic<int64_t> long_pieces = 0;
  std::jthread slow([&] {
    engine.generate(make_request("long", 5, 500), [&](std::string_view) {
      started = true;
      ++long_pieces;
      return true;
    });
  });
  while (!started) std::this_thread::yield();
  engine.generate(make_request("short", 6, 3));
  EXPECT_LT(long_pieces, 300);
}

}  // namespace
}  // namespace hadal
