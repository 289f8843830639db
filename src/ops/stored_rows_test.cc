// Rows that are gathered, put and stored, and attention that expands stored latents.
#include "ops/testing/test_support.h"

namespace hadal {
namespace {

using test::random_tensor;

TEST(Rows, GatheredAndPutBackAreTheSame) {
  const Context ctx = test::one_thread(Precision::f32);
  const Tensor x = random_tensor({150, 7}, 1), y = Tensor::zeros({150, 7});
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < 150; ++i) rows.push_back(i * 7 % 150);
  const Tensor gathered = gather_rows(ctx, x, rows);
  for (int64_t i = 0; i < 150; ++i)
    EXPECT_TRUE(test::same_bits(gathered.row(i), x.row(rows[static_cast<size_t>(i)]), 7));
  put_rows(ctx, gathered, rows, y);
  test::expect_same_rows(y, 0, x, "all rows");
  EXPECT_EQ(gather_rows(ctx, x, {}).rows(), 0);
  const std::vector<int64_t> one = {3};
  put_rows(ctx, Tensor::zeros({1, 7}), one, y);
  for (int64_t i = 0; i < 7; ++i) EXPECT_EQ(y.row(3)[i], 0);
  test::expect_same_rows(y, 4, test::rows_of(x, 4, 150), "the others");
}

constexpr int64_t kBlock = 16;

// Memory of one sequence in blocks of 16 rows, each elsewhere.
struct Memory {
  std::vector<std::vector<std::byte>> blocks;
  KvRows rows;
  Memory(KvRow row, int64_t parts, int64_t length) {
    rows = {.blocks = {}, .block_rows = kBlock, .row = row, .length = length, .part_rows = kBlock};
    for (int64_t at = 0; at < length; at += kBlock)
      blocks.emplace_back(static_cast<size_t>(kBlock * parts * row.bytes()), std::byte{0xff});
    for (auto& block : blocks) rows.blocks.push_back(block.data());
  }
  float at(int64_t position, int64_t column) const {
    const StoredRows part = rows.columns(column, 1);
    const void* value = rows.row.at(part.row_at(position), part.first_column);
    return rows.row.type == KvType::f32 ? *static_cast<const float*>(value)
                                        : static_cast<float>(*static_cast<const Bf16*>(value));
  }
};

// A batch of two sequences, the first with rows of an earlier one, and columns that two parts share.
TEST(StoreRows, WritesTheLastPositionsOfEachSequence) {
  for (KvType type : {KvType::f32, KvType::bf16}) {
    const Memory a({type, 6}, 3, 21), b({type, 6}, 3, 5);
    const KvRows kv[] = {a.rows, b.rows};
    const Context ctx = test::one_thread(Precision::f32);
    const Tensor before = random_tensor({20, 15}, 1), x = random_tensor({6, 9}, 2);
    const KvRows early = {a.rows.blocks, kBlock, a.rows.row, 20, kBlock};
    const int32_t first[] = {0, 20}, offsets[] = {0, 1, 6};
    store_rows(ctx, before, {&early, 1}, 3, first);
    store_rows(ctx, x, kv, 4, offsets);
    const auto rounded = [&](float v) { return type == KvType::f32 ? v : static_cast<float>(Bf16(v)); };
    for (int64_t c = 0; c < 9; ++c) {
      EXPECT_EQ(a.at(20, 4 + c), rounded(x.row(0)[c]));
      for (int64_t t = 0; t < 5; ++t) EXPECT_EQ(b.at(t, 4 + c), rounded(x.row(1 + t)[c]));
    }
    for (int64_t t = 0; t < 20; ++t)
      for (int64_t c = 0; c < 15; ++c) EXPECT_EQ(a.at(t, 3 + c), rounded(before.row(t)[c]));
  }
}

// Against attention() over every head's keys and values, for both ways in which files hold their matrices.
TEST(AttentionExpanded, IsAttentionOverExpandedKeysAndValues) {
  test::at_every_level([] {
    const Context ctx = test::one_thread(Precision::f32);
    const int64_t heads = 3, latent = 12, nope = 5, rotated = 4, v_dim = 7, tokens = 40;
    const Weight kv(random_tensor({heads * (nope + v_dim), latent}, 1));
    Tensor k({heads, latent, nope}), v({heads, v_dim, latent});
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < latent; ++i) {
        for (int64_t j = 0; j < nope; ++j)
          k.f32()[(h * latent + i) * nope + j] = kv.value().row(h * (nope + v_dim) + j)[i];
        for (int64_t j = 0; j < v_dim; ++j)
          v.f32()[(h * v_dim + j) * latent + i] = kv.value().row(h * (nope + v_dim) + nope + j)[i];
      }
    const Weight k_apart(k), v_apart(v);

    const std::vector<int32_t> offsets = {0, 3, 40};
    const Tensor q = random_tensor({tokens, heads * (nope + rotated)}, 2), latents = random_tensor({tokens, latent}, 3),
                 k_rope = random_tensor({tokens, rotated}, 4);
    const Tensor made = linear(ctx, latents, kv);
    const Tensor expected = attention(ctx, {heads, heads, nope + rotated, v_dim, 0.3f}, q,
                                      concat(ctx, columns(ctx, made, heads, 0, nope), k_rope, heads, true),
                                      columns(ctx, made, heads, nope, v_dim), offsets);

    const Memory a({KvType::f32, latent + rotated}, 1, 3), b({KvType::f32, latent + rotated}, 1, 37);
    const KvRows stored[] = {a.rows, b.rows};
    store_rows(ctx, latents, stored, 0, offsets);
    store_rows(ctx, k_rope, stored, latent, offsets);
    LatentHeads one{heads, latent, nope, rotated, v_dim, 0.3f}, apart = one;
    one.kv = &kv;
    apart.k = &k_apart, apart.v = &v_apart;
    for (const LatentHeads& h : {one, apart})
      EXPECT_LE(test::relative_error(attention_expanded(ctx, h, q, stored, offsets).values(), test::doubles(expected)),
                1e-5);
  });
}

}  // namespace
}  // namespace hadal
