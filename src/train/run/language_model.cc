#include "train/run/language_model.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "train/data/token_lengths.h"
#include "train/resumed.h"
#include "weights/load.h"

namespace hadal {
namespace {

// So that all move their routers' biases alike. A rank that had no data brings zeros.
void sum_over_ranks(ExpertLoad& load, const Model& model, Collective& ranks) {
  if (ranks.size() == 1) return;
  const auto layers = std::ranges::count_if(model.blocks, [](const BlockParams& block) { return block.is_moe; }) +
                      std::ranges::count_if(model.mtp, [](const MtpParams& mtp) { return mtp.block.is_moe; });
  load.resize(static_cast<size_t>(layers));
  for (std::vector<int64_t>& layer : load) {
    layer.resize(static_cast<size_t>(model.config.experts));
    std::vector<double> sums(layer.begin(), layer.end());
    ranks.all_reduce(sums);
    std::copy(sums.begin(), sums.end(), layer.begin());
  }
}

}  // namespace

LanguageModel::LanguageModel(Model& model, const Recipe& recipe, const Tokenizer& tokenizer,
                             const std::map<std::string, TokenStore>& stores, weights::GenerationDefaults defaults)
    : model_(model),
      recipe_(recipe),
      tokenizer_(tokenizer),
      stores_(stores),
      defaults_(std::move(defaults)),
      bos_(tokenizer.bos()),
      token_bytes_(token_lengths(tokenizer, false)) {
  flops_per_token_ = forward_flops_per_token(model.config, 0);
  flops_per_context_ = forward_flops_per_token(model.config, 1) - flops_per_token_;
}

void LanguageModel::begin_stage(int64_t index) {
  stage_ = &recipe_.stages.at(static_cast<size_t>(index));
  MixtureOptions options;
  std::vector<const TokenStore*> used;
  for (const auto& [name, share] : stage_->sources) {
    used.push_back(&stores_.at(name));
    options.shares.push_back(share);
  }
  options.sequence_length = stage_->sequence_length;
  options.assistant_only = stage_->assistant_only;
  options.join = stage_->join;
  options.seed = recipe_.seed + static_cast<uint64_t>(index);
  options.bos = bos_;
  options.token_bytes = token_bytes_;
  mixture_ = std::make_unique<Mixture>(std::move(used), std::move(options));
}

// Micro-batches until the next piece would go beyond batch_tokens: a step has them to within a piece.
int64_t LanguageModel::begin_step(Collective& ranks) {
  const int64_t requested = stage_->batch_tokens, most = stage_->micro_batch_tokens;
  const int64_t whole = std::max<int64_t>(1, (requested + most / 2) / most);
  batches_.clear();
  step_weight_ = 0;
  for (int64_t drawn = 0;;) {
    const int64_t left = requested - drawn;
    if (whole_micro_batches_ ? static_cast<int64_t>(batches_.size()) == whole
                             : drawn > 0 && (left <= 0 || mixture_->next_length() > left))
      break;
    batches_.push_back(mixture_->next(whole_micro_batches_ ? most : std::min(most, left)));
    drawn += batches_.back().num_tokens();
    step_weight_ += batches_.back().weight;
  }
  const Share mine = share_of(std::ssize(batches_), ranks);
  batches_.erase(batches_.begin() + mine.end, batches_.end());
  batches_.erase(batches_.begin(), batches_.begin() + mine.begin);
  return static_cast<int64_t>(batches_.size());
}

Json LanguageModel::state() const {
  if (whole_micro_batches_) return mixture_->state();
  return {{"sources", mixture_->state()}};
}

void LanguageModel::restore(const Json& state, const std::string& who) {
  whole_micro_batches_ = state.is_array();
  mixture_->restore(whole_micro_batches_ ? state : state.at("sources"), who);
}

void LanguageModel::micro_batch(const Context& ctx, int64_t i, StepStats& stats) {
  const TrainingBatch& b = batches_[static_cast<size_t>(i)];
  LossOptions options;
  options.mtp_weight = static_cast<float>(stage_->mtp_weight);
  options.balance_weight = static_cast<float>(stage_->balance_weight);
  options.scale = static_cast<float>(1.0 / step_weight_);
  const LossResult r = language_model_loss(ctx, model_, b.batch, b.targets, b.weights, options);
  ctx.tape->backward();
  add_load(expert_load_, r.expert_load);
  stats.loss += r.main.sum;
  stats.weight += r.main.weight;
  stats.tokens += b.num_tokens();
  for (size_t s = 0; s + 1 < b.batch.offsets.size(); ++s) {
    const double length = b.batch.offsets[s + 1] - b.batch.offsets[s];
    stats.flops += 3 * length * (flops_per_token_ + flops_per_context_ * length / 2);
  }
}

void LanguageModel::end_step(Collective& ranks, bool updated, StepStats& stats) {
  if (model_.config.experts == 0) return;
  sum_over_ranks(expert_load_, model_, ranks);
  const double imbalance =
      update_router_bias(model_, expert_load_, updated ? static_cast<float>(stage_->router_bias_speed) : 0.0f);
  expert_load_.clear();
  stats.extra.emplace_back("expert_imbalance", imbalance);
}

void LanguageModel::describe(const Path& folder) const {
  write_record(folder, recipe_, model_.config, tokenizer_);
  // Weights that lie otherwise than in Hugging Face's files (a GGUF file's) make no model as they are.
  const ModelConfig& c = model_.config;
  if (c.split_kv_b || c.rope_pairs || c.rope_scaling.kind == RopeScaling::Kind::factors) return;
  weights::save_description(folder, c, tokenizer_, DType::f32, defaults_);
}

std::vector<Evaluation> LanguageModel::evaluate(const Context& ctx, Collective& ranks) {
  if (ranks.rank() != 0) return {};
  std::vector<Evaluation> out;
  for (size_t i = 0; i < mixture_->num_sources(); ++i)
    if (auto e = evaluate_source(ctx, i)) out.push_back(*e);
  return out;
}

std::vector<Evaluation> LanguageModel::evaluate_all(const Context& ctx) {
  std::map<std::string, int64_t> last;
  for (size_t stage = 0; stage < recipe_.stages.size(); ++stage)
    for (const auto& [name, share] : recipe_.stages[stage].sources) last[name] = static_cast<int64_t>(stage);
  std::map<std::string, Evaluation> found;
  for (size_t stage = 0; stage < recipe_.stages.size(); ++stage) {
    begin_stage(static_cast<int64_t>(stage));
    for (size_t i = 0; i < mixture_->num_sources(); ++i) {
      if (last[mixture_->source_name(i)] != static_cast<int64_t>(stage)) continue;
      if (auto e = evaluate_source(ctx, i)) found[e->name] = *e;
    }
  }
  std::vector<Evaluation> out;
  for (const SourceSpec& source : recipe_.sources)
    if (found.contains(source.name)) out.push_back(found[source.name]);
  return out;
}

std::optional<Evaluation> LanguageModel::evaluate_source(const Context& ctx, size_t i) {
  double loss = 0, weight = 0;
  int64_t correct = 0, bytes = 0;
  mixture_->for_validation(i, recipe_.validation_tokens, stage_->micro_batch_tokens, [&](TrainingBatch&& b) {
    LossOptions options;
    options.mtp_weight = 0;
    const LossResult r = language_model_loss(ctx, model_, b.batch, b.targets, b.weights, options);
    loss += r.main.sum;
    weight += r.main.weight;
    correct += r.main.correct;
    bytes += b.target_bytes;
  });
  if (weight == 0) return std::nullopt;  // no validation documents
  Evaluation e;
  e.name = mixture_->source_name(i);
  e.metrics = {{"loss", loss / weight}};
  if (bytes > 0) e.metrics.push_back({"bits_per_byte", loss / std::log(2.0) / static_cast<double>(bytes)});
  e.metrics.push_back({"accuracy", static_cast<double>(correct) / weight, true});
  e.tokens = static_cast<int64_t>(weight);
  return e;
}

}  // namespace hadal
