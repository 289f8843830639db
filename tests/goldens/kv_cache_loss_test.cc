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
  Difference logits;
  Closeness rows;
};
Loss loss_of_q8(Model& model, const std::vector<int32_t>& ids, Precision precision) {
  const Tensor exact = logits_over_cache(model, ids, precision, kv_type_of(precision));
  const Tensor rounded = logits_over_cache(model, ids, precision, KvType::q8);
  return {compare(rounded.values(), exact.values()), closeness(rounded, exact.values())};
}

void report(const std::string& model, const char* precision, const Loss& loss) {
  std::printf("%-22s %-5s mean KL %.2e  largest |dlogit| %.3f  rms %.4f  same best token %.3f\n", model.c_str(), precision, loss.rows.mean_kl,
              loss.logits.largest, loss.logits.rms, loss.rows.same_top);
}

TEST(EightBitCache, IsCloseForTinyModels) {
  if (!std::filesystem::exists(folder())) GTEST_SKIP() << "the goldens are not beside the checkout";
  for (const char* name : {"deepseek_v2lite_tiny", "deepseek_v3_tiny", "qwen2_tiny", "llama3_tiny"}) {
    const LoadedModel loaded = load_model((folder() / name / "hf").string());
    const Loss exact = loss_of_q8(*loaded.model, ids_of(folder() / name, 130), Precision::f32);
    const Loss fast = loss_of_q8(*loaded.model, ids_of(folder() / name, 130), Precision::bf16);
    report(name, "f32", exact);
    report(name, "bf16", fast);
    EXPECT_LE(exact.rows.mean_kl, 2e-3) << name;
    EXPECT_GT(exact.logits.rms, 0) << name;
  }
}

// A trained model on a text: its own README.
TEST(EightBitCache, IsCloseForThePilot) {
  const Path folder = Path(HADAL_SOURCE_DIR) / "models/pilot";
  const LoadedModel loaded = load_model(folder.string());
  std::vector<int32_t> ids = loaded.tokenizer->encode(read_file(folder / "README.md"));
  ids.resize(std::min<size_t>(ids.size(), 512));
  const Loss exact = loss_of_q8(*loaded.model, ids, Precision::f32), fast = loss_of_q8(*loaded.model, ids, Precision::bf16);
  report("pilot", "f32", exact);
  report("pilot", "bf16", fast);
  EXPECT_LE(exact.rows.mean_kl, 1e-3);
  EXPECT_GT(exact.logits.rms, 0);
}

}  // namespace
}  // namespace hadal
