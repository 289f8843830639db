// The ladder of equalities: one forward trains, prefills and decodes, and all ways through it give the same bits.
#include <algorithm>

#include "model/testing/tiny_models.h"

namespace hadal {
namespace {

using test::expect_same_rows;
using test::make_batch;
using test::make_model;
using test::part_of;

// Runs fn(ctx, model) for every tiny model, precision and CPU level.
template <typename F>
void for_every_model(F&& fn) {
  test::at_every_level_and_precision([&](const Context& ctx) {
    for (const auto& [name, config] : test::tiny_configs()) {
      SCOPED_TRACE(name);
      const auto model = make_model(config);
      fn(ctx, *model);
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

// The same with a cache that keeps what products read, and with one of 8 bits.
template <typename F>
void for_every_model_and_cache(F&& fn) {
  for_every_model([&](const Context& ctx, Model& model) {
    for (const KvType type : {kv_type_of(ctx.precision), KvType::q8}) {
      SCOPED_TRACE(kv_type_name(type));
      fn(ctx, model, type);
    }
  });
}

// Feeds [begin, begin + count) of sequence s to a state and returns the hidden rows.
Tensor feed(const Context& ctx, Model& model, const Batch& batch, size_t s, int64_t begin, int64_t count,
            KvSequence& state) {
  Batch part = part_of(batch, s, begin, count);
  EXPECT_EQ(state.length(), begin);
  EXPECT_TRUE(state.extend(count));
  part.states = {&state};
  return forward(ctx, model, part).hidden;
}

constexpr int32_t kBlock = KvCache::kBlockTokens * KvCache::kPageBlocks;  // tokens of a page

TEST(Ladder, BatchOfOneEqualsBatchOfMany) {
  for_every_model([](const Context& ctx, Model& model) {
    const Batch batch = make_batch({5, 1, 90, 33, 2}, model.config.vocab);
    for (MlaForm form : {MlaForm::expanded, MlaForm::absorbed}) {
      if (form == MlaForm::absorbed && !model.config.is_mla()) continue;
      const Tensor whole = forward(ctx, model, batch, {.mla_form = form}).hidden;
      for (size_t s = 0; s + 1 < batch.offsets.size(); ++s) {
        const Batch alone = part_of(batch, s, 0, batch.offsets[s + 1] - batch.offsets[s]);
        expect_same_rows(whole, batch.offsets[s], forward(ctx, model, alone, {.mla_form = form}).hidden,
                         "sequence " + std::to_string(s));
      }
    }
  });
}

TEST(Ladder, PrefillEqualsChunksEqualsDecode) {
  for_every_model_and_cache([](const Context& ctx, Model& model, KvType type) {
    const int64_t length = 80;
    const Batch batch = make_batch({static_cast<int32_t>(length)}, model.config.vocab);
    KvCache cache(model.config, 3 * kBlock, type);
    KvSequence at_once(cache), chunks(cache), decoded(cache);
    const Tensor whole = feed(ctx, model, batch, 0, 0, length, at_once);
    for (int64_t begin = 0, size = 1; begin < length; begin += size, size = size * 3 + 1) {  // 1, 4, 13, 40, the rest
      size = std::min(size, length - begin);
      expect_same_rows(whole, begin, feed(ctx, model, batch, 0, begin, size, chunks), "chunk");
    }
    for (int64_t t = 0; t < length; ++t)
      expect_same_rows(whole, t, feed(ctx, model, batch, 0, t, 1, decoded), "token by token");
  });
}

// The trainer's forward, over whole sequences without a cache, gives the engine's bits.
TEST(Ladder, TrainerForwardEqualsEngine) {
  for_every_model([](Context ctx, Model& model) {
    const Batch batch = make_batch({70, 9, 1}, model.config.vocab);
    Tape tape;
    Context training = ctx;
    training.tape = &tape;
    const Tensor trained =
        forward(training, model, batch, {.mla_form = MlaForm::absorbed, .balance_weight = 0.01f}).hidden;
    KvCache cache(model.config, kBlock, kv_type_of(ctx.precision));
    for (size_t s = 0; s + 1 < batch.offsets.size(); ++s) {
      KvSequence state(cache);
      const int64_t length = batch.offsets[s + 1] - batch.offsets[s], prompt = length / 2;
      if (prompt > 0)
        expect_same_rows(trained, batch.offsets[s], feed(ctx, model, batch, s, 0, prompt, state), "prefill");
      for (int64_t t = prompt; t < length; ++t)
        expect_same_rows(trained, batch.offsets[s] + t, feed(ctx, model, batch, s, t, 1, state), "decode");
    }
  });
}

// The last feed-forward for some rows alone gives the bits of those rows.
TEST(Ladder, ChosenRowsEqualThoseOfAll) {
  for_every_model([](const Context& ctx, Model& model) {
    const Batch batch = make_batch({30, 75, 20}, model.config.vocab);
    const Tensor all = forward(ctx, model, batch).hidden;
    const std::vector<int64_t> rows = {29, 40, 104};
    const Tensor chosen = forward(ctx, model, batch, {.rows = rows}).hidden;
    ASSERT_EQ(chosen.rows(), 3);
    for (int64_t i = 0; i < 3; ++i) {
      Tensor row({1, chosen.cols()});
      std::copy_n(chosen.row(i), chosen.cols(), row.row(0));
      expect_same_rows(all, rows[static_cast<size_t>(i)], row, "row " + std::to_string(rows[static_cast<size_t>(i)]));
    }
    EXPECT_EQ(forward(ctx, model, batch, {.rows = std::vector<int64_t>{}}).hidden.rows(), 0);
  });
}

// One call may prefill one sequence, continue a second and decode a third.
TEST(Ladder, MixedBatchEqualsEachAlone) {
  for_every_model_and_cache([](const Context& ctx, Model& model, KvType type) {
    const Batch batch = make_batch({30, 75, 20}, model.config.vocab);
    const std::vector<int64_t> before = {0, 66, 19}, now = {30, 9, 1};
    KvCache cache(model.config, 4 * kBlock, type);
    KvSequence a(cache), b(cache), c(cache);
    KvSequence* const states[] = {&a, &b, &c};
    Batch mixed;
    std::vector<Tensor> wanted;
    for (size_t s = 0; s < 3; ++s) {
      KvSequence alone(cache);
      for (KvSequence* state : {&alone, states[s]})
        if (before[s] > 0) feed(ctx, model, batch, s, 0, before[s], *state);
      wanted.push_back(feed(ctx, model, batch, s, before[s], now[s], alone));
      const Batch part = part_of(batch, s, before[s], now[s]);
      mixed.append(part.ids, before[s], states[s]);
      ASSERT_TRUE(states[s]->extend(now[s]));
    }
    const Tensor found = forward(ctx, model, mixed).hidden;
    for (size_t s = 0; s < 3; ++s)
      expect_same_rows(found, mixed.offsets[s], wanted[s], "sequence " + std::to_string(s));
  });
}

// Blocks that others used and gave back, in any order, with what they left in them.
TEST(Ladder, TheResultDoesNotDependOnWhereItsBlocksLie) {
  for_every_model_and_cache([](const Context& ctx, Model& model, KvType type) {
    const Batch batch = make_batch({2 * kBlock + 22, kBlock + 6}, model.config.vocab);
    KvCache fresh(model.config, 3 * kBlock, type), used(model.config, 10 * kBlock, type);
    KvSequence first(fresh);
    const Tensor wanted = feed(ctx, model, batch, 0, 0, 2 * kBlock + 22, first);
    KvSequence scattered(used);
    {
      KvSequence x(used), y(used), z(used);
      for (KvSequence* other : {&x, &y, &z}) feed(ctx, model, batch, 1, 0, kBlock + 6, *other);
      y.truncate(0);
      expect_same_rows(wanted, 0, feed(ctx, model, batch, 0, 0, kBlock - 4, scattered), "first part");
      x.truncate(3);
      expect_same_rows(wanted, kBlock - 4, feed(ctx, model, batch, 0, kBlock - 4, kBlock - 14, scattered),
                       "second part");
    }
    expect_same_rows(wanted, 2 * kBlock - 18, feed(ctx, model, batch, 0, 2 * kBlock - 18, 40, scattered), "third part");
  });
}

// Two sequences that share the rows of their beginning, wherever a block ends, go on as if each had read it.
TEST(Ladder, ASharedBeginningEqualsFresh) {
  for_every_model_and_cache([](const Context& ctx, Model& model, KvType type) {
    const Batch batch = make_batch({90}, model.config.vocab), other = make_batch({90}, model.config.vocab, 6);
    for (const int64_t shared : {int64_t{1}, KvCache::kBlockTokens, int64_t{70}}) {
      KvCache cache(model.config, 6 * kBlock, type);
      KvSequence first(cache), alone(cache);
      const Tensor expected = feed(ctx, model, batch, 0, 0, 90, first);
      feed(ctx, model, batch, 0, 0, shared, alone);
      const Tensor expected_other = feed(ctx, model, other, 0, shared, 90 - shared, alone);
      KvSequence same(first, shared), different(first, shared);
      expect_same_rows(expected_other, 0, feed(ctx, model, other, 0, shared, 90 - shared, different), "other tokens");
      expect_same_rows(expected, shared, feed(ctx, model, batch, 0, shared, 90 - shared, same), "the same tokens");
    }
  });
}

// What is cut off and written anew (a rejected guess, an edited prompt) leaves no trace.
TEST(Ladder, TruncatingAndGoingOnEqualsFresh) {
  for_every_model_and_cache([](const Context& ctx, Model& model, KvType type) {
    const Batch batch = make_batch({90}, model.config.vocab), other = make_batch({90}, model.config.vocab, 6);
    KvCache cache(model.config, 2 * kBlock, type);
    KvSequence fresh(cache), reused(cache);
    const Tensor wanted = feed(ctx, model, batch, 0, 0, 90, fresh);
    feed(ctx, model, batch, 0, 0, 40, reused);
    feed(ctx, model, other, 0, 40, 50, reused);
    reused.truncate(40);
    expect_same_rows(wanted, 40, feed(ctx, model, batch, 0, 40, 50, reused), "after the cut");
  });
}

// The same function in two orders of multiplication. With all experts chosen: a rounded hidden state may otherwise pick
// another expert, rightly. Bounds: the largest difference by the root mean square of the hidden state.
TEST(Ladder, ExpandedIsCloseToAbsorbed) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (bool with_q_lora : {true, false}) {
      ModelConfig config = test::tiny_deepseek(with_q_lora);
      config.top_k = config.experts, config.groups = config.top_groups = 1;
      const auto model = make_model(config);
      const Batch batch = make_batch({5, 90, 33}, config.vocab);
      const Tensor expanded = forward(ctx, *model, batch, {.mla_form = MlaForm::expanded}).hidden;
      const Tensor absorbed = forward(ctx, *model, batch, {.mla_form = MlaForm::absorbed}).hidden;
      EXPECT_LE(test::relative_error(expanded.values(), test::doubles(absorbed)),
                ctx.precision == Precision::f32 ? 2e-5 : 0.1);
    }
  });
}

// Every matrix in blocks of 8 bits, as a file would hold it.
void quantise_matrices(Model& model) {
  for (Param* p : model.params()) {
    if (p->group != ParamGroup::matrix || p->shape.back() % 32 != 0) continue;
    const int64_t rows = num_elements(p->shape) / p->shape.back(), cols = p->shape.back();
    QuantMatrix m{.type = QuantType::q8_0, .data = nullptr, .rows = rows, .cols = cols};
    const auto bytes = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(m.bytes()));
    m.data = bytes->data();
    for (int64_t r = 0; r < rows; ++r)
      quantise_row(m.type, p->weight.value().f32() + r * cols, cols, bytes->data() + r * m.row_bytes());
    p->weight = Weight(m, p->shape, bytes);
  }
}

// Where weights are multiplied in 8-bit integers, a long stretch of new tokens makes every head's keys and values, and
// few read the latents: the same function in another order of roundings. Beside it another sequence goes on by a few
// tokens.
TEST(Ladder, QuantisedLongPrefillIsCloseToDecode) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (bool split : {true, false}) {
      SCOPED_TRACE(split ? "k_b and v_b" : "kv_b");
      ModelConfig config = test::tiny_deepseek(true);
      config.top_k = config.experts, config.groups = config.top_groups = 1;  // a rounded score chooses no other expert
      config.hidden = 64, config.kv_lora = 64, config.nope_dim = 32, config.rope_dim = 16, config.v_dim = 32,
      config.split_kv_b = split;
      const auto model = make_model(config);
      quantise_matrices(*model);
      ASSERT_NE((split ? model->blocks[0].mla.k_b : model->blocks[0].mla.kv_b).weight.quant(), nullptr);
      const Batch batch = make_batch({400, 12}, config.vocab);
      for (const KvType type : {kv_type_of(ctx.precision), KvType::q8}) {
        SCOPED_TRACE(kv_type_name(type));
        KvCache cache(config, 2048, type);
        KvSequence decoded(cache), long_one(cache), beside(cache), beside_alone(cache);
        std::vector<float> wanted;
        for (int64_t t = 0; t < 400; ++t) {
          const Tensor row = feed(ctx, *model, batch, 0, t, 1, decoded);
          if (t >= 20) wanted.insert(wanted.end(), row.values().begin(), row.values().end());
        }
        feed(ctx, *model, batch, 0, 0, 20, long_one);
        feed(ctx, *model, batch, 1, 0, 8, beside);
        feed(ctx, *model, batch, 1, 0, 8, beside_alone);
        Batch both;
        both.append(part_of(batch, 1, 8, 4).ids, 8, &beside);
        both.append(part_of(batch, 0, 20, 380).ids, 20, &long_one);
        ASSERT_TRUE(beside.extend(4) && long_one.extend(380));
        const Tensor found = forward(ctx, *model, both).hidden;
        const double bound = ctx.precision == Precision::f32 && type == KvType::f32 ? 2e-5 : 0.25;
        EXPECT_LE(test::relative_error({found.row(4), wanted.size()}, test::doubles(wanted)), bound);
        const Tensor alone = feed(ctx, *model, batch, 1, 8, 4, beside_alone);
        EXPECT_LE(test::relative_error({found.row(0), static_cast<size_t>(alone.size())}, test::doubles(alone)), bound);
      }
    }
  });
}

struct LossAndGradients {
  LossResult loss;
  std::vector<std::vector<float>> gradients;
};

LossAndGradients train_step(Context ctx, const ModelConfig& config, MlaForm form) {
  const auto model = make_model(config);
  const Batch batch = make_batch({90, 3, 40}, config.vocab);
  const std::vector<int32_t> targets = make_batch({133}, config.vocab, 8).ids;
  const std::vector<float> weights(133, 1.0f);
  Tape tape;
  ctx.tape = &tape;
  LossAndGradients result;
  result.loss = language_model_loss(ctx, *model, batch, targets, weights,
                                    {.balance_weight = 0.01f, .mla_form = form, .scale = 1.0f / 133});
  tape.backward();
  for (Param* p : model->params())
    if (!p->weight.frozen) result.gradients.emplace_back(p->weight.grad(), p->weight.grad() + p->weight.value().size());
  return result;
}

TEST(Ladder, AnyNumberOfThreadsGivesTheSameLossAndGradients) {
  ThreadPool one(1), two(2), three(3);
  test::at_every_level_and_precision([&](const Context& ctx) {
    for (const auto& [name, config] : test::tiny_configs()) {
      SCOPED_TRACE(name);
      for (MlaForm form : {MlaForm::expanded, MlaForm::absorbed}) {
        const auto wanted = train_step({.precision = ctx.precision, .pool = &one}, config, form);
        for (ThreadPool* pool : {&two, &three}) {
          const auto found = train_step({.precision = ctx.precision, .pool = pool}, config, form);
          EXPECT_EQ(found.loss.main.sum, wanted.loss.main.sum);
          EXPECT_EQ(found.loss.mtp.sum, wanted.loss.mtp.sum);
          EXPECT_EQ(found.loss.balance, wanted.loss.balance);
          EXPECT_TRUE(found.gradients == wanted.gradients) << pool->size() << " threads";
        }
      }
    }
  });
}

// The log-probabilities that a trainer computes over whole sequences are the engine's: logits of any rows, bit for bit.
TEST(Ladder, LogitsOfOneRowEqualThoseAmongMany) {
  for_every_model([](const Context& ctx, Model& model) {
    const Batch batch = make_batch({40}, model.config.vocab);
    const Tensor hidden = forward(ctx, model, batch).hidden;
    std::vector<int64_t> rows;
    for (int64_t t = 0; t < 40; ++t) rows.push_back(t);
    const Tensor all = logits(ctx, model, hidden, rows);
    for (int64_t t : rows) expect_same_rows(all, t, logits(ctx, model, hidden, std::span(&t, 1)), "one row");
  });
}

}  // namespace
}  // namespace hadal
