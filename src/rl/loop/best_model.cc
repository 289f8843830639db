#include "rl/loop/best_model.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "train/run_folder.h"

namespace hadal::rl {

BestModel::BestModel(const RlRecipe& recipe, const weights::LoadedModel& start, std::string parent, bool resumed)
    : recipe_(recipe), start_(start), parent_(std::move(parent)), folder_(recipe.output / "model") {
  const Path card = folder_ / "card.json";
  std::error_code ignored;
  if (!resumed || !std::filesystem::exists(card, ignored)) return;
  try {
    const Json json = parse_json(read_file(card, 16 << 20), card.string());
    step_ = json.at("step"), tokens_ = json.at("tokens");
    best_ = json.at("best").at("value").get<double>();
  } catch (const std::exception& error) {
    best_.reset();
    log_warning("{}: cannot be read ({}); the next validation replaces this model", card.string(), error.what());
  }
}

bool BestModel::is_there() const {
  std::error_code ignored;
  return best_ && std::filesystem::exists(folder_ / "model.safetensors", ignored);
}

void BestModel::offer(const TrainSummary& summary) {
  const double value = summary.evaluations.at(0).metrics.at(0).value;
  if (!std::isfinite(value) || (is_there() && value <= *best_)) return;
  if (!is_there() && summary.steps > 0) {
    log_warning("{}: the best weights so far are gone; those of step {} take their place", folder_.string(),
                summary.steps);
  }
  best_ = value;
  step_ = summary.steps, tokens_ = summary.tokens;
  replace_folder(folder_, [&](const Path& made) {
    weights::save_model(made, *start_.model, *start_.tokenizer, DType::bf16, start_.defaults);
    write_card(made);
  });
}

void BestModel::finish(const TrainSummary& summary) {
  finished_ = summary.finished;
  write_card(folder_);
}

void BestModel::write_card(const Path& folder) const {
  const ParameterCounts counts = count_parameters(start_.model->config);
  const OrderedJson card = {
      {"name", recipe_.name},
      {"step", step_},
      {"tokens", tokens_},
      {"finished", finished_},
      {"parameters", {{"total", counts.total}, {"active", counts.active}}},
      {"recipe", recipe_.file.filename().string()},
      {"parent", parent_},
      {"best", {{"by", "development/pass@1"}, {"value", best_.value_or(0)}, {"items", recipe_.development_items}}}};
  write_file_whole(folder / "card.json", dump_json(card, 1) + "\n");
  write_file_whole(
      folder / "README.md",
      fmt::format("# {}\n\nWritten by `hadal rl` together with the weights in this folder.\n\n| | |\n|---|---|\n"
                  "| weights | after step {} of reinforcement learning, the best by pass@1 on development items: "
                  "{:.3f} |\n| parameters | {}, of which a token uses {} |\n| recipe | [recipe.toml](recipe.toml), a "
                  "copy of {} |\n| trained further from | {} |\n",
                  recipe_.name, step_, best_.value_or(0), counts.total, counts.active, recipe_.file.filename().string(),
                  parent_));
  std::error_code ignored;
  if (std::filesystem::is_regular_file(recipe_.file, ignored))
    write_file_whole(folder / "recipe.toml", read_file(recipe_.file, 16 << 20));
}

}  // namespace hadal::rl
