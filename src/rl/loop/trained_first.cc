#include "rl/loop/trained_first.h"

#include "base/log.h"
#include "train/checkpoint.h"
#include "train/train_run.h"

namespace hadal::rl {

std::optional<std::string> trained_first(const Path& recipe, const Path& folder, const std::string& who,
                                         const std::atomic<bool>* stop, const std::function<void()>& may_publish) {
  Recipe first = read_recipe(recipe);
  first.output = folder;
  const Path model = folder / "model";
  std::error_code ignored;
  const bool there = std::filesystem::exists(model / "config.json", ignored);
  const bool finished = std::filesystem::exists(folder / "report.json", ignored);
  if (there && (finished || list_checkpoints(folder).empty())) return model.string();
  log_info("{}: trains {} first, in {}", who, recipe.string(), folder.string());
  if (!run_recipe(first, {.resume = true, .stop = stop, .may_publish = may_publish}).summary.finished)
    return std::nullopt;
  return model.string();
}

}  // namespace hadal::rl
