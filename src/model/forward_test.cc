// The forward and the losses against the whole model written out in double precision (after the DeepSeek-V2 and V3
// papers and the Qwen2 report), for MLA with and without a low-rank query, mixtures, GQA, and the MTP layer.
#include "model/rope_angles.h"
#include "model/testing/tiny_models.h"
#include "ops/testing/plain_reference.h"

namespace hadal {
namespace {

using plain::Numbers;
using test::make_batch;
using test::make_model;
using test::relative_error;

struct PlainModel {
  const Model& model;
  const Batch& batch;
  const ModelConfig& c = model.config;

  static Numbers values(const Param& p) { return test::doubles(p.weight.value()); }
  static Numbers linear(const Numbers& x, const Param& w) {
    return plain::linear(x, values(w), w.shape[1], w.shape[0]);
  }
  Numbers norm(const Numbers& x, const Param& w) const { return plain::rms_norm(x, values(w), c.norm_eps); }
  static Numbers columns(const Numbers& x, int64_t width, int64_t begin, int64_t count) {
    Numbers y;
    for (size_t at = 0; at < x.size(); at += plain::at(width))
      y.insert(y.end(), x.begin() + static_cast<int64_t>(at) + begin,
               x.begin() + static_cast<int64_t>(at) + begin + count);
    return y;
  }
  static Numbers joined(const Numbers& a, int64_t na, const Numbers& b, int64_t nb) {
    Numbers y;
    for (int64_t r = 0; r < static_cast<int64_t>(a.size()) / na; ++r) {
      y.insert(y.end(), a.begin() + r * na, a.begin() + (r + 1) * na);
      y.insert(y.end(), b.begin() + r * nb, b.begin() + (r + 1) * nb);
    }
    return y;
  }
  static Numbers for_every_head(const Numbers& x, int64_t width, int64_t heads) {
    Numbers y;
    for (int64_t r = 0; r < static_cast<int64_t>(x.size()) / width; ++r)
      for (int64_t h = 0; h < heads; ++h) y.insert(y.end(), x.begin() + r * width, x.begin() + (r + 1) * width);
    return y;
  }

  Numbers embedding(std::span<const int32_t> ids) const {
    Numbers x;
    for (int32_t id : ids) {
      const Numbers table = test::doubles({model.embedding.weight.value().row(id), plain::at(c.hidden)});
      x.insert(x.end(), table.begin(), table.end());
    }
    return x;
  }

  Numbers mla(const MlaParams& p, const Numbers& x) const {
    Numbers q = c.q_lora > 0 ? linear(norm(linear(x, p.q_a), p.q_a_norm), p.q_b) : linear(x, p.q);
    q = plain::rope(q, c.heads, model.rope, batch.positions);
    const int64_t stored = c.kv_lora + c.rope_dim, per_head = c.nope_dim + c.v_dim;
    const Numbers kv = linear(x, p.kv_a);
    const Numbers latent = norm(columns(kv, stored, 0, c.kv_lora), p.kv_a_norm);
    const Numbers k_rope = plain::rope(columns(kv, stored, c.kv_lora, c.rope_dim), 1, model.rope, batch.positions);
    const Numbers every = linear(latent, p.kv_b);
    const Numbers k = joined(columns(every, per_head, 0, c.nope_dim), c.nope_dim,
                             for_every_head(k_rope, c.rope_dim, c.heads), c.rope_dim);
    const Numbers v = columns(every, per_head, c.nope_dim, c.v_dim);
    const AttentionShape shape{c.heads, c.heads, c.nope_dim + c.rope_dim, c.v_dim, model.attention_scale};
    return linear(plain::attention(shape, q, k, v, batch.offsets), p.o);
  }

  Numbers gqa(const GqaParams& p, const Numbers& x) const {
    auto biased = [&](const Param& w, const Param& b) {
      Numbers y = linear(x, w);
      const Numbers bias = values(b);
      for (size_t i = 0; i < y.size(); ++i) y[i] += bias[i % bias.size()];
      return y;
    };
    const Numbers q = plain::rope(biased(p.q, p.q_bias), c.heads, model.rope, batch.positions);
    const Numbers k = plain::rope(biased(p.k, p.k_bias), c.kv_heads, model.rope, batch.positions);
    const AttentionShape shape{c.heads, c.kv_heads, c.head_dim, c.head_dim, model.attention_scale};
    return linear(plain::attention(shape, q, k, biased(p.v, p.v_bias), batch.offsets), p.o);
  }

  Numbers ffn(const FfnParams& p, const Numbers& x) const {
    return linear(plain::swiglu(linear(x, p.gate), linear(x, p.up)), p.down);
  }

  Numbers mixture(const MoeParams& p, const Numbers& x) const {
    const RouterOptions options{c.experts,    c.top_k,         c.sigmoid_router,  c.groups,
                                c.top_groups, c.group_by_top2, c.normalise_top_k, c.routed_scale};
    const Numbers scores = linear(x, p.router), gate = values(p.experts.gate), up = values(p.experts.up),
                  down = values(p.experts.down);
    const float* bias = c.sigmoid_router ? p.correction_bias.weight.value().f32() : nullptr;
    const size_t each = plain::at(c.expert_inner * c.hidden);
    Numbers y = c.shared_experts > 0 ? ffn(p.shared, x) : Numbers(x.size());
    for (int64_t t = 0; t < static_cast<int64_t>(x.size()) / c.hidden; ++t) {
      const Numbers row(x.begin() + t * c.hidden, x.begin() + (t + 1) * c.hidden);
      const Numbers row_scores(scores.begin() + t * c.experts, scores.begin() + (t + 1) * c.experts);
      for (auto [e, weight] : plain::route(row_scores, bias, options)) {
        auto part = [&, expert = plain::at(e)](const Numbers& w) { return std::span(w).subspan(expert * each, each); };
        const Numbers out = plain::ffn(row, {part(gate), part(up), part(down)}, c.hidden, c.expert_inner);
        for (int64_t i = 0; i < c.hidden; ++i) y[plain::at(t * c.hidden + i)] += weight * out[plain::at(i)];
      }
    }
    return y;
  }

  Numbers block(const BlockParams& p, Numbers x) const {
    const Numbers normed = norm(x, p.attention_norm);
    plain::add(x, c.is_mla() ? mla(p.mla, normed) : gqa(p.gqa, normed));
    const Numbers again = norm(x, p.ffn_norm);
    plain::add(x, p.is_moe ? mixture(p.moe, again) : ffn(p.dense, again));
    return x;
  }

  Numbers hidden() const {
    Numbers x = embedding(batch.ids);
    for (const BlockParams& p : model.blocks) x = block(p, std::move(x));
    return x;
  }
  Numbers head(const Numbers& x, const Param& final_norm) const {
    return linear(norm(x, final_norm), c.tied_head ? model.embedding : model.head);
  }

  // Token t's hidden state and token t+1's embedding predict token t+2 (DeepSeek-V3, section 2.2).
  Numbers mtp_logits() const {
    const MtpParams& p = model.mtp[0];
    std::vector<int32_t> next(batch.ids.begin() + 1, batch.ids.end());
    next.push_back(0);
    const Numbers e = norm(embedding(next), p.embedding_norm), h = norm(hidden(), p.hidden_norm);
    return head(block(p.block, linear(joined(e, c.hidden, h, c.hidden), p.projection)), p.norm);
  }
};

std::vector<int64_t> all_rows(const Batch& batch) {
  std::vector<int64_t> rows(batch.ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

double logits_error(const ModelConfig& config, Precision precision, MlaForm form) {
  const auto model = make_model(config);
  const Batch batch = make_batch({5, 1, 70, 13}, config.vocab);
  const Context ctx = test::one_thread(precision);
  const Tensor hidden = forward(ctx, *model, batch, {.mla_form = form}).hidden;
  const PlainModel plain{*model, batch};
  return relative_error(logits(ctx, *model, hidden, all_rows(batch)).values(), plain.head(plain.hidden(), model->norm));
}

TEST(Forward, EqualsTheModelWrittenOutInF32) {
  test::at_every_level([] {
    for (const auto& [name, config] : test::tiny_configs()) {
      SCOPED_TRACE(name);
      EXPECT_LE(logits_error(config, Precision::f32, MlaForm::expanded), 1e-4);
      if (config.is_mla()) {
        EXPECT_LE(logits_error(config, Precision::f32, MlaForm::absorbed), 1e-4);
      }
    }
  });
}

// With all experts chosen: a rounded hidden state may otherwise pick another expert, rightly.
TEST(Forward, InBf16StaysNearTheModelWrittenOut) {
  test::at_every_level([] {
    for (auto [name, config] : test::tiny_configs()) {
      SCOPED_TRACE(name);
      if (config.experts > 0) config.top_k = config.experts, config.groups = config.top_groups = 1;
      EXPECT_LE(logits_error(config, Precision::bf16, MlaForm::expanded), 0.1);
      if (config.is_mla()) {
        EXPECT_LE(logits_error(config, Precision::bf16, MlaForm::absorbed), 0.1);
      }
    }
  });
}

TEST(Forward, DeepSeekV2WithSoftmaxRouter) {
  ModelConfig config = test::tiny_deepseek(false);
  config.family = ModelConfig::Family::deepseek_v2;
  config.sigmoid_router = config.normalise_top_k = config.group_by_top2 = false;
  config.mtp_depth = 0;
  EXPECT_LE(logits_error(config, Precision::f32, MlaForm::expanded), 1e-4);
}

TEST(Forward, LossesEqualTheModelWrittenOut) {
  for (const auto& [name, config] : test::tiny_configs()) {
    SCOPED_TRACE(name);
    const auto model = make_model(config);
    const Batch batch = make_batch({9, 1, 20}, config.vocab);
    const std::vector<int32_t> targets = make_batch({30}, config.vocab, 77).ids;
    std::vector<float> weights(30, 1.0f);
    weights[3] = weights[29] = 0;
    weights[12] = 0.5f;
    const LossResult found = language_model_loss(test::one_thread(Precision::f32), *model, batch, targets, weights, {});
    const PlainModel plain{*model, batch};
    auto sum_of = [&](const Numbers& rows, int64_t shift) {  // row t predicts targets[t + shift], within its sequence
      double sum = 0;
      for (size_t s = 0; s + 1 < batch.offsets.size(); ++s)
        for (int64_t t = batch.offsets[s]; t + shift < batch.offsets[s + 1]; ++t)
          sum += weights[plain::at(t + shift)] *
                 plain::cross_entropy(Numbers(rows.begin() + t * config.vocab, rows.begin() + (t + 1) * config.vocab),
                                      targets[plain::at(t + shift)]);
      return sum;
    };
    const double main = sum_of(plain.head(plain.hidden(), model->norm), 0);
    EXPECT_NEAR(found.main.sum, main, 1e-4 * main);
    EXPECT_NEAR(found.main.weight, 27.5, 1e-9);
    if (config.mtp_depth == 0) continue;
    const double mtp = sum_of(plain.mtp_logits(), 1);
    EXPECT_NEAR(found.mtp.sum, mtp, 1e-4 * mtp);
    EXPECT_NEAR(found.mtp.weight, 24.5, 1e-9);  // without the first target of each sequence
  }
}

// DeepSeek-V3's own numbers: of 32 frequencies the first 11 stay, those from 23 on are divided by the factor, and the
// scores grow by (0.1 ln 40 + 1)^2.
TEST(RopeAngles, YarnOfDeepSeekV3) {
  ModelConfig c = test::tiny_deepseek(true);
  c.nope_dim = 128, c.rope_dim = 64, c.rope_theta = 10000;
  c.rope_scaling = {
      .kind = RopeScaling::Kind::yarn, .factor = 40, .original_context = 4096, .mscale = 1, .mscale_all_dim = 1};
  const Rope rope = rope_angles(c);
  ASSERT_EQ(rope.inv_freq.size(), 32u);
  for (size_t i = 0; i < 32; ++i) {
    const double plain = std::pow(10000.0, -static_cast<double>(i) / 32);
    const double between = 1 - (static_cast<double>(i) - 10) / 13 * (1 - 1.0 / 40);
    EXPECT_NEAR(rope.inv_freq[i] / plain, i <= 10 ? 1 : i >= 23 ? 1.0 / 40 : between, 1e-6) << i;
  }
  EXPECT_FLOAT_EQ(rope.attention_factor, 1);
  EXPECT_TRUE(rope.interleaved);
  EXPECT_NEAR(attention_scale_of(c), 1.8738542 / std::sqrt(192.0), 1e-6);
}

// Llama 3.1: wavelengths under 8192 / 4 stay, those over 8192 are stretched eightfold.
TEST(RopeAngles, Llama3) {
  ModelConfig c = test::tiny_gqa();
  c.head_dim = 128, c.rope_theta = 500000;
  c.rope_scaling = {.kind = RopeScaling::Kind::llama3, .factor = 8, .original_context = 8192};
  const Rope rope = rope_angles(c);
  for (size_t i = 0; i < 64; ++i) {
    const double plain = std::pow(500000.0, -static_cast<double>(i) / 64), wavelength = 6.283185307179586 / plain;
    EXPECT_GE(rope.inv_freq[i] / plain, wavelength < 2048 ? 1 - 1e-6 : 0.125 - 1e-6) << i;
    EXPECT_LE(rope.inv_freq[i] / plain, wavelength > 8192 ? 0.125 + 1e-6 : 1 + 1e-6) << i;
  }
  EXPECT_FALSE(rope.interleaved);
}

}  // namespace
}  // namespace hadal
