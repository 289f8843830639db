// The one forward.
#include <algorithm>
#include <cmath>
#include <functional>

#include "model/blocks/attention.h"
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

// What a pass gathers beside the hidden states.
struct Gathered {
  double balance_loss = 0;
  ExpertLoad expert_load;
};

Tensor moe_ffn(const Context& ctx, const ModelConfig& c, const MoeParams& p, const Tensor& x,
               std::span<const int32_t> offsets, float balance_weight, Gathered& gathered) {
  Context exact = ctx;  // the router decides in f32: a rounded score may pick another expert
  exact.precision = Precision::f32;
  const Tensor scores = linear(exact, x, p.router.weight);
  Routing routing =
      route(ctx, scores, &p.correction_bias.weight, router_options(c), offsets, balance_weight, &gathered.balance_loss);
  const Tensor y = experts(ctx, x, routing, p.experts.gate.weight, p.experts.up.weight, p.experts.down.weight);
  gathered.expert_load.push_back(std::move(routing.load));
  return c.shared_experts > 0 ? add(ctx, y, dense_ffn(ctx, p.shared, x)) : y;
}

Tensor block(const Context& ctx, const Model& model, const BlockParams& p, const Tensor& x, const Batch& batch,
             int64_t layer, const ForwardOptions& options, Gathered& gathered) {
  const ModelConfig& c = model.config;
  const Tensor normed = rms_norm(ctx, x, p.attention_norm.weight, c.norm_eps);
  const Tensor attended = c.is_mla() ? mla_attention(ctx, model, p.mla, normed, batch, layer, options.mla_form)
                                     : gqa_attention(ctx, model, p.gqa, normed, batch, layer);
  Tensor h = add(ctx, x, attended);
  std::span<const int32_t> offsets = batch.offsets;
  const int32_t chosen[] = {0, options.rows ? static_cast<int32_t>(options.rows->size()) : 0};
  if (options.rows && layer + 1 == c.layers) {
    h = gather_rows(ctx, h, *options.rows);
    if (options.rows->empty()) return h;
    offsets = chosen;
  }
  const Tensor h_normed = rms_norm(ctx, h, p.ffn_norm.weight, c.norm_eps);
  return add(ctx, h,
             p.is_moe ? moe_ffn(ctx, c, p.moe, h_normed, offsets, options.balance_weight, gathered)
                      : dense_ffn(ctx, p.dense, h_normed));
}

void check_batch(const Batch& batch) {
  HADAL_CHECK(batch.ids.size() == batch.positions.size() && !batch.offsets.empty());
  HADAL_CHECK(batch.offsets.front() == 0 && static_cast<size_t>(batch.offsets.back()) == batch.ids.size());
  HADAL_CHECK(batch.states.empty() || batch.states.size() + 1 == batch.offsets.size());
}

}  // namespace

ForwardResult forward(const Context& ctx, const Model& model, const Batch& batch, const ForwardOptions& options) {
  check_batch(batch);
  HADAL_CHECK(!options.rows || ctx.tape == nullptr, "chosen rows while training");
  Gathered gathered;
  Tensor hidden = embedding(ctx, model.embedding.weight, batch.ids);
  for (size_t layer = 0; layer < model.blocks.size(); ++layer)
    hidden = block(ctx, model, model.blocks[layer], hidden, batch, static_cast<int64_t>(layer), options, gathered);
  return {std::move(hidden), gathered.balance_loss, std::move(gathered.expert_load)};
}

Tensor logits(const Context& ctx, const Model& model, const Tensor& hidden,
              std::optional<std::span<const int64_t>> rows) {
  const Tensor chosen = rows ? gather_rows(ctx, hidden, *rows) : hidden;
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
void mtp_loss(const Context& ctx, const Model& model, const Batch& batch, Tensor hidden,
              std::span<const int32_t> targets, std::span<const float> weights, const LossOptions& options,
              LossResult& result) {
  const float eps = model.config.norm_eps;
  std::vector<int32_t> ids = batch.ids, goal(targets.begin(), targets.end());
  std::vector<float> weight(weights.begin(), weights.end());
  const ForwardOptions forward_options{options.mla_form, options.balance_weight * options.scale};
  Gathered gathered;
  const float share = options.mtp_weight / static_cast<float>(model.mtp.size());
  for (size_t depth = 0; depth < model.mtp.size(); ++depth) {
    const MtpParams& p = model.mtp[depth];
    Shifted next(ids, batch.offsets, goal, weight);
    const Tensor e = rms_norm(ctx, embedding(ctx, model.embedding.weight, next.next_ids), p.embedding_norm.weight, eps);
    const Tensor joined =
        linear(ctx, concat(ctx, e, rms_norm(ctx, hidden, p.hidden_norm.weight, eps), 1), p.projection.weight);
    hidden = block(ctx, model, p.block, joined, batch, model.config.layers + static_cast<int64_t>(depth),
                   forward_options, gathered);
    const CrossEntropy ce =
        linear_cross_entropy(ctx, rms_norm(ctx, hidden, p.norm.weight, eps), model.head_weight(), next.targets,
                             next.weights, options.scale * share, options.temperature);
    result.mtp.sum += ce.sum, result.mtp.weight += ce.weight;
    result.mtp.used += ce.used, result.mtp.correct += ce.correct;
    ids = std::move(next.next_ids), goal = std::move(next.targets), weight = std::move(next.weights);
  }
  result.balance += gathered.balance_loss;
  for (auto& load : gathered.expert_load) result.expert_load.push_back(std::move(load));
}

}  // namespace

LossResult language_model_loss(const Context& ctx, const Model& model, const Batch& batch,
                               std::span<const int32_t> targets, std::span<const float> weights,
                               const LossOptions& options) {
  HADAL_CHECK(batch.states.empty() && targets.size() == batch.ids.size() && weights.size() == batch.ids.size());
  // The balance loss is a mean over this batch's tokens; options.scale divides by the weights of a whole step, so give
  // it this batch's share of them, whatever their signs.
  double weight = 0;
  for (float w : weights) weight += std::abs(w);
  LossOptions scaled = options;
  scaled.balance_weight = options.balance_weight * static_cast<float>(weight);
  ForwardResult f = forward(ctx, model, batch, {scaled.mla_form, scaled.balance_weight * scaled.scale});
  LossResult result;
  result.balance = f.balance_loss;
  result.expert_load = std::move(f.expert_load);
  result.main = linear_cross_entropy(ctx, rms_norm(ctx, f.hidden, model.norm.weight, model.config.norm_eps),
                                     model.head_weight(), targets, weights, scaled.scale, scaled.temperature);
  if (!model.mtp.empty() && scaled.mtp_weight > 0)
    mtp_loss(ctx, model, batch, f.hidden, targets, weights, scaled, result);
  return result;
}

void add_load(ExpertLoad& total, const ExpertLoad& more) {
  if (total.size() < more.size()) total.resize(more.size());
  for (size_t layer = 0; layer < more.size(); ++layer) {
    total[layer].resize(more[layer].size());
    std::ranges::transform(total[layer], more[layer], total[layer].begin(), std::plus<>());
  }
}

double update_router_bias(Model& model, const ExpertLoad& load, float speed) {
  double imbalance = 0;
  int64_t layers = 0;
  auto next = load.begin();
  auto update = [&](BlockParams& b) {
    if (!b.is_moe || next == load.end()) return;
    const double its = balance_experts(*next++, speed, b.moe.correction_bias.weight);
    imbalance += its;
    layers += its > 0;
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
