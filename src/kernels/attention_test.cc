#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "kernels/cpu.h"
#include "kernels/levels/amx_emulator.h"

namespace hadal {
namespace {

// Random rows in blocks, each block in memory of its own with a gap before its first row.
struct Stored {
  std::vector<std::vector<std::byte>> memory;
  std::vector<std::byte*> blocks;
  StoredRows rows;

  Stored(Rng& rng, KvType type, int64_t count, int64_t width, int64_t block_rows) {
    rows = {.blocks = {}, .block_rows = block_rows, .row = {type, width}, .width = width, .offset = 64};
    std::vector<float> x(static_cast<size_t>(width));
    for (int64_t i = 0; i < count; ++i) {
      if (i % block_rows == 0)
        memory.emplace_back(static_cast<size_t>(rows.offset + block_rows * rows.row.bytes() + 64));
      for (float& v : x) v = rng.normal();
      rows.row.write(x.data(), 0, width, memory.back().data() + rows.offset + i % block_rows * rows.row.bytes());
    }
    for (auto& block : memory) blocks.push_back(block.data());
    rows.blocks = blocks;
  }
};

float stored_value(const StoredRows& r, int64_t i, int64_t column) {
  if (r.row.type != KvType::q8) {
    const void* at = r.row.at(r.row_at(i), r.first_column + column);
    return r.row.type == KvType::bf16 ? static_cast<float>(*static_cast<const Bf16*>(at))
                                      : *static_cast<const float*>(at);
  }
  float block[32];
  const int64_t all = r.first_column + column;
  r.row.read(r.row_at(i), all / 32 * 32, 32, block);
  return block[all % 32];
}

// The definition, in double: softmax(scale q k) v.
std::vector<double> plain(const float* q, const StoredRows& k, const StoredRows& v, double scale, int64_t keys,
                          bool round_q) {
  std::vector<double> weights, out(static_cast<size_t>(v.width));
  double sum = 0;
  for (int64_t i = 0; i < keys; ++i) {
    double score = 0;
    for (int64_t c = 0; c < k.width; ++c)
      score += static_cast<double>(round_q ? static_cast<float>(Bf16(q[c])) : q[c]) * stored_value(k, i, c);
    weights.push_back(std::exp(scale * score));
    sum += weights.back();
  }
  for (int64_t i = 0; i < keys; ++i)
    for (int64_t c = 0; c < v.width; ++c)
      out[static_cast<size_t>(c)] += weights[static_cast<size_t>(i)] / sum * stored_value(v, i, c);
  return out;
}

class Attention : public testing::TestWithParam<CpuLevel> {
 protected:
  void SetUp() override { force_cpu_level(GetParam()); }
  void TearDown() override { force_cpu_level(cpu_levels_present().back()); }

  static constexpr float kScale = 0.1f;

  // All segments at once, or one by one through merge_attention().
  static std::vector<float> attended(const AttentionQueries& q, const StoredRows& k, const StoredRows& v,
                                     Precision precision, bool at_once) {
    const auto count = static_cast<size_t>(q.count), width = static_cast<size_t>(v.width);
    std::vector<float> out(count * width), sum(count), max(count), part = out, part_sum = sum, part_max = max;
    const AttentionPart total{out.data(), v.width, sum.data(), max.data()};
    const AttentionPart one{part.data(), v.width, part_sum.data(), part_max.data()};
    if (at_once) attend(q, k, v, kScale, precision, 0, q.segments(), total);
    for (int64_t s = 0; !at_once && s < q.segments(); ++s) {
      attend(q, k, v, kScale, precision, s, s + 1, one);
      merge_attention(q.count, v.width, kScale, one, total, s == 0);
    }
    finish_attention(q.count, v.width, total);
    return out;
  }
};

struct Case {
  Precision precision;
  KvType type;
  int64_t count, keys, keys_step, block_rows;
};
constexpr Case kCases[] = {
    {Precision::f32, KvType::f32, 1, 1, 0, 16},     {Precision::f32, KvType::f32, 5, 300, 0, 64},
    {Precision::f32, KvType::bf16, 3, 40, 1, 32},   {Precision::f32, KvType::q8, 4, 257, 1, 256},
    {Precision::bf16, KvType::bf16, 1, 600, 0, 32}, {Precision::bf16, KvType::bf16, 16, 256, 0, 64},
    {Precision::bf16, KvType::bf16, 37, 230, 1, 8}, {Precision::bf16, KvType::q8, 7, 270, 1, 32},
    {Precision::bf16, KvType::f32, 2, 33, 1, 16},
};

TEST_P(Attention, EqualsTheDefinition) {
  for (const Case& c : kCases)
    for (const bool latents : {false, true}) {  // the values are a part of the keys, or rows of their own
      Rng rng(3);
      const int64_t all = c.keys + c.keys_step * (c.count - 1), width = 96, stride = width + 3;
      const Stored keys(rng, c.type, all, width, c.block_rows), apart(rng, c.type, all, 64, c.block_rows);
      StoredRows values = latents ? keys.rows : apart.rows;
      values.width = 64;
      std::vector<float> q(static_cast<size_t>(c.count * stride));
      for (float& x : q) x = rng.normal();
      const AttentionQueries queries{q.data(), stride, c.count, c.keys, c.keys_step};
      const auto found = attended(queries, keys.rows, values, c.precision, true);
      EXPECT_EQ(found, attended(queries, keys.rows, values, c.precision, false)) << "in segments, " << all << " keys";
      const bool is_bf16 = c.precision == Precision::bf16;
      for (int64_t r = 0; r < c.count; ++r) {
        const auto expected = plain(q.data() + r * stride, keys.rows, values, kScale, queries.num_keys(r), is_bf16);
        for (size_t i = 0; i < expected.size(); ++i)
          ASSERT_NEAR(found[static_cast<size_t>(r) * expected.size() + i], expected[i], is_bf16 ? 0.02 : 2e-5)
              << "row " << r << " of " << c.count << ", " << all << " keys of " << kv_type_name(c.type);
      }
    }
}

TEST_P(Attention, ARowHasTheSameBitsAloneAndAmongOthers) {
  for (const Case& c : kCases) {
    Rng rng(4);
    const int64_t all = c.keys + c.keys_step * (c.count - 1), width = 64;
    const Stored keys(rng, c.type, all, width, c.block_rows), values(rng, c.type, all, width, c.block_rows);
    std::vector<float> q(static_cast<size_t>(c.count * width));
    for (float& x : q) x = rng.normal();
    const AttentionQueries queries{q.data(), width, c.count, c.keys, c.keys_step};
    const auto together = attended(queries, keys.rows, values.rows, c.precision, true);
    for (int64_t r = 0; r < c.count; ++r) {
      const AttentionQueries alone{q.data() + r * width, width, 1, queries.num_keys(r), 0};
      const auto row = attended(alone, keys.rows, values.rows, c.precision, true);
      EXPECT_TRUE(std::equal(row.begin(), row.end(), together.begin() + r * width))
          << "row " << r << " of " << c.count << ", " << all << " keys of " << kv_type_name(c.type);
    }
  }
}

// Scores of thousands: one key takes all the weight, in whichever segment it is, and nothing becomes NaN.
TEST_P(Attention, LargeScoresStayFinite) {
  Rng rng(5);
  const Stored keys(rng, KvType::bf16, 300, 32, 32), values(rng, KvType::bf16, 300, 32, 32);
  std::vector<float> q(32);
  for (float& x : q) x = rng.normal() * 1000;
  const AttentionQueries queries{q.data(), 32, 1, 300, 0};
  const auto found = attended(queries, keys.rows, values.rows, Precision::bf16, false);
  int64_t best = 0;  // the key that takes all the weight
  std::vector<double> scores;
  for (int64_t i = 0; i < 300; ++i) {
    scores.push_back(0);
    for (int64_t c = 0; c < 32; ++c)
      scores.back() +=
          static_cast<double>(static_cast<float>(Bf16(q[static_cast<size_t>(c)]))) * stored_value(keys.rows, i, c);
    if (scores.back() > scores[static_cast<size_t>(best)]) best = i;
  }
  for (int64_t c = 0; c < 32; ++c)
    EXPECT_NEAR(found[static_cast<size_t>(c)], stored_value(values.rows, best, c), 1e-3) << "column " << c;
}

INSTANTIATE_TEST_SUITE_P(Levels, Attention, testing::ValuesIn(cpu_levels_to_test()),
                         [](const auto& level) { return std::string(cpu_level_name(level.param)); });

}  // namespace
}  // namespace hadal
