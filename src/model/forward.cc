// The one forward.
#include "model/attention.h"
#include "model/model.h"

namespace hadal {
namespace {

Tensor dense_ffn(const Context& ctx, const FfnParams& p, const Tensor& x) {
  const Weight* both[] = {&p.gate.weight, &p.up.weight};
  const auto gate_up = linears(ctx, x, both);
  return linear(ctx, swiglu(ctx, gate_up[0], gate_up[1]), p.down.weight);
}

RouterOptions router_options(const ModelConfig& c) {
  return {.experts = c.experts,
          .top_k = c.top_k,
          .sigmoid = c.sigmoid_router,
          .groups = c.groups,
          .top_groups = c.top_groups,
          .group_by_top2 = c.group_by_top2,
          .normalise = c.normalise_top_k,
          .scale = c.routed_scale};
}

Tensor moe_ffn(const Context& ctx, const ModelConfig& c, MoeParams& p, const Tensor& x,
               std::span<const int32_t> offsets, float balance_weight, double* balance_loss) {
  Context exact = ctx;  // the router decides in f32: a rounded score may pick another expert
  exact.precision = Precision::f32;
  const Tensor scores = linear(exact, x, p.router.weight);
  const float* bias = p.correction_bias.weight.value() ? p.correction_bias.weight.value().f32() : nullptr;
  const Routing routing = route(ctx, scores, bias, router_options(c), offsets, balance_weight, balance_loss);
  if (ctx.tape != nullptr)
    for (size_t e = 0; e < routing.load.size(); ++e) p.load[e] += routing.load[e];
  const Tensor y = experts(ctx, x, routing, p.experts.gate.weight, p.experts.up.weight, p.experts.down.weight);
  return c.shared_experts > 0 ? add(ctx, y, dense_ffn(ctx, p.shared, x)) : y;
}

Tensor rows_of(const Tensor& x, std::span<const int64_t> rows) {
  Tensor chosen({static_cast<int64_t>(rows.size()), x.cols()});
  for (size_t i = 0; i < rows.size(); ++i) std::copy_n(x.row(rows[i]), x.cols(), chosen.row(static_cast<int64_t>(i)));
  return chosen;
}

Tensor block(const Context& ctx, Model& model, BlockParams& p, const Tensor& x, const Batch& batch, int64_t layer,
             const ForwardOptions& options, double* balance_loss) {
  const ModelConfig& c = model.config;
  const Tensor normed = rms_norm(ctx, x, p.attention_norm.weight, c.norm_eps);
  const Tensor attended = c.is_mla() ? mla_attention(ctx, model, p.mla, normed, batch, layer, options.mla_form)
                                     : gqa_attention(ctx, model, p.gqa, normed, batch, layer);
  Tensor h = add(ctx, x, attended);
  std::span<const int32_t> offsets = batch.offsets;
  const int32_t chosen[] = {0, options.rows ? static_cast<int32_t>(options.rows->size()) : 0};
  if (options.rows && layer + 1 == c.layers) {
    h = rows_of(h, *options.rows);
    if (options.rows->empty()) return h;
    offsets = chosen;
  }
  const Tensor h_normed = rms_norm(ctx, h, p.ffn_norm.weight, c.norm_eps);
  return add(ctx, h,
             p.is_moe ? moe_ffn(ctx, c, p.moe, h_normed, offsets, options.balance_weight, balance_loss)
                      : dense_ffn(ctx, p.dense, h_normed));
}

void check_batch(const Batch& batch) {
  HADAL_CHECK(batch.ids.size() == batch.positions.size() && !batch.offsets.empty());
  HADAL_CHECK(batch.offsets.front() == 0 && static_cast<size_t>(batch.offsets.back()) == batch.ids.size());
  HADAL_CHECK(batch.states.empty() || batch.states.size() + 1 == batch.offsets.size());
}

}  // namespace

ForwardResult forward(const Context& ctx, Model& model, const Batch& batch, const ForwardOptions& options) {
  check_batch(batch);
  HADAL_CHECK(!options.rows || ctx.tape == nullptr, "chosen rows while training");
  ForwardResult result;
  result.hidden = embedding(ctx, model.embedding.weight, batch.ids);
  for (size_t layer = 0; layer < model.blocks.size(); ++layer)
    result.hidden = block(ctx, model, model.blocks[layer], result.hidden, batch, static_cast<int64_t>(layer), options,
                          &result.balance_loss);
  return result;
}

Tensor logits(const Context& ctx, const Model& model, const Tensor& hidden,
              std::optional<std::span<const int64_t>> rows) {
  const Tensor chosen = rows ? rows_of(hidden, *rows) : hidden;
  return linear(ctx, rms_norm(ctx, chosen, model.norm.weight, model.config.norm_eps), model.head_weight());
}

namespace {

// What the extra layer sees and predicts: token t+1's embedding beside token t's hidden state, and the target of t+1.
// The last token of each sequence has no next one and gets weight 0.
struct Shifted {
  std::vector<int32_t> next_ids, targets;
  std::vector<float> weights;

  Shifted(const std::vector<int32_t>& ids, std::span<const int32_t> offsets, std::span<const int32_t> from_targets,
          std::span<const float> from_weights)
      : next_ids(ids), targets(from_targets.begin(), from_targets.end()), weights(from_weights.size(), 0.0f) {
    for (size_t s = 0; s + 1 < offsets.size(); ++s) {
      for (auto t = static_cast<size_t>(offsets[s]); t + 1 < static_cast<size_t>(offsets[s + 1]); ++t) {
        next_ids[t] = ids[t + 1];
        targets[t] = from_targets[t + 1];
        weights[t] = from_weights[t + 1];
      }
    }
  }
};

// DeepSeek-V3, section 2.2: h' = block(projection([norm(embedding(t+1)); norm(h(t))])).
void mtp_loss(const Context& ctx, Model& model, const Batch& batch, Tensor hidden, std::span<const int32_t> targets,
              std::span<const float> weights, const LossOptions& options, LossResult& result) {
  const float eps = model.config.norm_eps;
  std::vector<int32_t> ids = batch.ids, goal(targets.begin(), targets.end());
  std::vector<float> weight(weights.begin(), weights.end());
  const ForwardOptions forward_options{options.mla_form, options.balance_weight * options.scale};
  const float share = options.mtp_weight / static_cast<float>(model.mtp.size());
  for (size_t depth = 0; depth < model.mtp.size(); ++depth) {
    MtpParams& p = model.mtp[depth];
    Shifted next(ids, batch.offsets, goal, weight);
    const Tensor e = rms_norm(ctx, embedding(ctx, model.embedding.weight, next.next_ids), p.embedding_norm.weight, eps);
    const Tensor joined =
        linear(ctx, concat(ctx, e, rms_norm(ctx, hidden, p.hidden_norm.weight, eps), 1), p.projection.weight);
    hidden = block(ctx, model, p.block, joined, batch, model.config.layers + static_cast<int64_t>(depth),
                   forward_options, &result.balance);
    const CrossEntropy ce = linear_cross_entropy(ctx, rms_norm(ctx, hidden, p.norm.weight, eps), model.head_weight(),
                                                 next.targets, next.weights, options.scale * share);
    result.mtp.sum += ce.sum, result.mtp.weight += ce.weight, result.mtp.correct += ce.correct;
    ids = std::move(next.next_ids), goal = std::move(next.targets), weight = std::move(next.weights);
  }
}

}  // namespace

LossResult language_model_loss(const Context& ctx, Model& model, const Batch& batch, std::span<const int32_t> targets,
                               std::span<const float> weights, const LossOptions& options) {
  HADAL_CHECK(batch.states.empty() && targets.size() == batch.ids.size() && weights.size() == batch.ids.size());
  // The balance loss is a mean over this batch's tokens; options.scale divides by the weights of a whole step, so give
  // it this batch's share of them.
  double weight = 0;
  for (float w : weights) weight += w;
  LossOptions scaled = options;
  scaled.balance_weight = options.balance_weight * static_cast<float>(weight);
  const ForwardResult f = forward(ctx, model, batch, {scaled.mla_form, scaled.balance_weight * scaled.scale});
  LossResult result;
  result.balance = f.balance_loss;
  result.main = linear_cross_entropy(ctx, rms_norm(ctx, f.hidden, model.norm.weight, model.config.norm_eps),
                                     model.head_weight(), targets, weights, scaled.scale);
  if (!model.mtp.empty() && scaled.mtp_weight > 0)
    mtp_loss(ctx, model, batch, f.hidden, targets, weights, scaled, result);
  return result;
}

double update_router_bias(Model& model, float speed) {
  double imbalance = 0;
  int64_t layers = 0;
  auto update = [&](BlockParams& b) {
    if (!b.is_moe) return;
    double sum = 0, max = 0;
    for (int64_t n : b.moe.load) sum += static_cast<double>(n), max = std::max(max, static_cast<double>(n));
    const double mean = sum / static_cast<double>(b.moe.load.size());
    if (sum > 0) {
      imbalance += max / mean;
      ++layers;
      if (b.moe.correction_bias.weight.value())
        for (size_t e = 0; e < b.moe.load.size(); ++e) {
          const double n = static_cast<double>(b.moe.load[e]);
          b.moe.correction_bias.weight.value().f32()[e] += n < mean ? speed : n > mean ? -speed : 0.0f;
        }
    }
    std::fill(b.moe.load.begin(), b.moe.load.end(), 0);
  };
  for (BlockParams& b : model.blocks) update(b);
  for (MtpParams& m : model.mtp) update(m.block);
  return layers > 0 ? imbalance / static_cast<double>(layers) : 1.0;
}

double forward_flops_per_token(const ModelConfig& c, double context) {
  const double products = 2.0 * static_cast<double>(count_parameters(c).matrix_active);
  const double head =
      c.is_mla() ? static_cast<double>(c.nope_dim + c.rope_dim + c.v_dim) : 2.0 * static_cast<double>(c.head_dim);
  return products + 2.0 * static_cast<double>(c.layers * c.heads) * head * context;
}

}  // namespace hadal
