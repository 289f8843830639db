// What may be asked of the engine beside one text: handles, many answers of a prompt, log-probabilities, and visits
// between its steps.
#include "engine/generation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "base/error.h"
#include "engine/testing/engine_support.h"
#include "ops/logits.h"

namespace hadal {
namespace {

using std::chrono::milliseconds;
using test::byte_tokenizer;
using test::make_request;
using test::tiny_model;

constexpr milliseconds kNow{0};

// Holds the engine's thread in its first piece until it is let go: what is submitted meanwhile waits.
class Holder {
 public:
  explicit Holder(Engine& engine) {
    GenerateRequest request = make_request("holder", 5, 0);
    request.ignore_end = true;
    generation_.emplace(engine.submit(request, [this](const AnswerPiece&) {
      held_ = true;
      held_.notify_all();
      free_.wait(false);
      return false;
    }));
    held_.wait(false);
  }
  ~Holder() { let_go(); }
  void let_go() {
    free_ = true;
    free_.notify_all();
  }

 private:
  std::atomic<bool> held_ = false, free_ = false;
  std::optional<Generation> generation_;  // ends before what its on_piece uses
};

TEST(Generation, ThousandsOfRequestsNeedNoThreads) {
  Engine engine(tiny_model(false), byte_tokenizer(), {});
  std::vector<Generation> generations;
  std::vector<GenerateResult> expected;
  constexpr size_t kRequests = 3000, kDifferent = 50;
  for (size_t i = 0; i < kDifferent; ++i) expected.push_back(engine.generate(make_request("many", i, 4)));
  {
    const Holder holder(engine);
    for (size_t i = 0; i < kRequests; ++i)
      generations.push_back(engine.submit(make_request("many", i % kDifferent, 4)));
    EXPECT_EQ(engine.stats().waiting, static_cast<int64_t>(kRequests));
    EXPECT_FALSE(generations.front().done());
    EXPECT_FALSE(generations.front().wait_for(kNow));
    EXPECT_TRUE(generations.front().poll().empty());
  }
  for (size_t i = 0; i < kRequests; ++i) {
    const auto results = generations[i].wait();
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].ids, expected[i % kDifferent].ids) << i;
    EXPECT_EQ(results[0].text, expected[i % kDifferent].text) << i;
    EXPECT_TRUE(generations[i].done());
  }
  EXPECT_EQ(engine.stats().waiting, 0);
}

TEST(Generation, PollingGivesTheAnswerPieceByPiece) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = make_request("poll", 3, 100);
  request.log_probs = LogProbs::raw;
  const GenerateResult expected = engine.generate(request);
  Generation generation = engine.submit(request);
  GenerateResult found;
  while (true) {
    const bool last = generation.done();
    for (const AnswerPiece& piece : generation.poll()) {
      EXPECT_EQ(piece.answer, 0);
      EXPECT_EQ(piece.log_probs.size(), piece.ids.size());
      found.text += piece.text;
      found.ids.insert(found.ids.end(), piece.ids.begin(), piece.ids.end());
    }
    if (last) break;
    generation.wait_for(milliseconds(1));
  }
  EXPECT_EQ(found.text, expected.text);
  EXPECT_EQ(found.ids, expected.ids);
  EXPECT_EQ(generation.wait().front().text, expected.text);  // which polling took nothing of
}

TEST(Generation, PiecesMayComeFromTheEnginesThread) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  const GenerateRequest request = make_request("pieces", 4, 100);
  const GenerateResult expected = engine.generate(request);
  std::string text;
  std::vector<TokenId> ids;
  Generation generation = engine.submit(request, [&, caller = std::this_thread::get_id()](const AnswerPiece& piece) {
    EXPECT_NE(std::this_thread::get_id(), caller);
    text += piece.text;
    ids.insert(ids.end(), piece.ids.begin(), piece.ids.end());
    return true;
  });
  const GenerateResult result = generation.wait().front();
  EXPECT_EQ(result.text, expected.text);
  EXPECT_EQ(text, expected.text);
  EXPECT_EQ(ids, expected.ids);
  EXPECT_TRUE(generation.poll().empty());
}

TEST(Generation, CancelsWhatWaitsAndWhatRuns) {
  Engine engine(tiny_model(), byte_tokenizer(), {.max_running = 1});
  GenerateRequest endless = make_request("runs", 2, 0);
  endless.ignore_end = true;
  std::atomic<bool> started = false, cancelled = false;
  Generation runs = engine.submit(endless, [&](const AnswerPiece&) {
    started = true;
    started.notify_all();
    cancelled.wait(false);
    return true;
  });
  started.wait(false);
  Generation waits = engine.submit(make_request("waits", 3, 40));
  runs.cancel();
  waits.cancel();
  cancelled = true;
  cancelled.notify_all();
  const GenerateResult cut = runs.wait().front(), never = waits.wait().front();
  EXPECT_EQ(cut.finish, FinishReason::cancelled);
  EXPECT_GT(cut.answer_tokens, 0);
  EXPECT_EQ(cut.answer_tokens, static_cast<int64_t>(cut.ids.size()));
  EXPECT_EQ(never.finish, FinishReason::cancelled);
  EXPECT_TRUE(never.ids.empty());
  EXPECT_EQ(engine.generate(make_request("after", 1, 4)).answer_tokens, 4);
}

TEST(Generation, LettingGoOfTheHandleCancels) {
  Engine engine(tiny_model(), byte_tokenizer(), {.max_running = 1});
  std::atomic<int> calls = 0;
  GenerateRequest endless = make_request("endless", 2, 0);
  endless.ignore_end = true;
  {
    const Generation first = engine.submit(endless, [&](const AnswerPiece&) { return ++calls > 0; });
    while (calls < 3) std::this_thread::yield();
  }
  const int at_the_end = calls;
  { const Generation second = engine.submit(endless); }
  EXPECT_EQ(engine.generate(make_request("after", 1, 4)).answer_tokens, 4);  // where only one may run
  EXPECT_EQ(calls, at_the_end);
}

TEST(Generation, MayOutliveTheEngine) {
  auto engine = std::make_unique<Engine>(tiny_model(), byte_tokenizer(), EngineOptions{.max_running = 1});
  GenerateRequest endless = make_request("endless", 2, 0);
  endless.ignore_end = true;
  Generation runs = engine->submit(endless), waits = engine->submit(endless);
  engine.reset();
  EXPECT_TRUE(runs.done() && waits.done());
  EXPECT_NE(runs.wait().front().finish, FinishReason::stop);
  EXPECT_NE(waits.wait().front().finish, FinishReason::stop);
}

TEST(Generation, ErrorsComeFromWait) {
  const auto model = tiny_model();
  model->norm.weight.value().values()[0] = std::nanf("");
  Engine engine(model, byte_tokenizer(), {});
  Generation generation = engine.submit(make_request("x", 1));
  EXPECT_THROW(generation.wait(), Error);
}

GenerateRequest many_answers(const GenerateRequest& request, int answers) {
  GenerateRequest many = request;
  many.answers = answers;
  return many;
}

// The answers of one request are those of as many requests with the seeds that are promised, however the prompt is cut
// and whatever else runs; also where memory is so short that they are preempted.
TEST(Answers, AreThoseOfRequestsOfTheirOwn) {
  for (const bool deepseek : {true, false}) {
    const auto model = tiny_model(deepseek);
    for (const int length : {1, 2, 64, 65, 150}) {
      GenerateRequest request = make_request(std::string(static_cast<size_t>(length), 'q'), 77, 90);
      request.log_probs = LogProbs::raw;
      constexpr int kAnswers = 5;
      std::vector<GenerateResult> alone;
      {
        Engine engine(model, byte_tokenizer(), {});
        for (int i = 0; i < kAnswers; ++i) {
          GenerateRequest one = request;
          one.sampling.seed = answer_seed(77, i);
          alone.push_back(engine.generate(one));
        }
      }
      std::set<std::vector<TokenId>> different;
      for (const auto& result : alone) different.insert(result.ids);
      EXPECT_GT(different.size(), 1u);
      const EngineOptions plenty{}, few{.max_running = 2}, small{.prefill_chunk = 7},
          tight{.max_context = 320, .cache_tokens = 320};
      for (const EngineOptions& options : {plenty, few, small, tight}) {
        Engine engine(model, byte_tokenizer(), options);
        const auto together = engine.generate_all(many_answers(request, kAnswers));
        ASSERT_EQ(together.size(), alone.size());
        for (size_t i = 0; i < together.size(); ++i) {
          EXPECT_EQ(together[i].ids, alone[i].ids) << "answer " << i << " of a prompt of " << length;
          EXPECT_EQ(together[i].text, alone[i].text);
          EXPECT_EQ(together[i].finish, alone[i].finish);
          ASSERT_EQ(together[i].log_probs.size(), alone[i].log_probs.size());
          for (size_t t = 0; t < alone[i].log_probs.size(); ++t)
            ASSERT_EQ(together[i].log_probs[t].log_prob, alone[i].log_probs[t].log_prob) << i << ", token " << t;
        }
        if (length == 150) {
          EXPECT_EQ(engine.stats().preempted > 0, options.cache_tokens == tight.cache_tokens);
        }
      }
    }
  }
}

TEST(Answers, ReadThePromptOnce) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  engine.generate_all(many_answers(make_request(std::string(200, 'p'), 1, 10), 16));
  EXPECT_EQ(engine.stats().prompt_tokens, 200 + 15);  // each of the others reads its last token
}

TEST(Answers, AreFollowedAndCancelledOneByOne) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = many_answers(make_request("follow", 9, 60), 3);
  request.ignore_end = true;
  const auto expected = engine.generate_all(request);
  for (const bool from_engine : {false, true}) {
    request.text_from_engine = from_engine;
    std::vector<std::string> texts(3);
    const auto results = engine.generate_all(request, [&](const AnswerPiece& piece) {
      texts[static_cast<size_t>(piece.answer)] += piece.text;
      return piece.answer != 1;
    });
    for (const size_t i : {0u, 2u}) {
      EXPECT_EQ(texts[i], expected[i].text);
      EXPECT_EQ(results[i].text, expected[i].text);
      EXPECT_EQ(results[i].finish, FinishReason::length);
    }
    EXPECT_EQ(results[1].finish, FinishReason::cancelled);
    EXPECT_TRUE(expected[1].text.starts_with(texts[1]));
    EXPECT_FALSE(texts[1].empty());
  }
}

TEST(LogProbs, AreOfTheWholeVocabularyAtTheTemperatureAskedFor) {
  const auto model = tiny_model();
  Engine engine(model, byte_tokenizer(), {.precision = Precision::f32});
  GenerateRequest request = make_request("numbers", 6, 12);
  request.sampling.temperature = 0.5f;
  request.sampling.top_p = 0.9f;
  request.sampling.frequency_penalty = 1;
  request.sampling.logit_bias = {{97, 20}};
  request.top_log_probs = 5;
  request.ignore_end = true;
  for (const LogProbs kind : {LogProbs::raw, LogProbs::at_temperature}) {
    request.log_probs = kind;
    const GenerateResult result = engine.generate(request);
    ASSERT_EQ(result.log_probs.size(), result.ids.size());
    Batch batch;
    std::vector<TokenId> all = request.prompt;
    all.insert(all.end(), result.ids.begin(), result.ids.end());
    batch.append(all);
    Context ctx;
    ctx.precision = Precision::f32;
    const Tensor scores = logits(ctx, *model, forward(ctx, *model, batch, {.mla_form = MlaForm::absorbed}).hidden);
    const double temperature = kind == LogProbs::raw ? 1 : 0.5;
    for (size_t i = 0; i < result.ids.size(); ++i) {
      const float* row = scores.row(static_cast<int64_t>(request.prompt.size() + i) - 1);
      double sum = 0;
      for (int64_t id = 0; id < scores.cols(); ++id) sum += std::exp(double{row[id]} / temperature);
      const TokenLogProb& token = result.log_probs[i];
      EXPECT_EQ(token.id, result.ids[i]);
      EXPECT_NEAR(token.log_prob, double{row[token.id]} / temperature - std::log(sum), 1e-4);
      ASSERT_EQ(token.top.size(), 5u);
      std::vector<TokenId> order(257);
      for (TokenId id = 0; id < 257; ++id) order[static_cast<size_t>(id)] = id;
      std::ranges::stable_sort(order, [&](TokenId a, TokenId b) { return row[a] > row[b]; });
      for (size_t k = 0; k < 5; ++k) {
        EXPECT_EQ(token.top[k].id, order[k]);
        EXPECT_NEAR(token.top[k].log_prob, double{row[order[k]]} / temperature - std::log(sum), 1e-4);
      }
    }
  }
}

TEST(LogProbs, TheEndTokenHasOneToo) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = make_request("end", 1, 3);
  request.sampling.logit_bias = {{256, 100}};
  request.log_probs = LogProbs::raw;
  const GenerateResult result = engine.generate(request);
  EXPECT_EQ(result.finish, FinishReason::stop);
  EXPECT_TRUE(result.ids.empty());
  ASSERT_TRUE(result.end.has_value());
  EXPECT_EQ(result.end->id, 256);
  EXPECT_LT(result.end->log_prob, 0);
  request.log_probs = LogProbs::none;
  EXPECT_EQ(engine.generate(request).end->log_prob, 0);
  request.ignore_end = true;
  const GenerateResult ignored = engine.generate(request);
  EXPECT_FALSE(ignored.end.has_value());
  EXPECT_TRUE(ignored.log_probs.empty());
  EXPECT_EQ(ignored.ids, std::vector<TokenId>(3, 256));
}

TEST(LogProbs, DoNotChangeWhatIsSampled) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = make_request("same", 8, 60);
  const auto ids = engine.generate(request).ids;
  request.log_probs = LogProbs::at_temperature;
  request.top_log_probs = 20;
  EXPECT_EQ(engine.generate(request).ids, ids);
}

// Given tokens have the log-probabilities they would have had if they had been sampled, and the answer goes on.
TEST(LogProbs, OfGivenTokensAreThoseOfSampledOnes) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = make_request("given", 8, 30);
  request.log_probs = LogProbs::at_temperature;
  request.sampling.temperature = 0.7f;
  const GenerateResult sampled = engine.generate(request);
  request.given.assign(sampled.ids.begin(), sampled.ids.begin() + 20);
  const GenerateResult resumed = engine.generate(request);
  EXPECT_EQ(resumed.ids, sampled.ids);
  request.sampling.seed = 9;
  const GenerateResult other = engine.generate(request);
  EXPECT_NE(other.ids, sampled.ids);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(other.ids[i], sampled.ids[i]);
    EXPECT_EQ(other.log_probs[i].log_prob, sampled.log_probs[i].log_prob);
  }
  request.given[3] = 256;  // the end token
  EXPECT_EQ(engine.generate(request).ids.size(), 3u);
  request.ignore_end = true;
  EXPECT_EQ(engine.generate(request).ids.size(), 30u);
  request.given[3] = 257;  // of the model, but not of the tokenizer
  EXPECT_THROW(engine.submit(request), Error);
}

TEST(LogProbs, RefusesWhatHasNoSense) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = make_request("x", 1, 3);
  request.top_log_probs = 2;
  EXPECT_THROW(engine.submit(request), Error);
  request.log_probs = LogProbs::at_temperature;
  request.sampling.temperature = 0;
  EXPECT_THROW(engine.submit(request), Error);
  request.log_probs = LogProbs::raw;
  EXPECT_EQ(engine.generate(request).log_probs.size(), engine.generate(request).ids.size());
  request.top_log_probs = -1;
  EXPECT_THROW(engine.submit(request), Error);
  request.top_log_probs = 0;
  request.answers = 0;
  EXPECT_THROW(engine.submit(request), Error);
}

// Special tokens, which text leaves out, are told by where they stand, also between pieces that a stop string delays.
TEST(Marks, SayWhereSpecialTokensStand) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  GenerateRequest request = make_request("marks", 3, 60);
  request.ignore_end = true;
  request.sampling.logit_bias = {{256, 3}};
  for (char c = ' '; c <= '~'; ++c) request.stop.push_back(c + std::string("never in there"));
  const GenerateResult result = engine.generate(request);
  std::string text;
  std::vector<TextMark> expected;
  Utf8Stream utf8;
  for (const TokenId id : result.ids) {
    if (id == 256)
      expected.push_back({text.size(), id});
    else
      text += utf8.push(std::string(1, static_cast<char>(id)));
  }
  ASSERT_GT(expected.size(), 2u);
  ASSERT_EQ(result.marks.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(result.marks[i].at, expected[i].at);
  for (const bool from_engine : {false, true}) {
    request.text_from_engine = from_engine;
    std::vector<TextMark> marks;
    size_t length = 0;
    engine.generate_all(request, [&](const AnswerPiece& piece) {
      for (const TextMark& mark : piece.marks) {
        EXPECT_LE(mark.at, piece.text.size());
        marks.push_back({length + mark.at, mark.id});
      }
      length += piece.text.size();
      return true;
    });
    ASSERT_EQ(marks.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(marks[i].at, expected[i].at);
  }
}

void scale_head(Model& model, float factor) {
  for (float& x : model.head.weight.value().values()) x *= factor;
  model.head.weight.changed();
}

// In between nothing is computed, weights may change, and what goes on afterwards is computed by the new ones: the rest
// of an answer is what the new weights make of its beginning.
TEST(BetweenSteps, WeightsMayChangeWhileAnswersPause) {
  const auto model = tiny_model();
  for (Param* p : model->params()) p->weight.frozen = false;
  Engine engine(model, byte_tokenizer(), {.precision = Precision::f32});
  GenerateRequest request = many_answers(make_request(std::string(70, 'w'), 2, 300), 3);
  request.ignore_end = true;
  request.log_probs = LogProbs::raw;
  std::atomic<int> pieces = 0;  // the engine's thread waits at the tenth for the visitor, and that one for the tenth
  Generation generation = engine.submit(request, [&](const AnswerPiece&) {
    ++pieces;
    while (pieces == 10 && engine.stats().visitors == 0) std::this_thread::yield();
    return true;
  });
  while (pieces < 10) std::this_thread::yield();
  engine.between_steps(
      [&] {
        for (Param* p : model->params()) {
          for (float& x : p->weight.value().values()) x *= 1.25f;
          p->weight.changed();
        }
      },
      InFlight::pause);
  const std::vector<GenerateResult> results = generation.wait();
  for (const GenerateResult& result : results) {
    ASSERT_EQ(result.ids.size(), 300u);
    Batch batch;
    std::vector<TokenId> all = request.prompt;
    all.insert(all.end(), result.ids.begin(), result.ids.end());
    batch.append(all);
    Context ctx;
    ctx.precision = Precision::f32;
    const Tensor scores = logits(ctx, *model, forward(ctx, *model, batch, {.mla_form = MlaForm::absorbed}).hidden);
    const auto log_prob = [&](size_t i) {
      const int64_t row = static_cast<int64_t>(request.prompt.size() + i) - 1;
      return log_softmax_of({scores.row(row), static_cast<size_t>(scores.cols())})(scores.row(row)[result.ids[i]]);
    };
    size_t old = 0;  // tokens that the old weights made
    while (old < 300 && result.log_probs[old].log_prob != log_prob(old)) ++old;
    EXPECT_GT(old, 0u);
    EXPECT_LT(old, 300u);
    for (size_t i = old; i < 300; ++i) ASSERT_EQ(result.log_probs[i].log_prob, log_prob(i)) << i << " after " << old;
  }
}

TEST(BetweenSteps, OrWhenWhatHasBegunIsDone) {
  const auto model = tiny_model();
  Engine engine(model, byte_tokenizer(), {.max_running = 1});
  GenerateRequest request = make_request("finish", 2, 100);
  request.ignore_end = true;
  request.log_probs = LogProbs::raw;
  const auto before = engine.generate(request);
  std::atomic<bool> started = false;
  Generation begun = engine.submit(request, [&](const AnswerPiece&) {
    started = true;
    while (engine.stats().visitors == 0 || engine.stats().waiting == 0) std::this_thread::yield();
    return true;
  });
  while (!started) std::this_thread::yield();
  Generation waits = engine.submit(request);
  std::optional<Generation> late;
  engine.between_steps([&] {
    EXPECT_TRUE(begun.done());
    EXPECT_TRUE(waits.poll().empty());
    late.emplace(engine.submit(request));  // requests may come meanwhile
    scale_head(*model, 2);
  });
  EXPECT_EQ(begun.wait().front().ids, before.ids);
  const GenerateResult after = waits.wait().front();
  EXPECT_NE(after.log_probs[0].log_prob, before.log_probs[0].log_prob);
  EXPECT_EQ(after.ids, late->wait().front().ids);
}

TEST(BetweenSteps, ThrowsWhatTheVisitorThrowsAndGoesOn) {
  Engine engine(tiny_model(), byte_tokenizer(), {});
  const auto throws = [] { throw Error("the visitor's own"); };
  EXPECT_THROW(engine.between_steps(throws), Error);
  EXPECT_THROW(engine.between_steps(throws, InFlight::pause), Error);
  std::atomic<int> visits = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { engine.between_steps([&] { ++visits; }); });
  }
  EXPECT_EQ(visits, 8);
  EXPECT_EQ(engine.generate(make_request("after", 1, 4)).answer_tokens, 4);
}

}  // namespace
}  // namespace hadal
