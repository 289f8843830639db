#include "weights/find/run_model.h"

#include <cstdlib>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace hadal::weights {
namespace {

bool holds_model(const Path& folder) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(folder / "config.json", ignored);
}

// The step that the weights of model/ are of; -1: not known. A card that says they are the best counts as the newest.
int64_t step_of_model(const Path& folder) {
  std::error_code ignored;
  const Path file = folder / "card.json";
  if (!std::filesystem::is_regular_file(file, ignored)) return -1;
  try {
    const Json card = parse_json(read_file(file, 16 << 20), file.string());
    if (card.contains("best")) return INT64_MAX;
    return card.contains("step") && card["step"].is_number_integer() ? card["step"].get<int64_t>() : -1;
  } catch (const Error&) {
    return -1;
  }
}

}  // namespace

Path model_of_run(const Path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored) || holds_model(path)) return path;
  if (std::filesystem::is_regular_file(path / "state.json", ignored) &&
      std::filesystem::is_regular_file(path / "optimizer.safetensors", ignored)) {
    fail(
        "{}: this checkpoint has no config.json, so it is not a model: resume it with `{}`, which leaves the run's "
        "model/ "
        "when it stops",
        path.string(), command({"train", "RECIPE", "--resume"}));
  }
  Path newest;
  int64_t step = -1;
  for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
    const std::string name = entry.path().filename().string(), prefix = "checkpoint-";
    if (!name.starts_with(prefix) || name.find_first_not_of("0123456789", prefix.size()) != std::string::npos) continue;
    const int64_t number = std::atoll(name.c_str() + prefix.size());
    if (number > step && holds_model(entry.path())) newest = entry.path(), step = number;
  }
  if (holds_model(path / "model") && step_of_model(path / "model") >= step) newest = path / "model";
  if (newest.empty()) return path;
  log_info("{}: the folder of a run; taking {}", path.string(), newest.filename().string());
  return newest;
}

}  // namespace hadal::weights
