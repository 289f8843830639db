// The promise under everything else: a row's bits do not depend on the rows beside it. Each op is run on 37 rows at
// once and on each row (or sequence) alone, at every CPU level, in f32 and bf16.
#include <functional>

#include "ops/testing/test_support.h"

namespace hadal {
namespace {

using test::expect_same_rows;
using test::random_tensor;
using test::rows_of;

constexpr int64_t kRows = 37;

// Runs fn(begin, end) on all rows, on runs of 5 and on single rows: the same bits.
void expect_invariant(const std::string& what, const std::function<Tensor(int64_t, int64_t)>& fn) {
  const Tensor whole = fn(0, kRows);
  for (int64_t run : {1, 5, 16})
    for (int64_t t = 0; t < kRows; t += run) {
      expect_same_rows(whole, t, fn(t, std::min(kRows, t + run)), what + " in runs of " + std::to_string(run));
      if (testing::Test::HasFatalFailure()) return;
    }
}

TEST(BatchInvariance, LinearOps) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (int64_t in : {5, 64, 131, 700}) {
      const Weight w(random_tensor({45, in}, 1)), bias(random_tensor({45}, 2)), heads(random_tensor({3 * 7, in}, 3));
      const Tensor x = random_tensor({kRows, in}, 4), x3 = random_tensor({kRows, 3 * in}, 5),
                   xt = random_tensor({kRows, 3 * 4}, 6);
      expect_invariant("linear", [&](int64_t b, int64_t e) { return linear(ctx, rows_of(x, b, e), w, &bias); });
      expect_invariant("head_linear", [&](int64_t b, int64_t e) {
        return head_linear(ctx, rows_of(x3, b, e), heads, {3, 2, 5, false});
      });
      expect_invariant("head_linear transposed", [&](int64_t b, int64_t e) {
        return head_linear(ctx, rows_of(xt, b, e), heads, {3, 1, 4, true});
      });
    }
  });
}

TEST(BatchInvariance, RowOps) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const Weight w(random_tensor({45}, 1)), head_norm(random_tensor({15}, 2)), table(random_tensor({99, 45}, 3));
    const Tensor x = random_tensor({kRows, 45}, 4), y = random_tensor({kRows, 45}, 5);
    const Rope angles{.inv_freq = {1.0f, 0.3f, 0.1f}, .attention_factor = 1.1f};
    std::vector<int32_t> ids, positions;
    for (int32_t t = 0; t < kRows; ++t) ids.push_back(t * 13 % 99), positions.push_back(t * 7);
    auto part = [](const std::vector<int32_t>& v, int64_t b, int64_t e) {
      return std::span(v).subspan(static_cast<size_t>(b), static_cast<size_t>(e - b));
    };
    expect_invariant("embedding", [&](int64_t b, int64_t e) { return embedding(ctx, table, part(ids, b, e)); });
    expect_invariant("rms_norm", [&](int64_t b, int64_t e) { return rms_norm(ctx, rows_of(x, b, e), w, 1e-6f); });
    expect_invariant("rms_norm of heads",
                     [&](int64_t b, int64_t e) { return rms_norm(ctx, rows_of(x, b, e), head_norm, 1e-6f); });
    expect_invariant("layer_norm",
                     [&](int64_t b, int64_t e) { return layer_norm(ctx, rows_of(x, b, e), w, w, 1e-6f); });
    expect_invariant("gelu", [&](int64_t b, int64_t e) { return gelu(ctx, rows_of(x, b, e)); });
    expect_invariant("add", [&](int64_t b, int64_t e) { return add(ctx, rows_of(x, b, e), rows_of(y, b, e)); });
    expect_invariant("swiglu", [&](int64_t b, int64_t e) { return swiglu(ctx, rows_of(x, b, e), rows_of(y, b, e)); });
    expect_invariant("columns", [&](int64_t b, int64_t e) { return columns(ctx, rows_of(x, b, e), 3, 2, 11); });
    expect_invariant("concat",
                     [&](int64_t b, int64_t e) { return concat(ctx, rows_of(x, b, e), rows_of(y, b, e), 3); });
    expect_invariant(
        "rope", [&](int64_t b, int64_t e) { return rope(ctx, rows_of(x, b, e), 3, angles, part(positions, b, e)); });
  });
}

TEST(BatchInvariance, RouteAndExperts) {
  test::at_every_level_and_precision([](const Context& ctx) {
    const int64_t num_experts = 8, hidden = 21, inner = 13;
    const Weight gate(random_tensor({num_experts, inner, hidden}, 1)),
        up(random_tensor({num_experts, inner, hidden}, 2)), down(random_tensor({num_experts, hidden, inner}, 3));
    const Tensor x = random_tensor({kRows, hidden}, 4), logits = random_tensor({kRows, num_experts}, 5);
    const RouterOptions options{.experts = num_experts, .top_k = 3, .groups = 4, .top_groups = 2};
    auto routing = [&](int64_t b, int64_t e) {
      const std::vector<int32_t> offsets = {0, static_cast<int32_t>(e - b)};
      return route(ctx, rows_of(logits, b, e), nullptr, options, offsets, 0, nullptr);
    };
    expect_invariant("route", [&](int64_t b, int64_t e) { return routing(b, e).weights; });
    expect_invariant(
        "experts", [&](int64_t b, int64_t e) { return experts(ctx, rows_of(x, b, e), routing(b, e), gate, up, down); });
  });
}

// The loss of one position and its gradient, alone and among the others.
TEST(BatchInvariance, LinearCrossEntropy) {
  test::at_every_level_and_precision([](Context ctx) {
    const int64_t hidden = 21, vocab = 333;
    const Weight head(random_tensor({vocab, hidden}, 1));
    const Tensor x = random_tensor({kRows, hidden}, 2);
    std::vector<int32_t> targets;
    for (int32_t t = 0; t < kRows; ++t) targets.push_back(t * 31 % static_cast<int32_t>(vocab));
    Tape tape;
    ctx.tape = &tape;
    auto gradient = [&](int64_t begin, int64_t end, double& sum) {
      const Tensor part = rows_of(x, begin, end);
      const std::vector<float> weights(static_cast<size_t>(end - begin), 1.0f);
      sum = linear_cross_entropy(ctx, part, head,
                                 std::span(targets).subspan(static_cast<size_t>(begin), weights.size()), weights, 0.5f)
                .sum;
      tape.backward();
      return Tensor::from(part.shape(), {part.grad(), static_cast<size_t>(part.size())});
    };
    double all = 0, one = 0, total = 0;
    const Tensor whole = gradient(0, kRows, all);
    for (int64_t t = 0; t < kRows; ++t) {
      expect_same_rows(whole, t, gradient(t, t + 1, one), "gradient");
      total += one;
    }
    EXPECT_NEAR(all, total, 1e-9 * total);
  });
}

struct Attended {
  AttentionShape shape;
  Tensor q, k, v;
  Attended(AttentionShape s, int64_t rows) : shape(s) {
    shape.scale = 1 / std::sqrt(static_cast<float>(shape.k_dim));
    q = random_tensor({rows, shape.heads * shape.k_dim}, 1);
    k = random_tensor({rows, shape.kv_heads * shape.k_dim}, 2);
    v = random_tensor({rows, shape.kv_heads * shape.v_dim}, 3);
  }
  Tensor run(const Context& ctx, const std::vector<int32_t>& offsets, int64_t begin, int64_t end) const {
    return attention(ctx, shape, rows_of(q, begin, end), rows_of(k, begin, end), rows_of(v, begin, end), offsets);
  }
};

const AttentionShape kShapes[] = {{.heads = 4, .kv_heads = 2, .k_dim = 64, .v_dim = 32},
                                  {.heads = 3, .kv_heads = 3, .k_dim = 17, .v_dim = 13},
                                  {.heads = 6, .kv_heads = 2, .k_dim = 16, .v_dim = 16},
                                  {.heads = 5, .kv_heads = 1, .k_dim = 40, .v_dim = 32}};

TEST(BatchInvariance, AttentionOfASequenceAmongOthersAndOfAPrefix) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (const AttentionShape& shape : kShapes) {
      const Attended a(shape, 150);
      const std::vector<int32_t> offsets = {0, 1, 20, 140, 150};
      const Tensor whole = a.run(ctx, offsets, 0, 150);
      for (size_t s = 0; s + 1 < offsets.size(); ++s) {
        const int32_t begin = offsets[s], length = offsets[s + 1] - begin;
        for (int32_t n : {1, 2, 7, 19, 64, 65, 120})
          if (n <= length)
            expect_same_rows(whole, begin, a.run(ctx, {0, n}, begin, begin + n), "a prefix of " + std::to_string(n));
      }
    }
  });
}

constexpr int64_t kStoredBlock = 16;

// Stored rows in blocks of 16, each block somewhere else in memory, keys first and values behind them.
struct Stored {
  std::vector<std::vector<std::byte>> blocks;
  KvRows rows;
  Stored(const Attended& a, KvType type, int64_t begin, int64_t length, int64_t gap) {
    const int64_t k_width = a.k.cols(), v_width = a.v.cols();
    KvRow row{type, k_width + gap + v_width};
    while (a.shape.k_dim % row.block != 0 || a.shape.v_dim % row.block != 0 || gap % row.block != 0) --row.block;
    rows = {.blocks = {}, .block_rows = kStoredBlock, .row = row, .length = length};
    for (int64_t first = 0; first < length; first += kStoredBlock) {
      blocks.emplace_back(static_cast<size_t>(kStoredBlock * row.bytes()),
                          std::byte{0xff});  // what is not written is no number
      for (int64_t r = 0; r < std::min(kStoredBlock, length - first); ++r) {
        std::byte* to = blocks.back().data() + r * row.bytes();
        row.write(a.k.row(begin + first + r), 0, k_width, to);
        row.write(a.v.row(begin + first + r), k_width + gap, v_width, to);
      }
    }
    for (auto& block : blocks) rows.blocks.push_back(block.data());
  }

  // What q8 rows hold, as keys and values of f32.
  void read_into(Attended& a) const {
    for (int64_t i = 0; i < rows.length; ++i) {
      const std::byte* row = rows.columns(0, rows.row.width).row_at(i);
      rows.row.read(row, 0, a.k.cols(), a.k.row(i));
      rows.row.read(row, rows.row.width - a.v.cols(), a.v.cols(), a.v.row(i));
    }
  }
};

void expect_attention_of_what_is_stored(const Context& ctx, const AttentionShape& shape, KvType type) {
  Attended a(shape, 150);
  const int64_t gap = shape.k_dim == 64 ? 32 : 3, v_begin = a.k.cols() + gap;
  if (type == KvType::q8) Stored(a, type, 0, 150, gap).read_into(a);  // stored again, they give the same integers
  const std::vector<int32_t> offsets = {0, 30, 150};
  const Tensor whole = a.run(ctx, offsets, 0, 150);
  for (int32_t count :
       {1, 3, 30}) {  // queries of each sequence, its last ones; the second sequence holds less and less
    for (int32_t second : {120, 66, 30}) {
      const Stored kv0(a, type, 0, 30, gap), kv1(a, type, 30, second, gap);
      const std::vector<KvRows> kv = {kv0.rows, kv1.rows};
      const Tensor q = concat(ctx, rows_of(a.q, 30 - count, 30).reshaped({1, count * a.q.cols()}),
                              rows_of(a.q, 30 + second - count, 30 + second).reshaped({1, count * a.q.cols()}), 1)
                           .reshaped({2 * count, a.q.cols()});
      const std::vector<int32_t> parts = {0, count, 2 * count};
      const Tensor found = attention_cached(ctx, a.shape, q, kv, v_begin, parts);
      expect_same_rows(whole, 30 - count, rows_of(found, 0, count), "first sequence");
      expect_same_rows(whole, 30 + second - count, rows_of(found, count, 2 * count), "second sequence");
    }
  }
}

TEST(BatchInvariance, AttentionOverStoredRowsEqualsAttention) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (const AttentionShape& shape : kShapes)
      for (const KvType type : {kv_type_of(ctx.precision), KvType::q8})
        expect_attention_of_what_is_stored(ctx, shape, type);
  });
}

// Long enough for several blocks along the keys, and for query blocks to shrink.
void expect_one_query_equals_many(const Context& ctx, int32_t length, KvType type) {
  const Attended a({.heads = 2, .kv_heads = 1, .k_dim = 6, .v_dim = 4}, length);
  const int32_t count = 70;
  const Stored kv(a, type, 0, length, 0);
  const std::vector<int32_t> all = {0, count}, single = {0, 1};
  const Tensor whole =
      attention_cached(ctx, a.shape, rows_of(a.q, length - count, length), {&kv.rows, 1}, a.k.cols(), all);
  for (int32_t back : {1, 2, 33, 69}) {
    KvRows shorter = kv.rows;
    shorter.length = length - back;
    const Tensor one = attention_cached(ctx, a.shape, rows_of(a.q, length - back - 1, length - back), {&shorter, 1},
                                        a.k.cols(), single);
    expect_same_rows(whole, count - back - 1, one, std::to_string(length) + " keys less " + std::to_string(back));
  }
}

TEST(BatchInvariance, AttentionOverLongSequences) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (int32_t length : {700, 17000})
      for (const KvType type : {kv_type_of(ctx.precision), KvType::q8}) expect_one_query_equals_many(ctx, length, type);
  });
}

// An absorbed latent is key and value at once: the values are the first columns of the keys.
TEST(BatchInvariance, StoredValuesMayOverlapTheKeys) {
  test::at_every_level_and_precision([](const Context& ctx) {
    for (const KvType type : {kv_type_of(ctx.precision), KvType::q8}) {
      Attended a(kShapes[3], 50);
      a.v = columns(ctx, a.k, 1, 0, 32);
      const std::vector<int32_t> offsets = {0, 50}, last = {0, 4};
      const Stored kv(a, type, 0, 50, 0);
      if (type == KvType::q8) kv.read_into(a);
      const Tensor whole = a.run(ctx, offsets, 0, 50);
      const Tensor found = attention_cached(ctx, a.shape, rows_of(a.q, 46, 50), {&kv.rows, 1}, 0, last);
      expect_same_rows(whole, 46, found, "the last four");
    }
  });
}

}  // namespace
}  // namespace hadal
