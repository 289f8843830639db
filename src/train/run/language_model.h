// The language model as a Trainee: batches from a mixture of sources, next-token loss (with multi-token prediction and
// the router's balance where the model has them), validation in nats a token and bits a byte.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "train/data/mixture.h"
#include "train/run/recipe.h"
#include "train/trainee.h"
#include "weights/generation.h"

namespace hadal {

class LanguageModel : public Trainee {
 public:
  // The model is initialised; both it and the stores outlive this object. Stores by the names of the recipe's sources.
  LanguageModel(Model& model, const Recipe& recipe, const Tokenizer& tokenizer,
                const std::map<std::string, TokenStore>& stores, weights::GenerationDefaults defaults = {});

  ParamList params() override { return model_.params(); }
  void begin_stage(int64_t index) override;
  // Every rank draws all of the step and keeps its share, so that the place in the data is the same on each.
  int64_t begin_step(Collective& ranks) override;
  void micro_batch(const Context& ctx, int64_t i, StepStats& stats) override;
  void end_step(Collective& ranks, bool updated, StepStats& stats) override;
  std::vector<Evaluation> evaluate(const Context& ctx, Collective& ranks) override;  // the sources of the stage
  std::vector<Evaluation> evaluate_all(const Context& ctx);  // of all stages, each as the last one takes it that has it
  Json state() const override;
  void restore(const Json& state, const std::string& who) override;
  void describe(const Path& folder) const override;

 private:
  std::optional<Evaluation> evaluate_source(const Context& ctx, size_t i);
  Model& model_;
  const Recipe& recipe_;
  const Tokenizer& tokenizer_;
  const std::map<std::string, TokenStore>& stores_;
  weights::GenerationDefaults defaults_;  // of the model it began with: its checkpoints say the same
  TokenId bos_;
  std::vector<uint32_t> token_bytes_;
  const StageSpec* stage_ = nullptr;
  std::unique_ptr<Mixture> mixture_;
  std::vector<TrainingBatch> batches_;  // of the step, this rank's
  ExpertLoad expert_load_;              // since the last end_step()
  // Of a run that was begun when a step took a rounded number of whole micro-batches: it keeps doing so, for its bits.
  bool whole_micro_batches_ = false;
  double step_weight_ = 0;
  double flops_per_token_ = 0, flops_per_context_ = 0;  // forward; the second per token of context
};

}  // namespace hadal
