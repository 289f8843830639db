// What an 8-bit cache loses, against one that keeps what products read. docs/models.md has the figures.
#include <gtest/gtest.h>

#include <cstdio>

#include "goldens.h"

namespace hadal {
namespace {

using namespace goldens;

Tensor logits_over_cache(Model& model, const std::vector<int32_t>& ids, Precision precision, KvType type) {
  const auto count = static_cast<int64_t>(ids.size());
  KvCache cache(model.config, count, type);
  KvSequence state(cache);
  EXPECT_TRUE(state.extend(count));
  Context ctx;
  ctx.precision = precision;
  Batch batch{ids, std::vector<int32_t>(ids.size()), {0, static_cast<int32_t>(count)}, {&state}};
  std::iota(batch.positions.begin(), batch.positions.end(), 0);
  std::vector<int64_t> rows(ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  return logits(ctx, model, forward(ctx, model, batch).hidden, rows);
}

struct Loss {
  double mean_kl = 0, largest = 0, same_top = 0;  // largest: |difference| of a logit
};
Loss loss(const Tensor& found, const Tensor& expected) {
  const Closeness c = closeness(found, expected.values());
  return {c.mean_kl, compare(found.values(), expected.values()).largest, c.same_top};
}

// 8-bit rows in exact arithmetic and in that of bf16, each against the same without; and what bf16 alone loses.
void expect_close(const std::string& name, Model& model, const std::vector<int32_t>& ids, double most_kl) {
  const Tensor exact = logits_over_cache(model, ids, Precision::f32, KvType::f32),
               fast = logits_over_cache(model, ids, Precision::bf16, KvType::bf16);
  const Loss in_f32 = loss(logits_over_cache(model, ids, Precision::f32, KvType::q8), exact);
  const Loss in_bf16 = loss(logits_over_cache(model, ids, Precision::bf16, KvType::q8), fast);
  const auto print = [&](const char* what, const Loss& l) {
    std::printf("%-20s %-16s mean KL %.1e  largest difference of a logit %.3f  same best token %.3f\n", name.c_str(),
                what, l.mean_kl, l.largest, l.same_top);
  };
  print("q8 in f32", in_f32), print("q8 in bf16", in_bf16), print("bf16 against f32", loss(fast, exact));
  EXPECT_LE(in_f32.mean_kl, most_kl) << name;
  EXPECT_LE(in_bf16.mean_kl, 2 * most_kl) << name;
  EXPECT_GT(in_f32.largest, 0) << name << ": the cache is not of 8 bits";
}

// Of 33 tokens: no expert is chosen so narrowly there that rounding picks another one.
TEST(EightBitCache, IsCloseForTinyModels) {
  const std::pair<const char*, double> bounds[] = {
      {"deepseek_v2lite_tiny", 1.5e-3}, {"deepseek_v3_tiny", 2.5e-3}, {"qwen2_tiny", 8e-4}, {"llama3_tiny", 1.2e-3}};
  for (const auto& [name, most_kl] : bounds)
    expect_close(name, *weights::load_model(golden(Path(name) / "hf").string()).model, ids_of(name, 33), most_kl);
}

// A trained model on a text: its own README.
TEST(EightBitCache, IsCloseForThePilot) {
  const Path at = Path(HADAL_SOURCE_DIR) / "models/pilot";
  const weights::LoadedModel loaded = weights::load_model(at.string());
  std::vector<int32_t> ids = loaded.tokenizer->encode(read_file(at / "README.md"));
  ids.resize(std::min<size_t>(ids.size(), 512));
  expect_close("pilot", *loaded.model, ids, 3e-3);
}

}  // namespace
}  // namespace hadal
