#include "train/run/run_logs.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/json.h"

namespace hadal {
namespace {

bool is_validation(const Json& line) {
  for (const auto& [key, value] : line.items())
    if (key.starts_with("validation/")) return true;
  return false;
}

// The lines up to and including `step`; a line cut short by a kill goes too.
std::string kept_lines(const Path& file, int64_t step, bool validates_again) {
  std::string kept;
  if (!std::filesystem::exists(file)) return kept;
  for_each_line(file, [&](std::string_view line, int64_t) {
    try {
      const Json json = parse_json(line, "a line");
      if (!json.is_object() || !json.contains("step") || !json["step"].is_number()) return true;
      const int64_t at = json["step"].get<int64_t>();
      if (at < step || (at == step && !(validates_again && is_validation(json)))) kept.append(line).append("\n");
    } catch (const Error&) {  // cut short
    }
    return true;
  });
  return kept;
}

}  // namespace

RunLogs::RunLogs(const Path& run, int64_t first_step, bool validates_again)
    : path_(run / "metrics.jsonl"), events_(run / "tensorboard") {
  write_file_whole(path_, kept_lines(path_, first_step, validates_again));
  file_.reset(std::fopen(path_.c_str(), "ab"));
  if (!file_) fail("{}: cannot be written: {}", path_.string(), std::strerror(errno));
}

void RunLogs::write(int64_t step, int64_t tokens, const std::string& prefix,
                    const std::vector<std::pair<std::string, double>>& numbers) {
  OrderedJson line;
  line["step"] = step;
  if (std::ranges::none_of(numbers, [](const auto& number) { return number.first == "tokens"; }))
    line["tokens"] = tokens;
  std::vector<std::pair<std::string, float>> scalars;
  for (const auto& [name, value] : numbers) {
    line[prefix + name] = number_or_null(value);
    scalars.emplace_back(prefix + name, static_cast<float>(value));
  }
  const std::string text = dump_json(line) + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() || std::fflush(file_.get()) != 0) {
    fail("{}: cannot be written: {}; checkpoints are untouched: free space and continue with --resume", path_.string(),
         std::strerror(errno));
  }
  events_.write(step, scalars);
}

}  // namespace hadal
